use super::*;
use crate::client::callback::{ClientEvent, Observer};
use crate::client::construct::{Parameters, Secret};
use std::ffi::CString;

struct Nobody;

impl Observer for Nobody {
    fn on_event(&self, _client: &Client, _event: ClientEvent<'_>) {}
}

/// A client that is never connected: answers are handed to the state directly.
fn client() -> Arc<Client> {
    let parameters = Parameters {
        region: Some(b"mqtt://127.0.0.1:1"),
        product_id: Some(b"A1B2C3D4E5"),
        device_name: Some(b"lamp-01"),
        secret: Secret::Key(Some(b"c2VjcmV0")),
        command_timeout_ms: 5000,
        keep_alive_ms: 0,
        clean_session: true,
        auto_connect: true,
    };
    Client::construct(&parameters, Box::new(Nobody)).unwrap()
}

/// What callbacks were told, in order.
type Story = Arc<Mutex<Vec<String>>>;

fn told(story: &Story) -> Vec<String> {
    std::mem::take(&mut lock(story))
}

struct Test {
    client: Arc<Client>,
    link: Arc<Downlink<State>>,
    story: Story,
}

impl Test {
    fn new() -> Test {
        Test { client: client(), link: Downlink::new(State::default()), story: Story::default() }
    }

    /// A request that waits until `deadline`; its end is told with `name`.
    fn request(&self, method: Method, token: &str, deadline: u64, name: &'static str) {
        let story = Arc::clone(&self.story);
        let end: End = Box::new(move |method, ack, text| {
            lock(&story).push(format!("{name} {method:?} {ack:?} {}", text.to_str().unwrap()));
        });
        let request = Request { method, end: Some(end) };
        self.link.service.requests().add(token.into(), deadline, request).unwrap();
    }

    fn property(&self, key: &'static str) -> Arc<Told> {
        let property = Arc::new(Told { key, story: Arc::clone(&self.story), then: Mutex::default() });
        self.link.service.properties().push(Arc::clone(&property) as Arc<dyn Property>);
        property
    }

    fn answer(&self, text: &str) -> Result<(), &'static str> {
        let terminated = CString::new(text).unwrap();
        self.link.service.on_answer(&self.client, text.as_bytes(), &terminated)
    }

    fn delta(&self, text: &str) {
        let document = format!(r#"{{"d":{text}}}"#);
        let delta = json::find(b"d", document.as_bytes()).unwrap();
        self.link.service.deliver(&self.client, &delta).unwrap();
    }

    fn told(&self) -> Vec<String> {
        told(&self.story)
    }
}

/// A property that tells what it is given.
struct Told {
    key: &'static str,
    story: Story,
    /// What its callback does.
    then: Mutex<Option<Box<dyn Fn() + Send>>>,
}

impl Property for Told {
    fn identity(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn find<'a>(&self, delta: &'a [u8]) -> Option<Value<'a>> {
        json::find(self.key.as_bytes(), delta)
    }

    fn on_delta(&self, value: &Value, delta: &CStr) {
        let value = String::from_utf8_lossy(value.text);
        lock(&self.story).push(format!("{} = {value} of {}", self.key, delta.to_str().unwrap()));
        if let Some(then) = lock(&self.then).take() {
            then();
        }
    }
}

#[test]
fn an_answer_ends_the_requests_with_its_token_newest_first() {
    let test = Test::new();
    test.request(Method::Update, "P-1", 100, "first");
    test.request(Method::Update, "P-2", 100, "other");
    test.request(Method::Update, "P-1", 100, "second");
    let text = r#"{"clientToken":"P-1","payload":{},"result":0,"timestamp":1,"type":"update"}"#;
    test.answer(text).unwrap();
    assert_eq!(
        test.told(),
        [format!("second Update Accepted {text}"), format!("first Update Accepted {text}")]
    );
    test.answer(text).unwrap();
    assert_eq!(test.told(), [""; 0], "unknown tokens are ignored");
}

#[test]
fn whatever_does_not_accept_rejects() {
    for result in [r#","result":5005"#, r#","result":"-1""#, "", r#","result":null"#, r#","result":{}"#] {
        let test = Test::new();
        test.request(Method::Update, "t", 100, "it");
        let text = format!(r#"{{"type":"update","clientToken":"t"{result}}}"#);
        test.answer(&text).unwrap();
        assert_eq!(test.told(), [format!("it Update Rejected {text}")]);
    }
    let test = Test::new();
    test.request(Method::Update, "t", 100, "it");
    test.answer(r#"{"clientToken":"t","result":"0"}"#).unwrap();
    assert_eq!(test.told(), [r#"it Update Accepted {"clientToken":"t","result":"0"}"#]);
    assert!(test.answer(r#"{"type":"update","result":0}"#).is_err());
}

#[test]
fn a_get_delivers_what_is_desired_before_it_ends() {
    let answer = |result| {
        format!(
            r#"{{"clientToken":"t","payload":{{"state":{{"delta":{{"on":false}},"desired":{{"on":false}}}}}},"result":{result},"type":"get"}}"#
        )
    };
    for (method, result, expected) in [
        (
            Method::Get,
            0,
            vec![r#"on = false of {"on":false}"#.into(), format!("it Get Accepted {}", answer(0))],
        ),
        (Method::Get, 5004, vec![format!("it Get Rejected {}", answer(5004))]),
        (Method::Update, 0, vec![format!("it Update Accepted {}", answer(0))]),
    ] {
        let test = Test::new();
        test.property("on");
        test.request(method, "t", 100, "it");
        test.answer(&answer(result)).unwrap();
        assert_eq!(test.told(), expected);
    }
}

#[test]
fn a_delta_reaches_the_properties_it_names_newest_first() {
    let test = Test::new();
    for key in ["power", "color", "room.light", "absent", "power"] {
        test.property(key);
    }
    let delta = r#"{"power":1, "color":null, "room":{"light":"on"}, "more":[1]}"#;
    test.delta(delta);
    assert_eq!(
        test.told(),
        [
            format!("power = 1 of {delta}"),
            format!("room.light = on of {delta}"),
            format!("power = 1 of {delta}")
        ]
    );
    for nothing in ["1", "[]", r#""text""#, "{}"] {
        test.delta(nothing);
    }
    assert_eq!(test.told(), [""; 0]);
}

#[test]
fn a_property_may_unregister_itself_and_others_while_a_delta_is_delivered() {
    let test = Test::new();
    let oldest = test.property("a");
    let newest = test.property("a");
    let link = Arc::clone(&test.link);
    let doomed = [oldest.identity(), newest.identity()];
    *lock(&newest.then) =
        Some(Box::new(move || link.service.properties().retain(|known| !doomed.contains(&known.identity()))));
    test.delta(r#"{"a":1}"#);
    assert_eq!(test.told(), [r#"a = 1 of {"a":1}"#], "the other one was not told any more");
    test.delta(r#"{"a":2}"#);
    assert_eq!(test.told(), [""; 0]);
}

#[test]
fn requests_expire_on_their_deadline_with_an_empty_answer() {
    let test = Test::new();
    test.request(Method::Get, "t", 100, "get");
    test.request(Method::Update, "u", 200, "update");
    test.request(Method::Update, "t", 100, "same time");
    assert_eq!(test.link.next_deadline(), Some(100));
    test.link.expire(&test.client, 99);
    assert_eq!(test.told(), [""; 0]);
    test.link.expire(&test.client, 100);
    assert_eq!(test.told(), ["same time Update Timeout ", "get Get Timeout "]);
    assert_eq!(test.link.next_deadline(), Some(200));
    test.answer(r#"{"clientToken":"t","result":0}"#).unwrap();
    assert_eq!(test.told(), [""; 0], "too late");
}

#[test]
fn nobody_is_called_back_once_the_client_is_destroyed() {
    let test = Test::new();
    test.property("a");
    test.request(Method::Update, "t", 100, "older");
    let client = Arc::clone(&test.client);
    let end: End = Box::new(move |_, _, _| assert!(client.destroy().is_some()));
    let request = Request { method: Method::Get, end: Some(end) };
    test.link.service.requests().add("t".into(), 100, request).unwrap();
    test.answer(r#"{"clientToken":"t","result":0}"#).unwrap();
    test.delta(r#"{"a":1}"#);
    assert!(test.client.is_destroyed());
    assert_eq!(test.told(), [""; 0]);
}

#[test]
fn requests_are_refused_while_there_is_no_connection() {
    let shadow = Shadow::new(client(), Flavour::Template);
    let end = || -> End { Box::new(|_, _, _| panic!("nothing was sent")) };
    assert_eq!(shadow.get(0, end()), Err(Error::Inval));
    assert_eq!(shadow.get(1000, end()), Err(Error::NoConn));
    assert_eq!(shadow.update(b"{}", 100, 1000, Some(end())), Err(Error::NoConn));
    assert_eq!(shadow.operation, "$template/operation/A1B2C3D4E5/lamp-01");
    assert_eq!(shadow.result, "$template/operation/result/A1B2C3D4E5/lamp-01");
    assert_eq!([shadow.next_token(), shadow.next_token()], ["A1B2C3D4E5-0", "A1B2C3D4E5-1"]);
}

#[test]
fn messages_that_cannot_be_used_are_dropped() {
    let test = Test::new();
    test.property("a");
    test.request(Method::Update, "t", 100, "it");
    for text in [
        r#"{"clientToken":"t","result":0}"#,
        r#"{"type":1,"clientToken":"t","result":0}"#,
        r#"["type","update"]"#,
        r#"{"type":"delta","payload":{}}"#,
        r#"{"type":"delta","payload":{"state":7}}"#,
        r#"{"type":"update","result":0}"#,
        "",
        "{",
    ] {
        let mut message = Message::of(b"$shadow/operation/result/P/D", text.as_bytes());
        test.link.service.on_message(&test.client, &mut message);
        assert_eq!(test.told(), [""; 0], "{text}");
    }
    let mut message = Message::of(b"t", br#"{"type":"delta","payload":{"state":{"a":5}}}"#);
    test.link.service.on_message(&test.client, &mut message);
    assert_eq!(test.told(), [r#"a = 5 of {"a":5}"#]);
}
