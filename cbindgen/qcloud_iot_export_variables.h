/*
 * Values that programs and the library share.
 *
 * The library is delivered ready-made: it has taken these values when it was built. Changing them here changes what a
 * program uses, not the library; the init parameter structures carry everything that may differ at run time.
 */
#ifndef QCLOUD_IOT_EXPORT_VARIABLES_H_
#define QCLOUD_IOT_EXPORT_VARIABLES_H_

/** Region when none is configured. */
#define QCLOUD_IOT_DEFAULT_REGION "china"

/** ms until an unanswered request of MQTT or CoAP counts as failed. */
#define QCLOUD_IOT_MQTT_COMMAND_TIMEOUT (5 * 1000)

/** ms without traffic after which a ping is sent; at most 690000. */
#define QCLOUD_IOT_MQTT_KEEP_ALIVE_INTERNAL (120 * 1000)

/** Bytes that a buffer for an outgoing message usually has; the library's own limit is 16 KiB of payload. */
#define QCLOUD_IOT_MQTT_TX_BUF_LEN 2048

/** Bytes that a buffer for an incoming message usually has; the library's own limit is 64 KiB. */
#define QCLOUD_IOT_MQTT_RX_BUF_LEN 2048

/** Bytes of the largest CoAP message sent; the platform's limit is 1024. */
#define COAP_SENDMSG_MAX_BUFLEN 512

/** Bytes of the largest CoAP message received; the platform's limit is 1024. */
#define COAP_RECVMSG_MAX_BUFLEN 512

/** ms: longest pause between two attempts to connect again; the pause doubles up to it. */
#define MAX_RECONNECT_WAIT_INTERVAL (60 * 1000)

/** ms until an MQTT login expires; 0: never. Other values need a correct clock. */
#define MAX_ACCESS_EXPIRE_TIMEOUT 0

/** Bytes of the longest log line, its terminator included. */
#if defined(__linux__) || defined(_WIN32) || defined(WIN32)
#define MAX_LOG_MSG_LEN 1023
#else
#define MAX_LOG_MSG_LEN 511
#endif

/** Bytes of log text collected before an upload. */
#define LOG_UPLOAD_BUFFER_SIZE 5000

/** Bytes of log text in one upload request. */
#define MAX_HTTP_LOG_POST_SIZE 3000

/** Bytes of log text kept in storage after a failed upload. */
#define MAX_LOG_SAVE_SIZE (3 * LOG_UPLOAD_BUFFER_SIZE)

/** ms between two uploads. */
#define LOG_UPLOAD_INTERVAL_MS 2000

#endif /* QCLOUD_IOT_EXPORT_VARIABLES_H_ */
