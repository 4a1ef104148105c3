/*
 * HAL_TLS_* over OpenSSL, on top of the HAL_TCP_Connect and HAL_TCP_Disconnect of port_sockets.c, whose handles are
 * descriptors. The socket does not block; a lock guards each call of the library and is never held while waiting, so one
 * thread may read while another writes.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

/* Where a call of the library ends that cannot go on at once. */
#define SLICE_MS 5

typedef struct {
    SSL_CTX        *context;
    SSL            *ssl;
    uintptr_t       fd;
    pthread_mutex_t lock;
    /* For the callback of the pre-shared key; gone when the handshake is over. */
    const TLSConnectParams *params;
} Connection;

#ifndef AUTH_MODE_CERT
static unsigned int give_key(SSL *ssl, const char *hint, char *identity, unsigned int max_identity, unsigned char *key,
                             unsigned int max_key)
{
    const TLSConnectParams *params = ((const Connection *)SSL_get_app_data(ssl))->params;

    (void)hint;
    if (params->psk_length > max_key || strlen(params->psk_id) >= max_identity) {
        return 0;
    }
    strcpy(identity, params->psk_id);
    memcpy(key, params->psk, params->psk_length);
    return (unsigned int)params->psk_length;
}

/* Pre-shared key suites alone, unless the server is to be verified. */
static bool set_credential(Connection *connection)
{
    const TLSConnectParams *params = connection->params;

    if (params->psk == NULL) {
        return true;
    }
    SSL_CTX_set_psk_client_callback(connection->context, give_key);
    return params->ca_crt != NULL || (SSL_CTX_set_cipher_list(connection->context, "PSK+AES") == 1 &&
                                      SSL_CTX_set_max_proto_version(connection->context, TLS1_2_VERSION) == 1);
}
#else
static bool set_credential(Connection *connection)
{
    const TLSConnectParams *params = connection->params;

    return params->cert_file == NULL || params->key_file == NULL ||
           (SSL_CTX_use_certificate_chain_file(connection->context, params->cert_file) == 1 &&
            SSL_CTX_use_PrivateKey_file(connection->context, params->key_file, SSL_FILETYPE_PEM) == 1);
}
#endif

static bool trust(SSL_CTX *context, const char *pem, int len)
{
    BIO  *text = BIO_new_mem_buf(pem, len);
    X509 *certificate;
    int   count = 0;

    while (text != NULL && (certificate = PEM_read_bio_X509(text, NULL, NULL, NULL)) != NULL) {
        count += X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate);
        X509_free(certificate);
    }
    BIO_free(text);
    /* The end of the text is an error to the library. */
    ERR_clear_error();
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return count > 0;
}

/* The name that the certificate must have, and the one that is asked for: addresses are not. */
static bool set_name(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1) {
        return true;
    }
    return SSL_set_tlsext_host_name(ssl, host) == 1 && X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

static bool set_up(Connection *connection, const char *host)
{
    const TLSConnectParams *params = connection->params;

    connection->context = SSL_CTX_new(TLS_client_method());
    if (connection->context == NULL || SSL_CTX_set_min_proto_version(connection->context, TLS1_2_VERSION) != 1 ||
        !set_credential(connection)) {
        return false;
    }
    if (params->ca_crt != NULL && !trust(connection->context, params->ca_crt, params->ca_crt_len)) {
        return false;
    }
    /* After "want write" the rest may come from another buffer. */
    SSL_CTX_set_mode(connection->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    connection->ssl = SSL_new(connection->context);
    return connection->ssl != NULL && SSL_set_app_data(connection->ssl, connection) == 1 &&
           SSL_set_fd(connection->ssl, (int)connection->fd) == 1 && set_name(connection->ssl, host);
}

static void wait_for_socket(uintptr_t fd, int why)
{
    struct pollfd one = {(int)fd, (short)(why == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN), 0};

    poll(&one, 1, SLICE_MS);
}

static bool shake_hands(Connection *connection, Timer *timer)
{
    int result, why;

    while ((result = SSL_connect(connection->ssl)) != 1) {
        why = SSL_get_error(connection->ssl, result);
        if ((why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) || HAL_Timer_expired(timer)) {
            ERR_clear_error();
            return false;
        }
        wait_for_socket(connection->fd, why);
    }
    return true;
}

static void release(Connection *connection)
{
    SSL_free(connection->ssl);
    SSL_CTX_free(connection->context);
    if (connection->fd != 0) {
        HAL_TCP_Disconnect(connection->fd);
    }
    pthread_mutex_destroy(&connection->lock);
    HAL_Free(connection);
}

uintptr_t HAL_TLS_Connect(TLSConnectParams *params, const char *host, int port)
{
    Connection *connection = (Connection *)HAL_Malloc(sizeof(Connection));
    Timer       timer;
    int         flags;

    if (connection == NULL) {
        return 0;
    }
    /* The library writes without MSG_NOSIGNAL: a broken connection would end the process. */
    signal(SIGPIPE, SIG_IGN);
    memset(connection, 0, sizeof(*connection));
    pthread_mutex_init(&connection->lock, NULL);
    connection->params = params;
    HAL_Timer_init(&timer);
    HAL_Timer_countdown_ms(&timer, params->timeout_ms);
    connection->fd = HAL_TCP_Connect(host, (uint16_t)port);
    flags = fcntl((int)connection->fd, F_GETFL);
    if (connection->fd == 0 || fcntl((int)connection->fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        !set_up(connection, host) || !shake_hands(connection, &timer)) {
        release(connection);
        return 0;
    }
    connection->params = NULL;
    return (uintptr_t)connection;
}

void HAL_TLS_Disconnect(uintptr_t handle)
{
    Connection *connection = (Connection *)handle;

    if (connection != NULL) {
        SSL_shutdown(connection->ssl);
        ERR_clear_error();
        release(connection);
    }
}

/* One call of the library. 1: some bytes; 0: the socket has to be waited for; -1: end or error. */
static int step(Connection *connection, bool to_read, unsigned char *data, size_t len, size_t *count, int *why)
{
    int result;

    pthread_mutex_lock(&connection->lock);
    *count = 0;
    result = to_read ? SSL_read_ex(connection->ssl, data, len, count) : SSL_write_ex(connection->ssl, data, len, count);
    *why = SSL_get_error(connection->ssl, result);
    ERR_clear_error();
    pthread_mutex_unlock(&connection->lock);
    if (result == 1) {
        return 1;
    }
    return *why == SSL_ERROR_WANT_READ || *why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

int HAL_TLS_Read(uintptr_t handle, unsigned char *data, size_t len, uint32_t timeout_ms, size_t *read_len)
{
    Connection *connection = (Connection *)handle;
    Timer       timer;
    size_t      count;
    int         result, why;

    *read_len = 0;
    HAL_Timer_init(&timer);
    HAL_Timer_countdown_ms(&timer, timeout_ms);
    while (*read_len < len) {
        result = step(connection, true, data + *read_len, len - *read_len, &count, &why);
        *read_len += count;
        if (result < 0) {
            return QCLOUD_ERR_SSL_READ;
        }
        if (result == 0 && HAL_Timer_expired(&timer)) {
            return *read_len > 0 ? QCLOUD_ERR_SSL_READ_TIMEOUT : QCLOUD_ERR_SSL_NOTHING_TO_READ;
        }
        if (result == 0) {
            wait_for_socket(connection->fd, why);
        }
    }
    return 0;
}

int HAL_TLS_Write(uintptr_t handle, unsigned char *data, size_t len, uint32_t timeout_ms, size_t *written_len)
{
    Connection *connection = (Connection *)handle;
    Timer       timer;
    size_t      count;
    int         result, why;

    *written_len = 0;
    HAL_Timer_init(&timer);
    HAL_Timer_countdown_ms(&timer, timeout_ms);
    while (*written_len < len) {
        result = step(connection, false, data + *written_len, len - *written_len, &count, &why);
        *written_len += count;
        if (result < 0) {
            return QCLOUD_ERR_SSL_WRITE;
        }
        if (*written_len < len && HAL_Timer_expired(&timer)) {
            return QCLOUD_ERR_SSL_WRITE_TIMEOUT;
        }
        if (result == 0) {
            wait_for_socket(connection->fd, why);
        }
    }
    return 0;
}

/* Keys and digests, for certificate devices. */

void *HAL_TLS_Get_PrivateKey_FromFile(const char *path)
{
    FILE     *file = fopen(path, "r");
    EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;

    if (file != NULL) {
        fclose(file);
    }
    ERR_clear_error();
    return key;
}

void HAL_TLS_Destory_PrivateKey(void *private_key)
{
    EVP_PKEY_free((EVP_PKEY *)private_key);
}

int HAL_TLS_Get_RSASHA256_Result_Len(void *private_key)
{
    EVP_PKEY *key = (EVP_PKEY *)private_key;

    return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? EVP_PKEY_get_size(key) : 0;
}

int HAL_TLS_Calc_Sign_RSASHA256(void *private_key, char *inbuf, int inbuf_len, char *outsign)
{
    size_t      len = (size_t)HAL_TLS_Get_RSASHA256_Result_Len(private_key);
    EVP_MD_CTX *signing = EVP_MD_CTX_new();
    int         result = QCLOUD_ERR_FAILURE;

    if (len == 0) {
        result = QCLOUD_ERR_SSL_CERT;
    } else if (signing != NULL &&
               EVP_DigestSignInit(signing, NULL, EVP_sha256(), NULL, (EVP_PKEY *)private_key) == 1 &&
               EVP_DigestSign(signing, (unsigned char *)outsign, &len, (unsigned char *)inbuf, (size_t)inbuf_len) == 1) {
        result = 0;
    }
    EVP_MD_CTX_free(signing);
    return result;
}

void HAL_TLS_Calc_SHA256(unsigned char *inbuf, size_t inbuf_len, unsigned char *outsign)
{
    SHA256(inbuf, inbuf_len, outsign);
}
