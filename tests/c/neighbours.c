/*
 * A firmware that brings its own Mbed TLS, of another version than the one inside the archives, and a second Rust library. Both
 * work in a thread of their own while the SDK connects over TLS, subscribes, and sends itself a message.
 * Usage: neighbours ENDPOINT PRODUCT DEVICE SECRET
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/sha256.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#if MBEDTLS_VERSION_MAJOR >= 3
#include <psa/crypto.h>
#define mbedtls_sha256_ret mbedtls_sha256
#endif

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

/* The Rust library: tests/c/neighbour.rs. */
int neighbour_sums_in_a_thread(int count);
int neighbour_panics_and_catches(int number);

typedef struct {
    atomic_int  stop;
    int         rounds;
    const char *failure;
} Neighbours;

typedef struct {
    unsigned char bytes[1024];
    size_t        length;
} Hello;

static int hashes(void)
{
    /* SHA-256 of "abc", FIPS 180-4. */
    static const unsigned char expected[4] = {0xba, 0x78, 0x16, 0xbf};
    unsigned char              digest[32];

    return mbedtls_sha256_ret((const unsigned char *)"abc", 3, digest, 0) == 0 &&
           memcmp(digest, expected, sizeof(expected)) == 0;
}

static int collect(void *context, const unsigned char *bytes, size_t length)
{
    Hello *hello = context;

    if (length > sizeof(hello->bytes) - hello->length) {
        length = sizeof(hello->bytes) - hello->length;
    }
    memcpy(hello->bytes + hello->length, bytes, length);
    hello->length += length;
    return (int)length;
}

static int nothing_comes(void *context, unsigned char *bytes, size_t length)
{
    (void)context;
    (void)bytes;
    (void)length;
    return MBEDTLS_ERR_SSL_WANT_READ;
}

/* The firmware's library makes a ClientHello: a handshake record with message 1 in it. */
static int shakes_hands(void)
{
    mbedtls_entropy_context  entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_ssl_config       config;
    mbedtls_ssl_context      ssl;
    Hello                    hello = {{0}, 0};
    int                      done;

#if MBEDTLS_VERSION_MAJOR >= 3
    if (psa_crypto_init() != PSA_SUCCESS) {
        return 0;
    }
#endif
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_ssl_config_init(&config);
    mbedtls_ssl_init(&ssl);
    done = mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0) == 0 &&
           mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                       MBEDTLS_SSL_PRESET_DEFAULT) == 0;
    mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
    done = done && mbedtls_ssl_setup(&ssl, &config) == 0;
    mbedtls_ssl_set_bio(&ssl, &hello, collect, nothing_comes, NULL);
    done = done && mbedtls_ssl_handshake(&ssl) == MBEDTLS_ERR_SSL_WANT_READ;
    done = done && hello.length > 5 && hello.bytes[0] == 22 && hello.bytes[5] == 1;
    mbedtls_ssl_free(&ssl);
    mbedtls_ssl_config_free(&config);
    mbedtls_ctr_drbg_free(&random);
    mbedtls_entropy_free(&entropy);
    return done;
}

static void *work(void *argument)
{
    Neighbours *neighbours = argument;

    while (!neighbours->failure && (neighbours->rounds == 0 || !atomic_load(&neighbours->stop))) {
        if (mbedtls_version_get_number() != MBEDTLS_VERSION_NUMBER) {
            neighbours->failure = "version of Mbed TLS";
        } else if (!hashes()) {
            neighbours->failure = "SHA-256 of Mbed TLS";
        } else if (!shakes_hands()) {
            neighbours->failure = "handshake of Mbed TLS";
        } else if (neighbour_sums_in_a_thread(100) != 4950) {
            neighbours->failure = "thread of the Rust library";
        } else if (neighbour_panics_and_catches(neighbours->rounds) != neighbours->rounds) {
            neighbours->failure = "panic of the Rust library";
        }
        neighbours->rounds++;
    }
    return NULL;
}

static void on_message(void *client, MQTTMessage *message, void *received)
{
    (void)client;
    *(int *)received = message->payload_len == 5 && memcmp(message->payload, "hello", 5) == 0;
}

static const char *session(char **arguments)
{
    MQTTInitParams  params = DEFAULT_MQTTINIT_PARAMS;
    SubscribeParams subscription = DEFAULT_SUB_PARAMS;
    PublishParams   message = DEFAULT_PUB_PARAMS;
    char            topic[80];
    int             received = 0;
    void           *client;

    params.region = arguments[1];
    params.product_id = arguments[2];
    params.device_name = arguments[3];
    params.device_secret = arguments[4];
    client = IOT_MQTT_Construct(&params);
    if (!client) {
        return "connect";
    }
    snprintf(topic, sizeof(topic), "%s/%s/data", params.product_id, params.device_name);
    subscription.on_message_handler = on_message;
    subscription.user_data = &received;
    message.payload = "hello";
    message.payload_len = 5;
    if (IOT_MQTT_Subscribe(client, topic, &subscription) < 0 || IOT_MQTT_Publish(client, topic, &message) < 0) {
        IOT_MQTT_Destroy(&client);
        return "subscribe and publish";
    }
    for (int turn = 0; !received && turn < 300; turn++) {
        if (IOT_MQTT_Yield(client, 100) < 0) {
            break;
        }
    }
    IOT_MQTT_Destroy(&client);
    return received ? NULL : "message there and back";
}

int main(int argc, char **argv)
{
    Neighbours  neighbours = {0, 0, NULL};
    pthread_t   thread;
    const char *failure;

    if (argc != 5) {
        fprintf(stderr, "usage: neighbours ENDPOINT PRODUCT DEVICE SECRET\n");
        return 2;
    }
    if (pthread_create(&thread, NULL, work, &neighbours) != 0) {
        return 2;
    }
    failure = session(argv);
    atomic_store(&neighbours.stop, 1);
    pthread_join(thread, NULL);
    printf("Mbed TLS %s, rounds %d, session %s, neighbours %s\n", MBEDTLS_VERSION_STRING, neighbours.rounds,
           failure ? failure : "ok", neighbours.failure ? neighbours.failure : "ok");
    return failure != NULL || neighbours.failure != NULL;
}
