/* Compiled with the cipher sources of Mbed TLS and their settings (build.rs). */
#include "aesce.h"
#include "aesni.h"

/* Whether this processor has AES instructions that Mbed TLS uses. */
int iot_port_has_aes(void)
{
#if defined(MBEDTLS_AESNI_HAVE_CODE)
    return mbedtls_aesni_has_support(MBEDTLS_AESNI_AES) && mbedtls_aesni_has_support(MBEDTLS_AESNI_CLMUL);
#elif defined(MBEDTLS_AESCE_HAVE_CODE)
    return MBEDTLS_AESCE_HAS_SUPPORT();
#else
    return 0;
#endif
}
