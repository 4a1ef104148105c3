/*
 * System headers and path lengths that the other headers and the programs rely on.
 */
#ifndef PLATFORM_H_
#define PLATFORM_H_

#if defined(_WIN32) || defined(WIN32)

#include <Windows.h>
#include <direct.h>
#include <limits.h>
#include <process.h>

/** Count of bytes, or negative. */
typedef signed long ssize_t;
#define getcwd(buffer, len) _getcwd(buffer, len)

#elif defined(__linux__)

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

#endif

/** Longest path of the system, terminator included. */
#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

/** Size of the path arrays in parameter structures (cert_file, key_file), terminator included. */
#define FILE_PATH_MAX_LEN 256

#endif /* PLATFORM_H_ */
