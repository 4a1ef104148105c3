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

/**
 * Next option of a command line.
 *
 * Options are single letters behind a dash and may be joined; an argument follows in the same word or in the next one
 * and is left in utils_optarg. The scan ends at the first word that is no option, at "--", or at the end of the words;
 * the next call then starts over at the first word, except after "--". One scan per process; not for several threads.
 *
 * @param nargc    count of nargv
 * @param nargv    the words, the first of which is not looked at
 * @param options  the letters, each followed by a colon if it takes an argument; a leading colon silences messages
 * @return the letter; '?' for an unknown one; '?' for a missing argument, or ':' if options has a leading colon;
 *         -1 at the end
 *
 * `nargv` is NULL or has `nargc` NUL-terminated words that outlive the use of `utils_optarg`; `options` is NULL or
 * NUL-terminated.
 */
int utils_getopt(int nargc, char *const *nargv, const char *options);

#ifdef __cplusplus
}
#endif

#endif /* __UTILS_GETOPT_H__ */
