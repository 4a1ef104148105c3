use super::*;
use crate::client::callback::{ClientEvent, Observer};
use crate::client::construct::{Parameters, Secret};
use crate::services::requests::{Waited, wait};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);
const SUBSCRIBE: u8 = 0x82;

struct Nobody;

impl Observer for Nobody {
    fn on_event(&self, _client: &Client, _event: ClientEvent<'_>) {}
}

/// Keeps what comes.
#[derive(Default)]
struct Listener(Mutex<Vec<String>>);

impl Service for Listener {
    const FILE: &'static str = "downlink_tests.rs";

    fn on_message(&self, _client: &Client, message: &mut Message) {
        self.0.lock().unwrap().push(String::from_utf8_lossy(message.payload()).into_owned());
    }

    fn on_event(&self, _client: &Client, event: TopicEvent) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

impl Listener {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// The server of a test.
struct Server {
    listener: TcpListener,
    stream: TcpStream,
}

impl Server {
    fn accept(listener: &TcpListener) -> TcpStream {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// The next packet: its first byte and its body.
    fn packet(&mut self) -> (u8, Vec<u8>) {
        let mut header = [0; 2];
        self.stream.read_exact(&mut header).unwrap();
        let mut body = vec![0; usize::from(header[1])];
        self.stream.read_exact(&mut body).unwrap();
        (header[0], body)
    }

    /// The next packet, which must be a SUBSCRIBE; its id.
    fn subscribe(&mut self) -> [u8; 2] {
        let (first, body) = self.packet();
        assert_eq!(first, SUBSCRIBE, "{body:?}");
        [body[0], body[1]]
    }

    fn answer(&mut self, [high, low]: [u8; 2], code: u8) {
        self.stream.write_all(&[0x90, 3, high, low, code]).unwrap();
    }

    /// Ends the connection and takes the next one.
    fn next_connection(&mut self) {
        self.stream.shutdown(std::net::Shutdown::Both).unwrap();
        self.stream = Server::accept(&self.listener);
        assert_eq!(self.packet().0, 0x10, "CONNECT");
        self.stream.write_all(&[0x20, 2, 0, 0]).unwrap();
    }
}

fn connected(auto_connect: bool) -> (Arc<Client>, Server) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let parameters = Parameters {
        region: Some(url.as_bytes()),
        product_id: Some(b"P"),
        device_name: Some(b"d"),
        secret: Secret::Key(Some(b"c2VjcmV0")),
        command_timeout_ms: 500,
        keep_alive_ms: 0,
        clean_session: true,
        auto_connect,
    };
    let client = Client::construct(&parameters, Box::new(Nobody)).unwrap();
    let opening = std::thread::spawn({
        let client = Arc::clone(&client);
        move || client.open()
    });
    let stream = Server::accept(&listener);
    let mut server = Server { listener, stream };
    assert_eq!(server.packet().0, 0x10, "CONNECT");
    server.stream.write_all(&[0x20, 2, 0, 0]).unwrap();
    opening.join().unwrap().unwrap();
    (client, server)
}

/// A start that is under way in a thread of its own, while the test is the server.
struct Starting {
    client: Arc<Client>,
    link: Arc<Downlink<Listener>>,
    thread: std::thread::JoinHandle<Result<u16, Error>>,
}

impl Starting {
    fn of(client: Arc<Client>, rounds_ms: &'static [u32], asks_again: bool) -> Starting {
        let link = Downlink::new(Listener::default());
        let thread = std::thread::spawn({
            let (client, link) = (Arc::clone(&client), Arc::clone(&link));
            move || link.start(&client, FILTER, 0, &Patience { rounds_ms, asks_again })
        });
        Starting { client, link, thread }
    }

    /// The result and what the service was told, of a subscription that is not there.
    fn failed(self) -> (Error, Vec<String>) {
        let error = self.thread.join().unwrap().unwrap_err();
        assert!(!self.link.is_granted() && !self.client.is_subscribed(FILTER));
        let told = self.link.service.take();
        self.client.destroy();
        assert_eq!(self.link.service.take(), [""; 0], "its entry was dropped: nobody tells it of the end");
        (error, told)
    }
}

const FILTER: &str = "t/#";

#[test]
fn a_granted_subscription_delivers_and_is_not_asked_for_again() {
    let (client, mut server) = connected(true);
    let starting = Starting::of(Arc::clone(&client), &[20_000], false);
    let id = server.subscribe();
    server.answer(id, 0);
    assert_eq!(starting.thread.join().unwrap(), Ok(u16::from_be_bytes(id)));
    let link = starting.link;
    assert!(link.is_granted() && client.is_subscribed(FILTER));
    server.stream.write_all(b"\x30\x07\x00\x03t/xhi").unwrap();
    let is_told = || link.service.0.lock().unwrap().len() == 2;
    assert_eq!(wait(&client, 20_000, &is_told), Waited::Done);
    assert_eq!(link.service.take(), ["Subscribed", "hi"]);
    // The next packet is that of the unsubscription: nothing was sent in between.
    assert_eq!(link.start(&client, FILTER, 0, &Patience::rounds(&[20_000])), Ok(u16::from_be_bytes(id)));
    assert_eq!(link.ask(&client, FILTER, 0), Ok(()));
    client.unsubscribe(FILTER).unwrap();
    assert_eq!(server.packet().0, 0xa2, "UNSUBSCRIBE");
    assert!(!link.is_granted());
    assert_eq!(link.ask(&client, FILTER, 0), Ok(()));
    server.subscribe();
    client.destroy();
    assert_eq!(link.service.take(), ["Unsubscribed"]);
}

#[test]
fn a_refusal_ends_the_start_at_once() {
    let (client, mut server) = connected(true);
    let starting = Starting::of(client, &[20_000, 20_000], false);
    let id = server.subscribe();
    server.answer(id, 0x80);
    assert_eq!(starting.failed(), (Error::SubNack, vec!["SubscribeRefused".into()]));
}

#[test]
fn rounds_do_not_repeat_what_is_under_way() {
    let (client, mut server) = connected(true);
    let starting = Starting::of(Arc::clone(&client), &[50, 50, 50], false);
    let id = server.subscribe();
    assert_eq!(starting.thread.join().unwrap(), Err(Error::RequestTimeout));
    // The late answer belongs to nobody.
    server.answer(id, 0);
    client.publish(b"t/x", 0, false, b"").unwrap();
    assert_eq!(server.packet().0, 0x30, "PUBLISH: there was one SUBSCRIBE");
    assert_eq!(client.yield_for(50), 0);
    assert!(!starting.link.is_granted() && !client.is_subscribed(FILTER));
    assert_eq!(starting.link.service.take(), [""; 0]);
    client.destroy();
}

#[test]
fn rounds_may_repeat_the_question() {
    let (client, mut server) = connected(true);
    let starting = Starting::of(Arc::clone(&client), &[50, 50, 20_000], true);
    let ids = [server.subscribe(), server.subscribe(), server.subscribe()];
    server.answer(ids[1], 0);
    assert_eq!(starting.thread.join().unwrap(), Ok(u16::from_be_bytes(ids[2])));
    client.destroy();
}

#[test]
fn an_unanswered_question_is_asked_again_in_the_next_round() {
    let (client, mut server) = connected(true);
    // The command timeout is half a second.
    let starting = Starting::of(Arc::clone(&client), &[5000, 5000], false);
    server.subscribe();
    let id = server.subscribe();
    server.answer(id, 0);
    assert_eq!(starting.thread.join().unwrap(), Ok(u16::from_be_bytes(id)));
    assert_eq!(starting.link.service.take(), ["SubscribeTimeout", "Subscribed"]);
    client.destroy();
}

#[test]
fn a_lost_connection_ends_the_start_where_it_stays_lost() {
    let (client, mut server) = connected(false);
    let starting = Starting::of(client, &[20_000], false);
    server.subscribe();
    drop(server);
    assert_eq!(starting.failed(), (Error::NoConn, vec![]));
}

#[test]
fn a_start_goes_on_over_a_lost_connection() {
    let (client, mut server) = connected(true);
    let starting = Starting::of(Arc::clone(&client), &[20_000], false);
    server.subscribe();
    server.next_connection();
    let id = server.subscribe();
    server.answer(id, 0);
    assert_eq!(starting.thread.join().unwrap(), Ok(u16::from_be_bytes(id)));
    client.destroy();
}

#[test]
fn a_start_ends_with_its_client() {
    let (client, mut server) = connected(true);
    let starting = Starting::of(Arc::clone(&client), &[60_000], false);
    server.subscribe();
    client.destroy();
    assert_eq!(starting.thread.join().unwrap(), Err(Error::NoConn));
}

#[test]
fn a_wait_goes_on_over_what_concerns_others() {
    let (client, mut server) = connected(true);
    let other = Downlink::new(Listener::default());
    other.ask(&client, "other", 0).unwrap();
    let id = server.subscribe();
    server.answer(id, 0x80);
    assert_eq!(wait(&client, 100, &|| false), Waited::TimeOver);
    assert_eq!(other.service.take(), ["SubscribeRefused"]);
    client.destroy();
    assert_eq!(wait(&client, 100, &|| false), Waited::Offline);
}
