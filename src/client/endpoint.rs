//! Client endpoint.
