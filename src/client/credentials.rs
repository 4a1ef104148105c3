//! Client credentials.
