//! C interface: system.
