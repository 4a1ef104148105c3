/*
 * System functions: time of the platform, remote login.
 *
 * Each exchanges messages with the platform and waits for the answer; callbacks of the client may run meanwhile.
 */
#ifndef QCLOUD_IOT_EXPORT_SYSTEM_H_
#define QCLOUD_IOT_EXPORT_SYSTEM_H_

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Asks the platform for the time.
 *
 * Serves the connection meanwhile, so handlers may be called. Waits up to about the command timeout for the
 * subscription, and the longer of 2 s and the command timeout for the reply.
 *
 * @param pClient  client
 * @param time     out: seconds since the epoch; 0 when no reply came
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE without reply; or the error of the publish
 *
 * `pClient` is NULL or a live client, `time` NULL or writable.
 */
int IOT_Get_SysTime(void *pClient, long *time);

/**
 * Asks the platform for the time and sets the system clock through HAL_Timer_set_systime_ms.
 *
 * A clock that cannot be set, for lack of privilege, is logged and not an error.
 *
 * @param pClient  client
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE without a usable reply; or the error of
 *         the publish
 *
 * `pClient` is NULL or a live client.
 */
int IOT_Sync_NTPTime(void *pClient);

/**
 * Tells the platform that this device can be asked for a remote login. The login itself is not part of this build.
 *
 * @param pClient  client
 * @return 0 or more on success; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE; or the error of the publish
 *
 * `pClient` is NULL or a live client.
 */
int IOT_Ssh_enable(void *pClient);

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_SYSTEM_H_ */
