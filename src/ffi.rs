//! The C interface: thin wrappers, one file per public header.
pub mod getopt;
pub mod lite;
pub mod log;
pub mod mqtt;
pub mod system;
