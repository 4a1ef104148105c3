//! The one log implementation.
