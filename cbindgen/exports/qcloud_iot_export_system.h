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

@rust src/ffi/system.rs
#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_SYSTEM_H_ */
