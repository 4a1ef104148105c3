/* Functions that programs call and the SDK does not: byte order, device identity. */
#include <stdio.h>
#include <string.h>

#include "conformance.h"

#pragma weak HAL_htons
#pragma weak HAL_ntohs
#pragma weak HAL_htonl
#pragma weak HAL_ntohl
#pragma weak HAL_SetDevInfoFile
#pragma weak HAL_SetDevInfo
#pragma weak HAL_GetDevInfo
#pragma weak HAL_GetDevInfoFromFile
#ifdef GATEWAY_ENABLED
#pragma weak HAL_GetGwDevInfo
#endif

/* Network byte order is big-endian whatever the machine's is. */
static bool _is_big_endian(const void *value, size_t size, uint32_t expected)
{
    const unsigned char *bytes = (const unsigned char *)value;
    uint32_t             read  = 0;
    size_t               i;

    for (i = 0; i < size; i++) {
        read = read << 8 | bytes[i];
    }
    return read == expected;
}

static void _check_htons(void)
{
    uint16_t value = HAL_htons(0x1234);

    expect("0x1234", _is_big_endian(&value, 2, 0x1234), "not 12 34 in memory");
}

static void _check_ntohs(void)
{
    const unsigned char bytes[2] = {0x12, 0x34};
    uint16_t            value;

    memcpy(&value, bytes, 2);
    expect_code("12 34 in memory", HAL_ntohs(value), 0x1234);
}

static void _check_htonl(void)
{
    uint32_t value = HAL_htonl(0x12345678);

    expect("0x12345678", _is_big_endian(&value, 4, 0x12345678), "not 12 34 56 78 in memory");
}

static void _check_ntohl(void)
{
    const unsigned char bytes[4] = {0x12, 0x34, 0x56, 0x78};
    uint32_t            value;

    memcpy(&value, bytes, 4);
    expect_code("12 34 56 78 in memory", (long)HAL_ntohl(value), 0x12345678);
}

#ifndef DEBUG_DEV_INFO_USED

static bool _has_file(void)
{
    FILE *file;

    if (g_options.device_file == NULL || !HAL_SetDevInfoFile) {
        return false;
    }
    /* The name of the file can only be set if there is one. */
    file = fopen(g_options.device_file, "wb");
    if (file == NULL) {
        return false;
    }
    fputs("{}", file);
    fclose(file);
    return HAL_SetDevInfoFile(g_options.device_file) == 0;
}

static void _check_set_file(void)
{
    char name[200];

    memset(name, 'n', sizeof(name));
    name[129] = '\0';
    expect_code("NULL", HAL_SetDevInfoFile(NULL), QCLOUD_ERR_INVAL);
    expect_code("a name of 129 characters", HAL_SetDevInfoFile(name), QCLOUD_ERR_INVAL);
    expect_code("no such file", HAL_SetDevInfoFile("no-such-file.json"), QCLOUD_ERR_FAILURE);
    if (g_options.device_file != NULL) {
        expect("the file of option -d", _has_file(), "refused");
    }
}
#else
static bool _has_file(void)
{
    return true;
}
#endif

static void _put(char *place, size_t size, const char *text)
{
    memset(place, 0, size);
    memcpy(place, text, strlen(text));
}

static void _fill(DeviceInfo *info)
{
    memset(info, 0, sizeof(*info));
    _put(info->product_id, sizeof(info->product_id), "CONFORMANC");
    _put(info->device_name, sizeof(info->device_name), "device");
    _put(info->region, sizeof(info->region), "china");
#ifdef AUTH_MODE_CERT
    _put(info->dev_cert_file_name, sizeof(info->dev_cert_file_name), "device_cert.crt");
    _put(info->dev_key_file_name, sizeof(info->dev_key_file_name), "device_private.key");
#else
    _put(info->device_secret, sizeof(info->device_secret), "bm90IGEgc2VjcmV0");
#endif
}

static void _expect_same(const char *situation, DeviceInfo *info)
{
    DeviceInfo expected;

    _fill(&expected);
    expect(situation, strcmp(info->product_id, expected.product_id) == 0, "product id");
    expect(situation, strcmp(info->device_name, expected.device_name) == 0, "device name");
    expect(situation, strcmp(info->region, expected.region) == 0, "region");
#ifdef AUTH_MODE_CERT
    expect(situation, strcmp(info->dev_cert_file_name, expected.dev_cert_file_name) == 0, "certificate file");
    expect(situation, strcmp(info->dev_key_file_name, expected.dev_key_file_name) == 0, "key file");
#else
    expect(situation, strcmp(info->device_secret, expected.device_secret) == 0, "device secret");
#endif
}

static void _check_set(void)
{
    DeviceInfo info;

    expect_code("NULL", HAL_SetDevInfo(NULL), QCLOUD_ERR_DEV_INFO);
    if (_has_file()) {
        _fill(&info);
        expect_code("an identity", HAL_SetDevInfo(&info), 0);
    }
}

static void _check_get(void)
{
    DeviceInfo info;

    expect_code("NULL", HAL_GetDevInfo(NULL), QCLOUD_ERR_DEV_INFO);
    if (_has_file() && HAL_SetDevInfo) {
        _fill(&info);
        expect_code("an identity that was set: HAL_SetDevInfo", HAL_SetDevInfo(&info), 0);
        memset(&info, 'x', sizeof(info));
        expect_code("an identity that was set", HAL_GetDevInfo(&info), 0);
        _expect_same("an identity that was set", &info);
    }
}

static void _check_get_from_file(void)
{
    DeviceInfo info;

    expect_code("no such file", HAL_GetDevInfoFromFile("no-such-file.json", &info), QCLOUD_ERR_FAILURE);
#ifndef DEBUG_DEV_INFO_USED
    if (_has_file() && HAL_SetDevInfo) {
        _fill(&info);
        expect_code("an identity that was set: HAL_SetDevInfo", HAL_SetDevInfo(&info), 0);
        memset(&info, 0, sizeof(info));
        expect_code("an identity that was set", HAL_GetDevInfoFromFile(g_options.device_file, &info), 0);
        _expect_same("an identity that was set", &info);
    }
#endif
}

#ifdef GATEWAY_ENABLED
#ifndef DEBUG_DEV_INFO_USED
/* Adds a sub-device to the identity of _fill; false where the port keeps identities in a form of its own. */
static bool _write_gateway(void)
{
    DeviceInfo info;
    FILE      *file = fopen(g_options.device_file, "wb");

    if (file == NULL) {
        return false;
    }
    fputs("{\"auth_mode\":\"KEY\",\"productId\":\"CONFORMANC\",\"deviceName\":\"device\",\"region\":\"china\",", file);
    fputs("\"productSecret\":\"\",\"key_deviceinfo\":{\"deviceSecret\":\"bm90IGEgc2VjcmV0\"},", file);
    fputs("\"cert_deviceinfo\":{\"devCertFile\":\"device_cert.crt\",\"devPrivateKeyFile\":\"device_private.key\"},", file);
    fputs("\"subDev\":{\"sub_productId\":\"SUBPRODUCT\",\"sub_devName\":\"probe\"}}", file);
    return fclose(file) == 0 && HAL_GetDevInfo && HAL_GetDevInfo(&info) == 0;
}

static void _expect_gateway(void)
{
    static const char situation[] = "a gateway with a sub-device";
    GatewayDeviceInfo gateway;

    memset(&gateway, 'x', sizeof(gateway));
    expect_code(situation, HAL_GetGwDevInfo(&gateway), 0);
    _expect_same(situation, &gateway.gw_info);
    expect_count(situation, gateway.sub_dev_num, 1);
    if (gateway.sub_dev_num == 1) {
        expect(situation, strcmp(gateway.sub_dev_info->product_id, "SUBPRODUCT") == 0, "product id of the sub-device");
        expect(situation, strcmp(gateway.sub_dev_info->device_name, "probe") == 0, "device name of the sub-device");
        HAL_Free(gateway.sub_dev_info);
    }
}
#endif

static void _check_get_gateway(void)
{
#ifndef DEBUG_DEV_INFO_USED
    DeviceInfo        info;
    GatewayDeviceInfo gateway;
#endif

    expect_code("NULL", HAL_GetGwDevInfo(NULL), QCLOUD_ERR_DEV_INFO);
#ifndef DEBUG_DEV_INFO_USED
    if (_has_file() && HAL_SetDevInfo) {
        expect_code("a file without an identity", HAL_GetGwDevInfo(&gateway), QCLOUD_ERR_FAILURE);
        _fill(&info);
        expect_code("an identity alone: HAL_SetDevInfo", HAL_SetDevInfo(&info), 0);
        expect_code("an identity alone, without a sub-device", HAL_GetGwDevInfo(&gateway), QCLOUD_ERR_DEV_INFO);
        if (_write_gateway()) {
            _expect_gateway();
        }
    }
#endif
}
#endif

const Function g_program_functions[] = {
    OPTIONAL(HAL_htons, _check_htons),
    OPTIONAL(HAL_ntohs, _check_ntohs),
    OPTIONAL(HAL_htonl, _check_htonl),
    OPTIONAL(HAL_ntohl, _check_ntohl),
#ifndef DEBUG_DEV_INFO_USED
    OPTIONAL(HAL_SetDevInfoFile, _check_set_file),
#endif
    OPTIONAL(HAL_GetDevInfoFromFile, _check_get_from_file),
    OPTIONAL(HAL_SetDevInfo, _check_set),
    OPTIONAL(HAL_GetDevInfo, _check_get),
#ifdef GATEWAY_ENABLED
    OPTIONAL(HAL_GetGwDevInfo, _check_get_gateway),
#endif
    {NULL, NULL, NULL, false},
};
