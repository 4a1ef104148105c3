//! Runs the WebSocket upgrade over an open link (`websocket.md` §§2–4).

use super::websocket::{Progress, Upgrade, UpgradeError, UpgradeRequest};
use crate::error::Error;
use crate::hal::clock::Clock;
use crate::hal::net::Link;
use crate::hal::random;
use crate::hal::waiter::Waiter;
use crate::log::{Level, Payload, log};
use crate::memory;

/// Limit for the whole upgrade, in ms.
pub const UPGRADE_TIMEOUT_MS: u32 = 10_000;

const FILE: &str = "utils_websocket_client.c";
const FUNCTION: &str = "Utils_WSClient_connect";

/// Asks the server to speak WebSocket; returns the first WebSocket bytes, which may have come with its answer.
///
/// `is_cancelled` is looked at whenever the wait is interrupted.
pub fn upgrade(
    link: &Link,
    host: &str,
    path: &str,
    waiter: &Waiter,
    clock: &Clock,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Vec<u8>, Error> {
    let mut key = [0; 16];
    random::fill(&mut key)?;
    let request = UpgradeRequest::new(host, path, &key)?;
    log!(Level::Debug, FILE, FUNCTION, "header: {}", request.text());

    let deadline = clock.now() + u64::from(UPGRADE_TIMEOUT_MS);
    link.write_all(&mut request.into_bytes(), UPGRADE_TIMEOUT_MS, clock)?;

    let mut response = Upgrade::new(&key);
    let result = read_response(link, &mut response, deadline, waiter, clock, is_cancelled);
    if let Some(status) = response.status() {
        // At ERR also for 101: the published session shows it so, and people search for it.
        log!(Level::Error, FILE, FUNCTION, "websocket resp code :{status}");
    }
    result.map_err(|failure| report(&failure))
}

fn read_response(
    link: &Link,
    response: &mut Upgrade,
    deadline: u64,
    waiter: &Waiter,
    clock: &Clock,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Vec<u8>, UpgradeError> {
    let mut buffer = [0; 1024];
    loop {
        let left = u32::try_from(deadline.saturating_sub(clock.now())).unwrap_or(u32::MAX);
        if left == 0 || is_cancelled() {
            return Err(response.timed_out());
        }
        let want = if link.reads_available() { buffer.len() } else { response.need().min(buffer.len()) };
        let room = buffer.get_mut(..want).unwrap_or_default();
        let count = link.read(room, left, waiter).map_err(|_| response.closed())?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if let Progress::Done { surplus } = response.feed(bytes)? {
            return memory::joined(&[surplus]).map_err(|_| UpgradeError::Memory);
        }
    }
}

fn report(failure: &UpgradeError) -> Error {
    log!(Level::Error, FILE, FUNCTION, "websocket upgrade failed: {failure}");
    if let Some(refusal) = failure.refusal() {
        log!(Level::Debug, FILE, FUNCTION, "response: {} {}", refusal.reason, Payload(&refusal.body));
    }
    Error::from(failure)
}
