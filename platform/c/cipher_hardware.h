/*
 * Read before the cipher sources of Mbed TLS (build.rs): the code for the processor's own AES instructions, which the
 * crate leaves out. Mbed TLS asks the processor at run time and falls back to portable C. No structure changes.
 */
#include "mbedtls/build_info.h"

#if defined(__x86_64__) || defined(__i386__)
#define MBEDTLS_HAVE_ASM
#define MBEDTLS_AESNI_C
#elif defined(__aarch64__)
#define MBEDTLS_AESCE_C
#endif
