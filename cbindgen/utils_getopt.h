/*
 * Options of a command line, for programs on systems without getopt.
 */
#ifndef __UTILS_GETOPT_H__
#define __UTILS_GETOPT_H__

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Argument of the option that utils_getopt returned last, NULL for an option without one. Points into the words given
 * to utils_getopt.
 */
extern char *utils_optarg;

@rust src/ffi/getopt.rs
#ifdef __cplusplus
}
#endif

#endif /* __UTILS_GETOPT_H__ */
