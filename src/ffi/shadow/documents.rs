//! The functions of `qcloud_iot_export_shadow.h` that write documents. Most of them are C-variadic: `variadic.c` collects
//! their arguments and calls `iot_shadow_write`.

use super::super::guard::guard;
use super::super::mqtt;
use super::super::ptr;
use super::super::types::shadow::DeviceProperty;
use super::{property, shadow};
use crate::error::Error;
use crate::services::shadow::document::{self, Member, Purpose};
use core::ffi::{c_char, c_int, c_void};

/// As IOT_Shadow_JSON_ConstructReport, with the properties in an array.
///
/// # Safety
/// `pClient` is NULL or a live shadow client, `jsonBuffer` NULL or of this size, `pDeviceProperties` NULL or an array of
/// `count` pointers, each NULL or a valid property.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_JSON_ConstructReportArray(
    pClient: *mut c_void,
    jsonBuffer: *mut c_char,
    sizeOfBuffer: usize,
    count: u8,
    pDeviceProperties: *mut *mut DeviceProperty,
) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe { write(pClient, jsonBuffer, sizeOfBuffer, Purpose::Report, count, pDeviceProperties) }
}

/// Writes a document that drops all that is desired of the device. Results as of IOT_Shadow_JSON_ConstructReport.
///
/// # Safety
/// `handle` is NULL or a live shadow client, `jsonBuffer` NULL or of this size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_JSON_ConstructDesireAllNull(
    handle: *mut c_void,
    jsonBuffer: *mut c_char,
    sizeOfBuffer: usize,
) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe { write(handle, jsonBuffer, sizeOfBuffer, Purpose::ClearDesired, 0, std::ptr::null()) }
}

/// What `variadic.c` asks for, by number.
const PURPOSES: [Purpose; 4] =
    [Purpose::Report, Purpose::Overwrite, Purpose::ReportAndClearDesired, Purpose::Desire];

/// # Safety
/// As IOT_Shadow_JSON_ConstructReportArray.
///
/// cbindgen:ignore
#[unsafe(no_mangle)]
unsafe extern "C" fn iot_shadow_write(
    purpose: c_int,
    client: *mut c_void,
    buffer: *mut c_char,
    size: usize,
    count: u8,
    properties: *const *mut DeviceProperty,
) -> c_int {
    match usize::try_from(purpose).ok().and_then(|number| PURPOSES.get(number)) {
        // SAFETY: as promised by the caller.
        Some(&purpose) => unsafe { write(client, buffer, size, purpose, count, properties) },
        None => Error::Inval.code(),
    }
}

/// # Safety
/// As IOT_Shadow_JSON_ConstructReportArray.
unsafe fn write(
    client: *mut c_void,
    buffer: *mut c_char,
    size: usize,
    purpose: Purpose,
    count: u8,
    properties: *const *mut DeviceProperty,
) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        let (shadow, members) = unsafe { (shadow(client), members(properties, count)) };
        let members = match members {
            Ok(members) => members,
            Err(error) => return error.code(),
        };
        let (Some(shadow), false) = (shadow, buffer.is_null()) else {
            return Error::Inval.code();
        };
        let mut text = Vec::new();
        let written = document::write(&mut text, size, purpose, &members, &shadow.next_token());
        if written == Err(Error::Malloc) {
            return Error::Malloc.code();
        }
        // SAFETY: the text and its terminator fit into the buffer.
        unsafe { ptr::fill(buffer.cast(), text.into_iter()) };
        mqtt::code(written)
    })
}

/// # Safety
/// `properties` is NULL or an array of `count` pointers, each NULL or a valid property.
unsafe fn members<'a>(properties: *const *mut DeviceProperty, count: u8) -> Result<Vec<Member<'a>>, Error> {
    let mut members = Vec::new();
    if count == 0 {
        return Ok(members);
    }
    // SAFETY: as promised by the caller.
    let properties = unsafe { ptr::array(properties, count.into()) }.ok_or(Error::Inval)?;
    members.try_reserve_exact(properties.len()).map_err(|_| Error::Malloc)?;
    for property in properties {
        // SAFETY: each NULL or valid, as promised by the caller.
        let member = unsafe { property.as_ref().and_then(|property| property::member(property)) };
        members.push(member.ok_or(Error::Inval)?);
    }
    Ok(members)
}
