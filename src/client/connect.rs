//! One connection attempt: link, upgrade, CONNECT, CONNACK (`mqtt.md` §1, `websocket.md` §1).

use super::callback::ClientEvent;
use super::credentials::{self, MAX_ACCESS_EXPIRE_TIMEOUT_MS};
use super::dispatch::{Loss, Phase, Progress};
use super::{Client, lock};
use crate::error::Error;
use crate::hal::net::Link;
use crate::hal::{clock, random, reserve};
use crate::log::{Hold, Level, log};
use crate::mqtt::packet::{self, ConnectFields};
#[cfg(feature = "websocket_mqtt")]
use crate::transport::upgrade::upgrade;

impl Client {
    /// Connects for the first time. The caller destroys the client after an error.
    pub fn open(&self) -> Result<(), Error> {
        let _call = self.gate.enter()?;
        let _yielding = self.yield_right.take().ok_or(Error::Failure)?;
        let result = self.check_credential().and_then(|()| self.connect());
        let id = self.core().connection_id.clone();
        match result {
            Ok(()) => {
                self.core().lifecycle.on_connected();
                log!(
                    Level::Info,
                    "mqtt_client.c",
                    "IOT_MQTT_Construct",
                    "mqtt connect with id: {id} success"
                );
                Ok(())
            }
            Err(error) => {
                log!(
                    Level::Error,
                    "mqtt_client.c",
                    "IOT_MQTT_Construct",
                    "mqtt connect with id: {id} failed: {}",
                    error.code()
                );
                Err(error)
            }
        }
    }

    /// Connects again, renews the subscriptions and tells the application.
    pub(super) fn reconnect(&self) -> Result<(), Error> {
        log!(
            Level::Info,
            "mqtt_client_connect.c",
            "qcloud_iot_mqtt_attempt_reconnect",
            "attempt to reconnect..."
        );
        self.connect()?;
        if let Err(error) = self.resubscribe() {
            self.drop_link(None);
            return Err(error);
        }
        self.core().lifecycle.on_connected();
        let id = self.core().connection_id.clone();
        log!(
            Level::Info,
            "mqtt_client_connect.c",
            "qcloud_iot_mqtt_attempt_reconnect",
            "mqtt reconnect with id: {id} success"
        );
        self.timed(|| self.observer.on_event(self, ClientEvent::Reconnected));
        Ok(())
    }

    fn connect(&self) -> Result<(), Error> {
        {
            let mut core = self.core();
            core.connection_id.clear();
            core.broken = None;
            core.connecting = true;
        }
        let result = reserve::admit()
            .and_then(|()| self.open_link())
            .and_then(|link| self.attach(link))
            .and_then(|()| self.log_in());
        self.core().connecting = false;
        if result.is_err() {
            self.drop_link(None);
        }
        result
    }

    /// Hands the open link to sender and receiver, after the upgrade where there is one.
    #[cfg(feature = "websocket_mqtt")]
    fn attach(&self, link: Link) -> Result<(), Error> {
        let endpoint = &self.config.endpoint;
        if !endpoint.scheme.is_websocket() {
            return self.attach_plain(link);
        }
        let admitted = reserve::admit();
        let host = endpoint.host_header();
        let is_cancelled = || self.must_leave();
        let upgraded = admitted
            .and_then(|()| {
                let (waiter, clock) = (&self.waiter, &self.clock);
                upgrade(&link, &host, &endpoint.path, waiter, clock, &is_cancelled)
            })
            .and_then(|surplus| lock(&self.receiver).attach_websocket(link, &surplus));
        if let Err(error) = upgraded {
            link.close();
            return Err(error);
        }
        lock(&self.sender).attach(link, true);
        log!(Level::Debug, "network_socket.c", "network_websocket_mqtt_connect", "websocket conn create");
        Ok(())
    }

    #[cfg(not(feature = "websocket_mqtt"))]
    fn attach(&self, link: Link) -> Result<(), Error> {
        self.attach_plain(link)
    }

    fn attach_plain(&self, link: Link) -> Result<(), Error> {
        lock(&self.receiver).attach(link);
        lock(&self.sender).attach(link, false);
        Ok(())
    }

    /// CONNECT and CONNACK.
    fn log_in(&self) -> Result<(), Error> {
        reserve::admit()?;
        let timeout_ms = self.config.command_timeout_ms;
        let packet = self.connect_packet()?;
        let deadline = self.clock.now() + u64::from(timeout_ms);
        self.send_packet(&[&packet], timeout_ms)?;
        loop {
            reserve::admit()?;
            match self.handle_next(Phase::AwaitingConnAck) {
                Progress::ConnAck { session_present, code: 0 } => {
                    let now = self.clock.now();
                    self.core().session.on_connected(now, session_present, self.config.keep_alive_s);
                    return Ok(());
                }
                Progress::ConnAck { code, .. } => return Err(refusal(code)),
                Progress::Handled => {}
                // A message too large to be received was dropped; it does not stand against the connection.
                Progress::Report(Error::BufTooShort) => {}
                Progress::Report(error) => return Err(error),
                Progress::Lost(loss) => {
                    self.drop_link(loss.close_code());
                    return Err(self.failure_of(&loss));
                }
                Progress::Nothing => self.read_before(deadline)?,
            }
        }
    }

    fn connect_packet(&self) -> Result<Vec<u8>, Error> {
        let mut failure = Ok(());
        let id = credentials::connection_id(&mut |bytes| {
            if let Err(error) = random::fill(bytes) {
                failure = Err(error);
            }
        });
        failure?;
        let expiry = credentials::expiry(MAX_ACCESS_EXPIRE_TIMEOUT_MS, clock::epoch_seconds());
        let client_id = self.config.identity.client_id();
        let user_name = credentials::user_name(client_id, &id, &expiry);
        self.core().connection_id = id;
        let password = if credentials::sends_password(self.config.endpoint.scheme) {
            Some(self.password(&user_name)?)
        } else {
            None
        };
        packet::connect(&ConnectFields {
            client_id,
            user_name: &user_name,
            password: password.as_ref().map(|password| password.as_str()),
            keep_alive_s: self.config.keep_alive_s,
            clean_session: self.config.clean_session,
        })
    }

    /// Reads once, no longer than until `deadline`.
    fn read_before(&self, deadline: u64) -> Result<(), Error> {
        let left = u32::try_from(deadline.saturating_sub(self.clock.now())).unwrap_or(u32::MAX);
        if self.must_leave() {
            return Err(Error::NoConn);
        }
        if left == 0 {
            return Err(Error::RequestTimeout);
        }
        let _hold = Hold::start();
        lock(&self.receiver).read(left, &self.waiter).map(drop)
    }

    fn resubscribe(&self) -> Result<(), Error> {
        for number in 0.. {
            reserve::admit()?;
            let renewal = self.core().session.resubscribe(self.clock.now(), number)?;
            let Some((packet, target)) = renewal else { break };
            self.send_packet(&[&packet], self.config.command_timeout_ms)?;
            target
                .0
                .on_renewed(self, &mut |topic, payload| self.send_message(topic, None, false, payload))?;
        }
        Ok(())
    }

    /// What a connection that breaks before CONNACK is called.
    fn failure_of(&self, loss: &Loss) -> Error {
        match loss {
            Loss::Closed(_) if self.config.endpoint.scheme.is_tls() => Error::SslRead,
            Loss::Closed(_) => Error::TcpPeerShutdown,
            Loss::Violation { .. } => Error::RxMessageInvalid,
            Loss::Malformed(_) => Error::Failure,
            Loss::Link(error) => *error,
            Loss::KeepAlive | Loss::Stalled => Error::RequestTimeout,
        }
    }
}

/// The error of a CONNACK code [MQTT 3.1.1 table 3.1].
fn refusal(code: u8) -> Error {
    match code {
        1 => Error::ConnackProtocolVersion,
        2 => Error::ConnackIdentifier,
        3 => Error::ConnackServerUnavailable,
        4 => Error::ConnackUserData,
        5 => Error::ConnackNotAuthorized,
        _ => Error::ConnackUnknown,
    }
}
