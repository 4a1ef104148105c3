//! The JSON of the gateway topics (`gateway.md` §§5, 7).

use crate::client::identity::Identity;
use crate::error::Error;
use crate::hal::device_info::{MAX_SIZE_OF_DEVICE_NAME, MAX_SIZE_OF_PRODUCT_ID};
use crate::json::{self, Kind, Value};
use crate::memory::{self, Text};
use std::fmt;

/// What a gateway asks the platform for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Bring a sub-device online.
    Online,
    /// Take it offline.
    Offline,
    /// Bind it to the gateway.
    Bind,
    /// End its binding.
    Unbind,
    /// List what is bound.
    List,
}

impl Operation {
    const ALL: [Operation; 5] =
        [Operation::Online, Operation::Offline, Operation::Bind, Operation::Unbind, Operation::List];

    /// `type` of request and reply.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Online => "online",
            Operation::Offline => "offline",
            Operation::Bind => "bind",
            Operation::Unbind => "unbind",
            Operation::List => "describe_sub_devices",
        }
    }
}

/// What a bind says beyond the names.
pub struct Proof<'a> {
    /// base64.
    pub signature: &'a str,
    /// Part of what is signed.
    pub random: u32,
    /// Seconds since the epoch, part of what is signed.
    pub timestamp: i64,
    /// `psk` or `certificate`.
    pub auth_type: &'a str,
}

/// Request for one sub-device: online, offline, unbind.
pub fn request(operation: Operation, sub_device: &Identity) -> Result<Vec<u8>, Error> {
    devices_request(operation, sub_device, format_args!(""))
}

/// Request to bind.
pub fn bind_request(sub_device: &Identity, proof: &Proof) -> Result<Vec<u8>, Error> {
    let Proof { signature, random, timestamp, auth_type } = proof;
    let more = format_args!(
        ",\"signature\":\"{signature}\",\"random\":{random},\"timestamp\":{timestamp},\
         \"signmethod\":\"hmacsha1\",\"authtype\":\"{auth_type}\""
    );
    devices_request(Operation::Bind, sub_device, more)
}

fn devices_request(
    operation: Operation,
    sub_device: &Identity,
    more: fmt::Arguments,
) -> Result<Vec<u8>, Error> {
    let mut text = Text::default();
    text.format(format_args!("{{\"type\":\"{}\",\"payload\":{{\"devices\":[", operation.name()))?;
    device(sub_device, more, &mut text)?;
    text.put(b"]}}")?;
    Ok(text.into_bytes())
}

/// Request for the list of what is bound.
pub const LIST_REQUEST: &[u8] = br#"{"type":"describe_sub_devices"}"#;

/// Acknowledges a start or stop of the search.
pub fn search_ack(status: i32) -> Result<Vec<u8>, Error> {
    let ack = format_args!(r#"{{"type":"search_devices", "payload":{{"status":{status}, "result":0}}}}"#);
    memory::format(ack).map(String::into_bytes)
}

/// Acknowledges the end of all bindings.
pub const UNBIND_ALL_ACK: &[u8] = br#"{"type":"unbind_all", "payload":{"result":0}}"#;

/// Acknowledges what the console has bound or unbound.
pub fn change_ack(status: i32, sub_devices: &[Identity]) -> Result<Vec<u8>, Error> {
    let mut text = Text::default();
    text.format(format_args!(r#"{{"type":"change", "payload":{{"status":{status}, "devices":["#))?;
    for (number, sub_device) in sub_devices.iter().enumerate() {
        if number > 0 {
            text.put(b",")?;
        }
        device(sub_device, format_args!(",\"result\":0"), &mut text)?;
    }
    text.put(b"]}}")?;
    Ok(text.into_bytes())
}

fn device(identity: &Identity, more: fmt::Arguments, text: &mut Text) -> Result<(), Error> {
    text.put(b"{\"product_id\":\"")?;
    json::escape(identity.product_id().as_bytes(), |piece| text.put(piece))?;
    text.put(b"\",\"device_name\":\"")?;
    json::escape(identity.device_name().as_bytes(), |piece| text.put(piece))?;
    text.put(b"\"")?;
    text.format(more)?;
    text.put(b"}")
}

/// A message of the platform.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Reply for one sub-device.
    Result {
        /// What was asked for.
        operation: Operation,
        /// For which sub-device.
        sub_device: Identity,
        /// 0, or why not.
        result: i32,
    },
    /// Reply to [`Operation::List`], in the platform's order; `None`: there is no memory for it.
    List(Option<Vec<Identity>>),
    /// Start (1) or stop (0) to search for sub-devices.
    Search(i32),
    /// All bindings have ended.
    UnbindAll,
    /// The console has bound (1) or unbound (0) sub-devices.
    Change {
        /// 1 or 0.
        status: i32,
        /// Which ones.
        sub_devices: Vec<Identity>,
    },
}

impl Incoming {
    /// Reads a message; what is wrong with it otherwise.
    pub fn parse(payload: &[u8]) -> Result<Incoming, &'static str> {
        if !json::is_object(payload) {
            return Err("no JSON object");
        }
        let kind =
            json::find(b"type", payload).filter(|value| value.kind == Kind::String).ok_or("no type")?;
        if kind.is(b"search_devices") {
            return status(payload).map(Incoming::Search);
        }
        if kind.is(b"unbind_all") {
            return Ok(Incoming::UnbindAll);
        }
        if kind.is(b"change") {
            let sub_devices = list(payload)?.ok_or("no memory for its devices")?;
            return Ok(Incoming::Change { status: status(payload)?, sub_devices });
        }
        let operation = Operation::ALL.into_iter().find(|known| kind.is(known.name().as_bytes()));
        reply(operation.ok_or("unknown type")?, payload)
    }
}

/// A reply is about the first device in it: requests name one.
fn reply(operation: Operation, payload: &[u8]) -> Result<Incoming, &'static str> {
    if operation == Operation::List {
        return list(payload).map(Incoming::List);
    }
    let first = devices(payload)?.next().ok_or("no device")?;
    let sub_device = identity(&first).ok_or("a device without names")?;
    let result = json::find(b"result", first.text).and_then(|value| int(&value)).ok_or("no result")?;
    Ok(Incoming::Result { operation, sub_device, result })
}

fn status(payload: &[u8]) -> Result<i32, &'static str> {
    json::find(b"payload.status", payload).and_then(|value| int(&value)).ok_or("no status")
}

fn int(value: &Value) -> Option<i32> {
    value.integer().and_then(|number| i32::try_from(number).ok())
}

/// `None` without memory.
fn list(payload: &[u8]) -> Result<Option<Vec<Identity>>, &'static str> {
    let mut count = 0;
    for device in devices(payload)? {
        identity(&device).ok_or("a device without names")?;
        count += 1;
    }
    // Counted first, so that it is one block, however long it is.
    let mut list = Vec::new();
    if list.try_reserve_exact(count).is_err() {
        return Ok(None);
    }
    list.extend(devices(payload)?.filter_map(|device| identity(&device)));
    Ok(Some(list))
}

fn devices(payload: &[u8]) -> Result<impl Iterator<Item = Value<'_>>, &'static str> {
    let devices = json::find(b"payload.devices", payload).filter(|value| value.kind == Kind::Array);
    devices.map(|value| value.elements()).ok_or("no devices")
}

/// The names of a device, cut to what the interface has room for.
fn identity(device: &Value) -> Option<Identity> {
    let (mut product_id, mut device_name) = ([0; MAX_SIZE_OF_PRODUCT_ID], [0; MAX_SIZE_OF_DEVICE_NAME]);
    let product_id = json::find(b"product_id", device.text)?.unescaped_into(&mut product_id)?;
    let device_name = json::find(b"device_name", device.text)?.unescaped_into(&mut device_name)?;
    Identity::new(Some(product_id), Some(device_name)).ok()
}

#[cfg(test)]
mod tests;
