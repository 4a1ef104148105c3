/*
 * Commands of interface_driver.c for broadcast, RRPC and remote configuration. Their callbacks are the triggers
 * "broadcast", "rrpc" and "config" of hooks.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interface_driver.h"
#include "qcloud_iot_export.h"

#define BUFFER_SIZE 65536

/* Each client has its own configuration: what the subscription refers to lives here. */
static ConfigSubscirbeUserData g_config[8];
static char                    g_buffer[8][BUFFER_SIZE];

/* Every byte counts, but only the beginning is worth reading. */
static unsigned sum_of(const char *bytes, size_t length)
{
    unsigned sum = 0;

    for (size_t i = 0; i < length; i++) {
        sum = sum * 31 + (unsigned char)bytes[i];
    }
    return sum;
}

static const char *escaped(char *out, const char *bytes, size_t length)
{
    char *end = out;

    for (size_t i = 0; i < length && i < 60; i++) {
        if (bytes[i] > 32 && bytes[i] < 127) {
            *end++ = bytes[i];
        } else {
            end += sprintf(end, "\\%02x", (unsigned char)bytes[i]);
        }
    }
    *end = '\0';
    return out;
}

/* Prints what came, runs the hooks, and looks whether it stayed as it was until the end of the callback. */
static void take(void *client, const char *trigger, const char *how, const char *msg, size_t length)
{
    Slot    *slot = slot_of(client);
    char     text[256];
    unsigned sum = sum_of(msg, length);

    if (msg[length] != '\0') {
        print(slot, "%s is not terminated", trigger);
    }
    print(slot, "%s %s len=%zu sum=%u payload=%s", trigger, how, length, sum, escaped(text, msg, length));
    run_hooks(slot, trigger, NULL);
    if (sum_of(msg, length) != sum || msg[length] != '\0') {
        print(slot, "%s changed during the call", trigger);
    }
}

static void on_broadcast(void *client, const char *msg, uint32_t length)
{
    take(client, "broadcast", "first", msg, length);
}

static void on_second_broadcast(void *client, const char *msg, uint32_t length)
{
    take(client, "broadcast", "second", msg, length);
}

/* broadcast [second|null] */
static void run_broadcast(Slot *slot, const char *command)
{
    OnBroadcastMessageCallback callback = strstr(command, " second") ? on_second_broadcast : on_broadcast;
    long                       start = now_ms();
    int result = IOT_Broadcast_Subscribe(slot->client, strstr(command, " null") ? NULL : callback);

    print(slot, "subscribed = %d ms=%ld", result, now_ms() - start);
}

static void on_call(void *client, const char *msg, uint32_t length)
{
    take(client, "rrpc", "first", msg, length);
}

static void on_second_call(void *client, const char *msg, uint32_t length)
{
    take(client, "rrpc", "second", msg, length);
}

/* rrpc [second|null] */
static void run_rrpc(Slot *slot, const char *command)
{
    OnRRPCMessageCallback callback = strstr(command, " second") ? on_second_call : on_call;
    long                  start = now_ms();
    int                   result = IOT_RRPC_Init(slot->client, strstr(command, " null") ? NULL : callback);

    print(slot, "subscribed = %d ms=%ld", result, now_ms() - start);
}

/* reply TEXT, or reply size=N */
static void run_reply(Slot *slot, const char *command)
{
    sRRPCReplyPara para = {eRRPC_FAIL, "not sent", NULL, 0};
    unsigned       size = number(command, "size=", 0);
    char          *text = malloc(size + WORD_LEN);

    strcpy(text, command + strlen("reply "));
    if (size > 0) {
        memset(text, 'r', size);
        text[size] = '\0';
    }
    /* Neither the size nor the parameters count. */
    print(slot, "reply = %d", IOT_RRPC_Reply(slot->client, text, 3, strstr(command, "x") ? &para : NULL));
    free(text);
}

static void take_config(void *client, const char *how, int errcode, char *json, int length)
{
    Slot *slot = slot_of(client);
    char  trigger_text[64];

    if (json != g_buffer[slot->number] || length != (int)strlen(json)) {
        print(slot, "config is not in its buffer");
    }
    snprintf(trigger_text, sizeof(trigger_text), "%s errcode=%d", how, errcode);
    take(client, "config", trigger_text, json, (size_t)length);
}

static void on_config(void *client, int errcode, char *json, int length)
{
    take_config(client, "first", errcode, json, length);
}

static void on_second_config(void *client, int errcode, char *json, int length)
{
    take_config(client, "second", errcode, json, length);
}

/* config TIMEOUT_MS [room=N] [second]: subscribes */
static void run_config(Slot *slot, const char *command)
{
    ConfigSubscirbeUserData *user = &g_config[slot->number];
    long                     start = now_ms();
    int                      result;

    user->on_config_proc = strstr(command, " second") ? on_second_config : on_config;
    user->json_buffer = g_buffer[slot->number];
    user->json_buffer_len = (int)number(command, "room=", BUFFER_SIZE);
    result = IOT_Subscribe_Config(slot->client, user, atoi(command + strlen("config")));
    print(slot, "configured = %d ms=%ld", result, now_ms() - start);
}

/* getconfig TIMEOUT_MS [size=N] */
static void run_get_config(Slot *slot, const char *command)
{
    char request[WORD_LEN] = "untouched";
    long start = now_ms();
    int  result = IOT_Get_Config(slot->client, request, (int)number(command, "size=", sizeof(request)),
                                 atoi(command + strlen("getconfig")));

    print(slot, "got = %d request=%s ms=%ld", result, request, now_ms() - start);
}

/* room N: changes the size of the buffer that the subscription refers to */
static void run_room(Slot *slot, const char *command)
{
    g_config[slot->number].json_buffer_len = atoi(command + strlen("room"));
    print(slot, "room = 0");
}

bool run_further_command(Slot *slot, const char *command)
{
    if (is(command, "broadcast")) {
        run_broadcast(slot, command);
    } else if (is(command, "rrpc")) {
        run_rrpc(slot, command);
    } else if (is(command, "reply")) {
        run_reply(slot, command);
    } else if (is(command, "config")) {
        run_config(slot, command);
    } else if (is(command, "getconfig")) {
        run_get_config(slot, command);
    } else if (is(command, "room")) {
        run_room(slot, command);
    } else {
        return false;
    }
    return true;
}
