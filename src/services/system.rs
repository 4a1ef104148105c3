//! The `$sys` topics: platform time and the switch of remote login (`system.md`).

use super::downlink::{Downlink, Patience, Service};
use crate::client::Client;
use crate::client::callback::{Message, TopicEvent};
use crate::error::Error;
use crate::hal::clock;
use crate::json;
use crate::log::{Level, Payload, log};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const FILE: &str = "system_mqtt.c";
const TIME_REQUEST: &[u8] = br#"{"type": "get", "resource": ["time"]}"#;

/// Wait of the first two rounds of the subscription, in ms; the third waits for the command timeout.
const ROUND_MS: u32 = 100;
/// Least wait for a reply, in ms.
const REPLY_MS: u32 = 2000;
/// A reply that took longer says nothing about the time, in ms.
const MAX_ROUND_TRIP_MS: u64 = 10_000;

/// What the platform said about the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reply {
    /// Seconds since the epoch.
    time: i64,
    /// Platform time when the request arrived, ms since the epoch.
    ntptime1: i64,
    /// Platform time when the reply left, ms since the epoch.
    ntptime2: i64,
    /// Client clock when the request was published.
    sent_at: u64,
    /// Client clock when the reply arrived.
    received_at: u64,
}

#[derive(Debug, Default)]
struct State {
    /// Client clock when the request under way was published.
    asked_at: Option<u64>,
    /// Counts the replies, so that each caller sees one that is newer than its question.
    replies: u64,
    last: Option<Reply>,
}

/// What a client knows of its `$sys` topics.
#[derive(Debug, Default)]
pub struct System(Mutex<State>);

impl System {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Platform time in seconds since the epoch.
pub fn get_time(client: &Client) -> Result<i64, i32> {
    ask_time(client).map(|reply| reply.time)
}

/// Sets the system clock by the platform's. A clock that cannot be set is logged and no error, as firmware knows it.
pub fn sync_clock(client: &Client) -> Result<(), i32> {
    let reply = ask_time(client)?;
    let round_trip = reply.received_at.saturating_sub(reply.sent_at);
    let timestamp = match corrected_time(&reply, round_trip) {
        Some(timestamp) => timestamp,
        None => {
            log!(
                Level::Error,
                FILE,
                "IOT_Sync_NTPTime",
                "time reply not usable: ntptime1 {}, ntptime2 {}, round trip {round_trip} ms",
                reply.ntptime1,
                reply.ntptime2
            );
            return Err(Error::Failure.code());
        }
    };
    match clock::set_system_time(timestamp) {
        0 => log!(Level::Info, FILE, "IOT_Sync_NTPTime", "set systime ms success, timestamp {timestamp} ms"),
        status => log!(
            Level::Error,
            FILE,
            "IOT_Sync_NTPTime",
            "set systime ms failed, timestamp {timestamp}, please check permission or other ret :{status}"
        ),
    }
    Ok(())
}

/// Subscribes the result topic and reports that remote login is off; the packet id of the report.
pub fn enable_ssh(client: &Client) -> Result<i32, i32> {
    subscribe(client)?;
    let report = br#"{"type": "ssh", "switch": 0}"#;
    client.publish(operation_topic(client).as_bytes(), 0, false, report).map(i32::from).map_err(Error::code)
}

/// (ntptime1 + ntptime2 + round trip) / 2; `None` when the reply contradicts itself or took too long.
fn corrected_time(reply: &Reply, round_trip: u64) -> Option<u64> {
    if reply.ntptime2 < reply.ntptime1 || round_trip > MAX_ROUND_TRIP_MS {
        return None;
    }
    let sum = reply.ntptime1.checked_add(reply.ntptime2)?.checked_add(i64::try_from(round_trip).ok()?)?;
    u64::try_from(sum / 2).ok()
}

fn ask_time(client: &Client) -> Result<Reply, i32> {
    let link = subscribe(client)?;
    let system = &link.service;
    let seen = system.state().replies;
    let is_answered = || system.state().replies != seen;
    let losses = client.losses();
    let is_back = || client.is_connected() && client.losses() != losses;
    publish_request(client, system)?;
    let timeout_ms = client.command_timeout_ms().max(REPLY_MS);
    let mut result = client.yield_until(timeout_ms, &|| is_answered() || is_back());
    if is_back() && !is_answered() {
        // The request may have gone down with the old connection: ask once more.
        system.state().asked_at = None;
        publish_request(client, system)?;
        result = client.yield_until(timeout_ms, &is_answered);
    }
    let mut state = system.state();
    match state.last {
        Some(reply) if state.replies != seen => Ok(reply),
        _ => {
            state.asked_at = None;
            drop(state);
            log!(Level::Error, FILE, "IOT_Get_SysTime", "no time reply, yield result {result}");
            Err(Error::Failure.code())
        }
    }
}

/// Publishes the request unless another thread's is under way: its reply serves both.
fn publish_request(client: &Client, system: &System) -> Result<(), i32> {
    let now = client.now();
    {
        let mut state = system.state();
        let timeout = u64::from(client.command_timeout_ms().max(REPLY_MS));
        if state.asked_at.is_some_and(|asked_at| now < asked_at + timeout) {
            return Ok(());
        }
        state.asked_at = Some(now);
    }
    let published = client.publish(operation_topic(client).as_bytes(), 0, false, TIME_REQUEST);
    published.map(drop).map_err(|error| {
        system.state().asked_at = None;
        error.code()
    })
}

/// Makes sure that replies arrive: up to three SUBSCRIBE, each given time for its answer.
fn subscribe(client: &Client) -> Result<Arc<Downlink<System>>, i32> {
    let link = client.attachment::<Downlink<System>>();
    let filter = format!("$sys/operation/result/{}", device_path(client));
    let rounds_ms = [ROUND_MS, ROUND_MS, client.command_timeout_ms()];
    match link.start(client, &filter, 0, &Patience { rounds_ms: &rounds_ms, asks_again: true }) {
        Ok(_) => Ok(link),
        Err(error) => {
            log!(Level::Error, FILE, "_iot_system_info_get", "sys topic is not subscribed: {error}");
            Err(Error::Failure.code())
        }
    }
}

fn device_path(client: &Client) -> String {
    format!("{}/{}", client.identity().product_id(), client.identity().device_name())
}

fn operation_topic(client: &Client) -> String {
    format!("$sys/operation/{}", device_path(client))
}

impl Service for System {
    const FILE: &'static str = FILE;

    fn on_message(&self, client: &Client, message: &mut Message) {
        let received_at = client.now();
        let (topic, payload) = (message.topic(), message.payload());
        log!(
            Level::Debug,
            FILE,
            "_system_mqtt_message_callback",
            "Recv Msg Topic:{}, payload:{}",
            Payload(topic),
            Payload(payload)
        );
        match json::value_of(b"type", payload) {
            Some(b"ssh") => switch_ssh(payload),
            Some(b"get") | None => self.take_time(payload, received_at),
            Some(_) => {}
        }
    }

    fn on_event(&self, _client: &Client, event: TopicEvent) {
        const FUNCTION: &str = "_system_mqtt_sub_event_handler";
        match event {
            TopicEvent::Subscribed => log!(Level::Debug, FILE, FUNCTION, "mqtt sys topic subscribe success"),
            TopicEvent::SubscribeTimeout => {
                log!(Level::Info, FILE, FUNCTION, "mqtt sys topic subscribe timeout")
            }
            TopicEvent::SubscribeRefused => {
                log!(Level::Info, FILE, FUNCTION, "mqtt sys topic subscribe NACK")
            }
            TopicEvent::Unsubscribed => {
                log!(Level::Info, FILE, FUNCTION, "mqtt sys topic has been unsubscribed")
            }
            TopicEvent::ClientDestroyed => {
                log!(Level::Info, FILE, FUNCTION, "mqtt client has been destroyed")
            }
        }
    }
}

impl System {
    fn take_time(&self, payload: &[u8], received_at: u64) {
        let Some(time) = number(payload, "time") else {
            return;
        };
        let in_ms = time.saturating_mul(1000);
        let mut state = self.state();
        state.last = Some(Reply {
            time,
            ntptime1: number(payload, "ntptime1").unwrap_or(in_ms),
            ntptime2: number(payload, "ntptime2").unwrap_or(in_ms),
            sent_at: state.asked_at.unwrap_or(received_at),
            received_at,
        });
        state.replies += 1;
        state.asked_at = None;
    }
}

fn switch_ssh(payload: &[u8]) {
    const FUNCTION: &str = "_system_mqtt_message_callback";
    match number(payload, "switch") {
        Some(switch) => {
            log!(
                Level::Error,
                FILE,
                FUNCTION,
                "remote login is not part of this build, switch {switch} ignored"
            )
        }
        None => log!(Level::Warn, FILE, FUNCTION, "ssh message without switch ignored"),
    }
}

/// An integer member, as a number or as decimal text.
fn number(payload: &[u8], key: &str) -> Option<i64> {
    json::find(key.as_bytes(), payload)?.integer()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(ntptime1: i64, ntptime2: i64) -> Reply {
        Reply { time: ntptime1 / 1000, ntptime1, ntptime2, sent_at: 0, received_at: 0 }
    }

    #[test]
    fn time_of_the_reference_session() {
        let both = 1_660_189_367_685;
        assert_eq!(corrected_time(&reply(both, both), 298), Some(1_660_189_367_834));
        assert_eq!(corrected_time(&reply(both, both), 299), Some(1_660_189_367_834));
    }

    #[test]
    fn contradicting_and_slow_replies_are_refused() {
        assert_eq!(corrected_time(&reply(2000, 1999), 0), None);
        assert_eq!(corrected_time(&reply(2000, 2000), 10_001), None);
        assert_eq!(corrected_time(&reply(i64::MAX, i64::MAX), 1), None);
        assert_eq!(corrected_time(&reply(-10, -4), 0), None);
        assert_eq!(corrected_time(&reply(2000, 2000), 10_000), Some(7000));
    }

    fn taken(payload: &str) -> Option<(i64, i64, i64)> {
        let system = System::default();
        system.take_time(payload.as_bytes(), 5);
        let state = system.state();
        state.last.map(|reply| (reply.time, reply.ntptime1, reply.ntptime2))
    }

    #[test]
    fn only_a_numeric_time_is_a_reply() {
        let full = r#"{"type":"get","time":1660189367,"ntptime1":1660189367410,"ntptime2":1660189367411}"#;
        assert_eq!(taken(full), Some((1_660_189_367, 1_660_189_367_410, 1_660_189_367_411)));
        assert_eq!(taken(r#"{"type":"get","time":1660189367}"#).unwrap().1, 1_660_189_367_000);
        assert_eq!(taken(r#"{"time":"1660189367"}"#).unwrap().0, 1_660_189_367);
        assert_eq!(taken(r#"{"type":"get"}"#), None);
        assert_eq!(taken(r#"{"type":"get","time":"now"}"#), None);
        assert_eq!(taken("no json"), None);
    }
}
