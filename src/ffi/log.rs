//! C interface: log.
