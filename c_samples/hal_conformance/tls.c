/* HAL_TLS_*: sessions, verification of the server, pre-shared key or certificate of the device, and the key functions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"

#ifdef AUTH_WITH_NOTLS
const Function g_tls_functions[] = {{NULL, NULL, NULL, false}};
#else

#ifndef AUTH_MODE_CERT
#pragma weak HAL_TLS_Get_PrivateKey_FromFile
#pragma weak HAL_TLS_Get_RSASHA256_Result_Len
#pragma weak HAL_TLS_Calc_Sign_RSASHA256
#pragma weak HAL_TLS_Destory_PrivateKey
#endif
#pragma weak HAL_TLS_Calc_SHA256

#define CYCLES     10
#define TIMEOUT_MS 5000
#define LINE_LEN   256
#define DIGEST_LEN 32
/* RSA keys of up to 4096 bits. */
#define SIGNATURE_LEN 512

#define PSK          "a key for checks only"
#define PSK_IDENTITY "hal-conformance"

static const Codes sg_codes = {
    QCLOUD_ERR_SSL_NOTHING_TO_READ, QCLOUD_ERR_SSL_READ_TIMEOUT,  QCLOUD_ERR_SSL_READ,
    QCLOUD_ERR_SSL_READ,            QCLOUD_ERR_SSL_WRITE_TIMEOUT, QCLOUD_ERR_SSL_WRITE,
    QCLOUD_ERR_SSL_WRITE_TIMEOUT,
};

/* Without trust anchors, and with the device's certificate if there is one. */
static void _usual(TLSConnectParams *params)
{
    memset(params, 0, sizeof(*params));
    params->timeout_ms = TIMEOUT_MS;
#ifdef AUTH_MODE_CERT
    params->cert_file = g_options.cert_file;
    params->key_file  = g_options.key_file;
#endif
}

static Link _open(void)
{
    TLSConnectParams params;
    PeerPorts        ports;
    Link             link = {0, true, 0, 0};

    if (peer_ports(&ports)) {
        _usual(&params);
        link.handle = HAL_TLS_Connect(&params, g_options.host, ports.tls);
    }
    return link;
}

/* Connects with a trust anchor, which is a text of the peer. */
static Link _open_verified(const char *anchor, uint16_t port)
{
    TLSConnectParams params;
    Link             link = {0, true, 0, 0};
    size_t           len;
    char            *text = peer_text(anchor, &len);

    if (text != NULL) {
        _usual(&params);
        params.ca_crt     = text;
        params.ca_crt_len = (uint16_t)(len + 1);
        link.handle       = HAL_TLS_Connect(&params, g_options.host, port);
        HAL_Free(text);
    }
    return link;
}

static void _check_verification(const PeerPorts *ports)
{
    Link link = _open_verified("authority", ports->tls);

    expect("server of the given authority", link.handle != 0, "returned 0");
    link_close(&link);
    link = _open_verified("other-authority", ports->tls);
    expect("server of another authority", link.handle == 0, "returned a handle");
    link_close(&link);
    link = _open_verified("authority", ports->other_name);
    expect("server with another name", link.handle == 0, "returned a handle");
    link_close(&link);
}

/* Version, suite, server name, PSK identity and client's name, as the peer sees the session. */
typedef struct {
    char version[LINE_LEN];
    char suite[LINE_LEN];
    char server_name[LINE_LEN];
    char identity[LINE_LEN];
    char client[LINE_LEN];
} Seen;

static bool _session(Link *link, Seen *seen)
{
    char line[LINE_LEN];

    if (!link_tell(link, "session") || !link_answer(link, line, sizeof(line))) {
        expect("a session", false, "nothing can be sent or received");
        return false;
    }
    return sscanf(line, "%255s %255s %255s %255s %255s", seen->version, seen->suite, seen->server_name, seen->identity,
                  seen->client) == 5;
}

/* An address is not sent as server name (RFC 6066). */
static bool _is_address(const char *host)
{
    return strspn(host, "0123456789.") == strlen(host) || strchr(host, ':') != NULL;
}

static void _check_session(void)
{
    Seen seen;
    Link link = _open();

    expect("no trust anchor, so no verification", link.handle != 0, "returned 0");
    if (link.handle != 0 && _session(&link, &seen)) {
        expect("version", strcmp(seen.version, "TLSv1.2") >= 0, "%s", seen.version);
        if (!_is_address(g_options.host)) {
            expect("server name", strcmp(seen.server_name, g_options.host) == 0, "%s instead of %s", seen.server_name,
                   g_options.host);
        }
#ifdef AUTH_MODE_CERT
        if (g_options.cert_file != NULL) {
            expect("certificate of the device", strcmp(seen.client, "-") != 0, "not sent");
        }
#endif
    }
    link_close(&link);
}

#ifndef AUTH_MODE_CERT
static Link _open_with_psk(const char *identity, uint16_t port)
{
    TLSConnectParams params;
    Link             link = {0, true, 0, 0};

    _usual(&params);
    params.psk        = PSK;
    params.psk_length = strlen(PSK);
    memcpy(params.psk_id, identity, strlen(identity));
    link.handle = HAL_TLS_Connect(&params, g_options.host, port);
    return link;
}

static void _check_psk(const PeerPorts *ports)
{
    Seen seen;
    Link link = _open_with_psk(PSK_IDENTITY, ports->tls);

    expect("pre-shared key", link.handle != 0, "returned 0");
    if (link.handle != 0 && _session(&link, &seen)) {
        /* The suite alone would do with TLS 1.2, the identity with every version. */
        expect("pre-shared key", strcmp(seen.identity, PSK_IDENTITY) == 0, "not used, but %s", seen.suite);
    }
    link_close(&link);
    link = _open_with_psk("somebody-else", ports->tls);
    expect("pre-shared key of an identity that the server does not know", link.handle == 0, "returned a handle");
    link_close(&link);
}
#endif

/* The plain port says nothing to a TLS hello. */
static void _check_silence(void)
{
    TLSConnectParams params;
    uintptr_t        handle;
    Watch            watch;

    _usual(&params);
    params.timeout_ms = 500;
    watch_start(&watch);
    handle = HAL_TLS_Connect(&params, g_options.host, g_options.port);
    expect("a server that says nothing", handle == 0, "returned a handle");
    expect_time("a server that says nothing", watch_ms(&watch), 500);
}

static void _check_connect(void)
{
    TLSConnectParams params;
    PeerPorts        ports;

    if (!peer_ports(&ports)) {
        return;
    }
    _usual(&params);
    expect("a port that nobody listens on", HAL_TLS_Connect(&params, g_options.host, ports.closed) == 0,
           "returned a handle");
    expect("a host that does not exist", HAL_TLS_Connect(&params, NO_SUCH_HOST, ports.tls) == 0, "returned a handle");
    _check_session();
    _check_verification(&ports);
#ifndef AUTH_MODE_CERT
    _check_psk(&ports);
#endif
    _check_silence();
}

static void _check_disconnect(void)
{
    Link link;
    int  i;

    HAL_TLS_Disconnect(0);
    for (i = 0; i < CYCLES; i++) {
        link = _open();
        if (link.handle == 0) {
            break;
        }
        HAL_TLS_Disconnect(link.handle);
    }
    expect("sessions one after the other", i == CYCLES, "none any more after %d", i);
}

static void _check_read(void)
{
    check_reading(_open, &sg_codes);
}

static void _check_write(void)
{
    check_writing(_open, &sg_codes);
#ifdef MULTITHREAD_ENABLED
    check_both_ways(_open);
#endif
}

/* ---- key functions ---- */

static void _check_sha256(void)
{
    static const unsigned char expected[DIGEST_LEN] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
        0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    unsigned char text[] = "abc";
    unsigned char digest[DIGEST_LEN];

    HAL_TLS_Calc_SHA256(text, 3, digest);
    expect("\"abc\"", memcmp(digest, expected, DIGEST_LEN) == 0, "not the digest of FIPS 180-4");
}

static void _check_get_key(void)
{
    void *key;

    expect("no such file", HAL_TLS_Get_PrivateKey_FromFile("no-such-file.key") == NULL, "not NULL");
    if (g_options.key_file != NULL) {
        key = HAL_TLS_Get_PrivateKey_FromFile(g_options.key_file);
        expect("the file of option -k", key != NULL, "NULL");
        if (key != NULL) {
            HAL_TLS_Destory_PrivateKey(key);
        }
    }
}

static void *_key(void)
{
    void *key = NULL;

    if (g_options.key_file == NULL) {
        leave_out("no private key was named with option -k");
    } else {
        key = HAL_TLS_Get_PrivateKey_FromFile(g_options.key_file);
        expect("the file of option -k", key != NULL, "no key in it");
    }
    return key;
}

static void _check_result_len(void)
{
    void *key = _key();

    if (key != NULL) {
        expect_code("a key of 2048 bits", HAL_TLS_Get_RSASHA256_Result_Len(key), 256);
        HAL_TLS_Destory_PrivateKey(key);
    }
}

static void _append_hex(char *text, const char *data, size_t len)
{
    size_t i;

    for (text += strlen(text), i = 0; i < len; i++, text += 2) {
        snprintf(text, 3, "%02x", (unsigned)(unsigned char)data[i]);
    }
}

/* The peer has the certificate, so it can tell. */
static void _expect_signed(const char *data, size_t len, const char *signature, size_t signature_len)
{
    char  line[LINE_LEN];
    Link  link    = link_open();
    char *command = (char *)HAL_Malloc(LINE_LEN + 2 * SIGNATURE_LEN);

    if (link.handle == 0 || command == NULL) {
        expect("the peer verifies", false, "no connection to it");
    } else {
        strcpy(command, "verify ");
        _append_hex(command, data, len);
        strcat(command, " ");
        _append_hex(command, signature, signature_len);
        expect("the peer verifies", link_tell(&link, command) && link_answer(&link, line, sizeof(line)), "no answer");
        expect("the peer verifies", strcmp(line, "good") == 0, "not a signature of the key");
    }
    HAL_Free(command);
    link_close(&link);
}

static void _check_sign(void)
{
    char  data[] = "CONFORMANCdevice;21010406;ABCDE;4102444800";
    char  signature[SIGNATURE_LEN];
    void *key = _key();
    int   len;

    if (key == NULL) {
        return;
    }
    len = HAL_TLS_Get_RSASHA256_Result_Len(key);
    expect_code("a text", HAL_TLS_Calc_Sign_RSASHA256(key, data, (int)strlen(data), signature), 0);
    if (len > 0 && len <= SIGNATURE_LEN) {
        _expect_signed(data, strlen(data), signature, (size_t)len);
    }
    HAL_TLS_Destory_PrivateKey(key);
}

const Function g_tls_functions[] = {
    NEEDED(HAL_TLS_Connect, _check_connect),
    NEEDED(HAL_TLS_Disconnect, _check_disconnect),
    NEEDED(HAL_TLS_Read, _check_read),
    NEEDED(HAL_TLS_Write, _check_write),
    OPTIONAL(HAL_TLS_Get_PrivateKey_FromFile, _check_get_key),
    OPTIONAL(HAL_TLS_Get_RSASHA256_Result_Len, _check_result_len),
    OPTIONAL(HAL_TLS_Calc_Sign_RSASHA256, _check_sign),
    OPTIONAL(HAL_TLS_Calc_SHA256, _check_sha256),
    {NULL, NULL, NULL, false},
};
#endif
