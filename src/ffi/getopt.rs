//! C interface: getopt.
