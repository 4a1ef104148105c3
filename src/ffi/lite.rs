//! C interface: lite.
