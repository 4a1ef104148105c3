use super::*;
use crate::client::callback::{ClientEvent, Observer};
use crate::client::construct::{Parameters, Secret};
use std::time::{Duration, Instant};

struct Panics;

impl Observer for Panics {
    fn on_event(&self, _client: &Client, _event: ClientEvent<'_>) {
        panic!("on purpose");
    }
}

/// A client that was never connected.
fn client() -> Arc<Client> {
    let parameters = Parameters {
        region: Some(b"mqtt://127.0.0.1:1"),
        product_id: Some(b"P"),
        device_name: Some(b"d"),
        secret: Secret::Key(Some(b"c2VjcmV0")),
        command_timeout_ms: 5000,
        keep_alive_ms: 0,
        clean_session: true,
        auto_connect: true,
    };
    Client::construct(&parameters, Box::new(Panics)).unwrap()
}

#[test]
fn a_loop_thread_that_panics_has_ended_all_the_same() {
    let client = client();
    // Reading without a link is a loss, which the observer of this client does not survive.
    client.core().lifecycle.on_connected();
    client.start_loop().unwrap();
    let mut state = lock(&client.looping.state);
    while state.is_running {
        state = client.looping.ended.wait(state).unwrap();
    }
    drop(state);
    assert_eq!(client.loop_status(), (false, Error::Failure.code()));
    client.destroy();
}

#[test]
fn stopping_what_does_not_run_breaks_no_wait_off() {
    let client = client();
    client.stop_loop();
    client.set_loop_status(false);
    let start = Instant::now();
    client.waiter.sleep(50);
    assert!(start.elapsed() >= Duration::from_millis(40), "{:?}", start.elapsed());
    client.destroy();
}

#[test]
fn a_start_that_waits_for_the_old_thread_leaves_when_the_client_goes() {
    let client = client();
    // A loop thread that is asked to end and does not, as in a long callback.
    lock(&client.looping.state).is_running = true;
    let starter = std::thread::spawn({
        let client = Arc::clone(&client);
        move || client.start_loop()
    });
    // What Destroy does when that callback calls it.
    assert!(client.gate.close());
    client.wake_starters();
    assert_eq!(starter.join().unwrap(), Err(Error::NoConn));
}
