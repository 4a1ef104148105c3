use super::*;
use crate::client::callback::Observer;
use crate::client::construct::{Parameters, Secret};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// Tells the test what happens; `on_message` is what the application does with a message.
struct Witness {
    seen: Mutex<Sender<String>>,
    on_message: fn(&Client),
}

impl Observer for Witness {
    fn on_event(&self, client: &Client, event: ClientEvent<'_>) {
        let text = match event {
            ClientEvent::Message(message) => {
                (self.on_message)(client);
                String::from_utf8_lossy(message.payload()).into_owned()
            }
            other => format!("{other:?}"),
        };
        lock(&self.seen).send(text).unwrap();
    }
}

/// A client that is connected to the test itself over TCP. `before_connack` is what the server says first.
fn connected(on_message: fn(&Client), before_connack: &[u8]) -> (Arc<Client>, TcpStream, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let parameters = Parameters {
        region: Some(url.as_bytes()),
        product_id: Some(b"P"),
        device_name: Some(b"d"),
        secret: Secret::Key(Some(b"c2VjcmV0")),
        command_timeout_ms: 5000,
        keep_alive_ms: 0,
        clean_session: true,
        auto_connect: true,
    };
    let (seen, events) = channel();
    let witness = Witness { seen: Mutex::new(seen), on_message };
    let client = Client::construct(&parameters, Box::new(witness)).unwrap();
    let opening = std::thread::spawn({
        let client = Arc::clone(&client);
        move || client.open()
    });
    let (mut server, _) = listener.accept().unwrap();
    server.set_read_timeout(Some(LIMIT)).unwrap();
    let mut header = [0; 2];
    server.read_exact(&mut header).unwrap();
    assert_eq!(header[0], 0x10, "CONNECT");
    server.read_exact(&mut vec![0; usize::from(header[1])]).unwrap();
    server.write_all(&[before_connack, &[0x20, 2, 0, 0]].concat()).unwrap();
    opening.join().unwrap().unwrap();
    (client, server, events)
}

const MESSAGE: &[u8] = b"\x30\x08\x00\x01thello";

fn first(text: &str) -> Vec<u8> {
    MESSAGE[..5].iter().copied().chain(text.bytes()).collect()
}

#[test]
fn a_slow_handler_does_not_make_the_rest_of_the_next_packet_late() {
    let (client, mut server, events) = connected(|_| std::thread::sleep(Duration::from_millis(2200)), b"");
    // The second message begins in the first read and ends while the handler of the first one runs.
    let second = first("world");
    server.write_all(&[&first("hello")[..], &second[..4]].concat()).unwrap();
    server.flush().unwrap();
    let late = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(500));
        server.write_all(&second[4..]).unwrap();
        server
    });
    assert_eq!(client.yield_for(4600), 0);
    assert_eq!(events.try_iter().collect::<Vec<_>>(), ["hello", "world"]);
    assert!(client.is_connected());
    drop(late.join().unwrap());
    client.destroy();
}

#[test]
fn a_pause_between_two_calls_does_not_make_the_rest_of_a_packet_late() {
    let (client, mut server, events) = connected(|_| {}, b"");
    let message = first("hello");
    server.write_all(&message[..4]).unwrap();
    while !lock(&client.receiver).is_mid_packet() {
        assert_eq!(client.yield_for(10), 0);
    }
    server.write_all(&message[4..]).unwrap();
    std::thread::sleep(Duration::from_millis(REST_OF_PACKET_MS + 200));
    assert_eq!(client.yield_for(100), 0);
    assert_eq!(events.try_iter().collect::<Vec<_>>(), ["hello"]);
    client.destroy();
}

#[test]
fn the_rest_of_a_packet_that_stays_away_is_a_loss() {
    let (client, mut server, events) = connected(|_| {}, b"");
    server.write_all(&MESSAGE[..4]).unwrap();
    assert_eq!(client.yield_for(2500), Error::AttemptingReconnect.code());
    assert_eq!(events.try_iter().collect::<Vec<_>>(), ["Disconnected"]);
    client.destroy();
}

#[test]
fn a_call_whose_time_is_over_reads_once_all_the_same() {
    let (client, mut server, events) = connected(|_| {}, b"");
    server.write_all(MESSAGE).unwrap();
    // Loopback has the bytes when the write returns.
    let _yielding = client.yield_right.take().unwrap();
    assert_eq!(client.run(0, &|| false), 0);
    assert_eq!(events.try_iter().collect::<Vec<_>>(), ["hello"]);
    client.destroy();
}

#[test]
fn a_yield_in_a_message_before_connack_leaves_connack_to_construct() {
    let (client, _server, events) = connected(|client| assert_eq!(client.yield_for(100), 0), MESSAGE);
    assert!(client.is_connected());
    assert_eq!(events.try_iter().collect::<Vec<_>>(), ["hello"]);
    client.destroy();
}

#[test]
fn a_yield_that_sleeps_says_that_the_client_has_gone() {
    let (client, _server, _events) = connected(|_| {}, b"");
    let yielding = client.yield_right.take().unwrap();
    let sleeper = std::thread::spawn({
        let client = Arc::clone(&client);
        move || client.yield_for(60_000)
    });
    while client.gate.is_empty() {
        std::thread::yield_now();
    }
    client.destroy();
    drop(yielding);
    assert_eq!(sleeper.join().unwrap(), MANUALLY_DISCONNECTED);
}

#[test]
fn lines_of_the_port_reach_the_handler_without_a_lock() {
    static CLIENT: Mutex<Option<Arc<Client>>> = Mutex::new(None);
    fn handler(line: &std::ffi::CStr) -> bool {
        let client = lock(&CLIENT).clone();
        // Only the lines of this test's thread: others run beside it.
        let is_mine = std::thread::current().name() == Some(NAME);
        if let Some(client) = client.filter(|_| is_mine && line.to_string_lossy().contains("write failed")) {
            assert!(client.sender.try_lock().is_ok(), "the handler may publish");
            lock(&SEEN).push(line.to_owned());
        }
        false
    }
    const NAME: &str = "the one that logs";
    static SEEN: Mutex<Vec<std::ffi::CString>> = Mutex::new(Vec::new());
    let _turn = lock(&crate::log::TURN);
    let (client, server, _events) = connected(|_| {}, b"");
    drop(server);
    *lock(&CLIENT) = Some(Arc::clone(&client));
    crate::log::set_handler(Some(handler));
    let publisher = std::thread::Builder::new().name(NAME.into()).spawn({
        let client = Arc::clone(&client);
        // The first writes still fit into the socket of a peer that has gone.
        move || (0..1000).find_map(|_| client.publish(b"t", 0, false, b"x").err())
    });
    let error = publisher.unwrap().join().unwrap();
    crate::log::set_handler(None);
    assert_eq!(error, Some(Error::TcpWriteFail));
    assert_eq!(lock(&SEEN).len(), 1);
    client.destroy();
}

/// Deadlines of a service that publishes nothing: what was due, and when it was ended.
#[derive(Default)]
struct Due {
    at: Mutex<Vec<u64>>,
    ended: Mutex<Vec<(u64, u64)>>,
}

impl crate::client::deadlines::Deadlines for Due {
    fn next_deadline(&self) -> Option<u64> {
        lock(&self.at).iter().copied().min()
    }

    fn expire(&self, client: &Client, now: u64) {
        assert!(client.deadlines.try_lock().is_ok(), "called without locks");
        let mut due = lock(&self.at);
        let (over, rest): (Vec<u64>, Vec<u64>) = due.drain(..).partition(|&at| at <= now);
        *due = rest;
        lock(&self.ended).extend(over.into_iter().map(|at| (at, now)));
    }
}

impl Due {
    fn watched(client: &Client) -> Arc<Due> {
        let due = Arc::new(Due::default());
        client.watch(Arc::clone(&due) as Arc<dyn crate::client::deadlines::Deadlines>);
        due
    }

    fn set(&self, client: &Client, at: u64) {
        lock(&self.at).push(at);
        client.wake_before(at);
    }

    fn has_ended(&self, count: usize) -> bool {
        lock(&self.ended).len() >= count
    }

    /// None was ended before its time.
    fn check(&self) {
        assert!(lock(&self.ended).iter().all(|(at, now)| now >= at));
    }
}

#[test]
fn deadlines_of_a_service_end_the_wait_for_data() {
    let (client, _server, _events) = connected(|_| {}, b"");
    let due = Due::watched(&client);
    for ms in [30, 60] {
        due.set(&client, client.now() + ms);
    }
    assert_eq!(client.yield_until(20_000, &|| due.has_ended(2)), 0);
    assert!(due.has_ended(2));
    due.check();
    client.destroy();
}

#[test]
fn a_deadline_that_is_set_meanwhile_wakes_the_thread_that_reads() {
    let (client, _server, _events) = connected(|_| {}, b"");
    let due = Due::watched(&client);
    let reader = std::thread::spawn({
        let (client, due) = (Arc::clone(&client), Arc::clone(&due));
        move || client.yield_until(60_000, &|| due.has_ended(1))
    });
    while client.waiting_until.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    let start = std::time::Instant::now();
    due.set(&client, client.now() + 50);
    assert_eq!(reader.join().unwrap(), 0);
    assert!(due.has_ended(1) && start.elapsed() < LIMIT);
    due.check();
    client.destroy();
}

#[test]
fn deadlines_are_kept_while_the_connection_is_lost() {
    let (client, server, events) = connected(|_| {}, b"");
    let due = Due::watched(&client);
    due.set(&client, client.now() + 200);
    drop(server);
    // The first attempt to reconnect comes after a second at the earliest.
    assert_eq!(client.yield_until(20_000, &|| due.has_ended(1)), 0);
    assert_eq!(events.try_iter().collect::<Vec<_>>(), ["Disconnected"]);
    assert!(due.has_ended(1) && !client.is_connected());
    due.check();
    client.destroy();
}

#[test]
fn a_deadline_may_destroy_the_client() {
    struct Last(AtomicBool);
    impl crate::client::deadlines::Deadlines for Last {
        fn next_deadline(&self) -> Option<u64> {
            (!self.0.load(Ordering::SeqCst)).then_some(0)
        }
        fn expire(&self, client: &Client, _now: u64) {
            self.0.store(true, Ordering::SeqCst);
            assert_eq!(client.destroy(), Some(Ok(())));
        }
    }
    let (client, _server, _events) = connected(|_| {}, b"");
    client.watch(Arc::new(Last(AtomicBool::new(false))));
    assert_eq!(client.yield_for(5000), MANUALLY_DISCONNECTED);
}
