//! What the platform sends to the services of a client: shadow, gateway, broadcast, RRPC, remote configuration, time.
//!
//! Input: a byte of options, the size of pieces, then lines: the first byte names a service, the rest is a message. All of
//! it goes through the C interface, above a model port whose server is obedient otherwise. No byte is written behind a
//! variable or a buffer of the application, values agree with another JSON parser, what the client answers is JSON, and
//! afterwards it is as alive as before.
#![no_main]

use fuzz_support::broker::{self, Broker};
use fuzz_support::port;
use iot_sdk::ffi::types::gateway::{GatewayInitParam, GatewayParam, SubdevBindList};
use iot_sdk::ffi::types::mqtt::{MQTTEventHandler, MQTTInitParams};
use iot_sdk::ffi::types::remote_config::ConfigSubscirbeUserData;
use iot_sdk::ffi::types::shadow::{DeviceProperty, ShadowInitParams};
use iot_sdk::ffi::{broadcast, gateway, remote_config, rrpc, shadow, system};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::ptr::null_mut;
use std::rc::Rc;

const PATH: &str = "A1B2C3D4E5/lamp-01";
/// Messages above this are no longer interesting, and lists above it slow.
const MAX_LINES: usize = 24;

/// What callbacks were told since it was last asked for.
#[derive(Default)]
struct Told {
    texts: Vec<Vec<u8>>,
    ends: Vec<c_int>,
    deltas: usize,
}

thread_local! {
    static TOLD: RefCell<Told> = RefCell::default();
}

fn told() -> Told {
    TOLD.take()
}

/// The texts of a client's identity, which C keeps.
fn text(text: &'static CStr) -> *mut c_char {
    text.as_ptr().cast_mut()
}

fn mqtt_params() -> MQTTInitParams {
    MQTTInitParams {
        region: text(c"mqtt://127.0.0.1"),
        product_id: text(c"A1B2C3D4E5"),
        device_name: text(c"lamp-01"),
        device_secret: text(c"c2VjcmV0"),
        command_timeout: 2000,
        keep_alive_interval_ms: 240_000,
        clean_session: 1,
        auto_connect_enable: 1,
        event_handle: MQTTEventHandler { h_fp: None, context: null_mut() },
        err_code: 0,
    }
}

/// A message that is really terminated.
unsafe extern "C" fn on_text(client: *mut c_void, text: *const c_char, len: u32) {
    // SAFETY: `len` bytes and a NUL, as the header promises.
    let bytes = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), len as usize + 1) };
    assert_eq!(bytes.last(), Some(&0));
    TOLD.with_borrow_mut(|told| told.texts.push(bytes[..len as usize].to_vec()));
    // A reply inside the callback; without a call, as for a broadcast, it is refused.
    // SAFETY: a live client and a terminated text.
    let code = unsafe { rrpc::IOT_RRPC_Reply(client, c"{\"ok\":1}".as_ptr().cast_mut(), 0, null_mut()) };
    TOLD.with_borrow_mut(|told| told.ends.push(code));
}

unsafe extern "C" fn on_config(_client: *mut c_void, _code: c_int, json: *mut c_char, len: c_int) {
    // SAFETY: the buffer holds a terminated text.
    let text = unsafe { CStr::from_ptr(json) }.to_bytes();
    assert!(text.len() == len as usize || text.len() < len as usize && !text.contains(&0));
    TOLD.with_borrow_mut(|told| told.texts.push(text.to_vec()));
}

unsafe extern "C" fn on_delta(
    _shadow: *mut c_void,
    json: *const c_char,
    len: u32,
    _property: *mut DeviceProperty,
) {
    // SAFETY: a terminated text.
    assert_eq!(unsafe { CStr::from_ptr(json) }.count_bytes(), len as usize);
    TOLD.with_borrow_mut(|told| told.deltas += 1);
}

unsafe extern "C" fn on_end(_: *mut c_void, _method: u32, ack: c_int, json: *const c_char, _: *mut c_void) {
    assert!((-2..=0).contains(&ack) && !json.is_null());
    TOLD.with_borrow_mut(|told| told.ends.push(ack));
}

/// The server sends a message in pieces of this size.
fn send(topic: &str, payload: &[u8], size: usize) {
    port::send(broker::publish(topic, payload).chunks(size).map(<[u8]>::to_vec));
}

/// A variable of the application in a block of its own, behind which the address sanitizer watches.
struct Variable {
    data: Box<[u8]>,
    property: Box<DeviceProperty>,
}

impl Variable {
    fn new(key: &'static CStr, kind: u32, size: usize) -> Variable {
        let mut data = vec![0; size].into_boxed_slice();
        let property = DeviceProperty {
            key: text(key),
            data: data.as_mut_ptr().cast(),
            r#type: kind,
            delta_arrived: false,
        };
        Variable { data, property: Box::new(property) }
    }
}

/// Whole numbers by kind: size, least, greatest.
const INTEGERS: [(&CStr, u32, usize, i64, i64); 6] = [
    (c"i32", 0, 4, i32::MIN as i64, i32::MAX as i64),
    (c"i16", 1, 2, i16::MIN as i64, i16::MAX as i64),
    (c"i8", 2, 1, i8::MIN as i64, i8::MAX as i64),
    (c"u32", 3, 4, 0, u32::MAX as i64),
    (c"u16", 4, 2, 0, u16::MAX as i64),
    (c"u8", 5, 1, 0, u8::MAX as i64),
];
const OTHERS: [(&CStr, u32, usize); 5] =
    [(c"f", 6, 4), (c"d", 7, 8), (c"b", 8, 1), (c"s", 9, 8), (c"o.x", 10, 8)];

fn number(data: &[u8], is_signed: bool) -> i64 {
    let mut bytes = [if is_signed && data[data.len() - 1] & 0x80 != 0 { 0xFF } else { 0 }; 8];
    bytes[..data.len()].copy_from_slice(data);
    i64::from_le_bytes(bytes)
}

/// The integers of a delta as another parser sees them, compared with the variables.
fn check_delta(message: &[u8], variables: &[Variable]) {
    let Ok(document) = serde_json::from_slice::<Value>(message) else { return };
    // Of equal names the first counts here, the last there.
    let is_unique = |name: &str| {
        let quoted = format!("\"{name}\"");
        message.windows(quoted.len()).filter(|window| *window == quoted.as_bytes()).count() == 1
    };
    let brackets = message.iter().filter(|b| matches!(b, b'{' | b'[')).count();
    let is_simple =
        ["type", "payload", "state"].into_iter().all(is_unique) && brackets < 60 && !message.contains(&0);
    if !is_simple || document["type"] != "delta" || message.contains(&b'\\') {
        return;
    }
    for ((key, _, _, least, greatest), variable) in INTEGERS.iter().zip(variables) {
        let key = key.to_str().expect("ASCII");
        if let Some(wanted) = document["payload"]["state"][key].as_i64().filter(|_| is_unique(key)) {
            assert_eq!(number(&variable.data, *least < 0), wanted.clamp(*least, *greatest), "{key}");
        }
    }
}

fn check_shadow(lines: &[&[u8]], flavour: u32, size: usize) {
    let MQTTInitParams { region, product_id, device_name, device_secret, .. } = mqtt_params();
    let mut params = ShadowInitParams {
        region,
        product_id,
        device_name,
        device_secret,
        command_timeout: 2000,
        keep_alive_interval_ms: 240_000,
        clean_session: 1,
        auto_connect_enable: 1,
        event_handle: MQTTEventHandler { h_fp: None, context: null_mut() },
        shadow_type: flavour,
    };
    let name = if flavour == 0 { "shadow" } else { "template" };
    let topic = format!("${name}/operation/result/{PATH}");
    let integers = INTEGERS.iter().map(|(key, kind, size, ..)| (*key, *kind, *size));
    let mut variables: Vec<Variable> =
        integers.chain(OTHERS).map(|(key, kind, size)| Variable::new(key, kind, size)).collect();
    // SAFETY: the client lives until it is destroyed, the variables live longer.
    unsafe {
        let client = shadow::IOT_Shadow_Construct(&mut params);
        assert!(!client.is_null());
        for variable in &mut variables {
            assert_eq!(
                shadow::IOT_Shadow_Register_Property(client, &mut *variable.property, Some(on_delta)),
                0
            );
        }
        told();
        // Tokens count from A1B2C3D4E5-0; a message may answer any of them.
        let requests = 4;
        for _ in 0..requests {
            assert_eq!(shadow::IOT_Shadow_Get(client, Some(on_end), null_mut(), 3000), 0);
        }
        for line in lines {
            for variable in &mut variables {
                variable.data.fill(0);
            }
            send(&topic, line, size);
            shadow::IOT_Shadow_Yield(client, 10);
            assert!(port::is_read() && shadow::IOT_Shadow_IsConnected(client));
            check_delta(line, &variables);
        }
        assert!(TOLD.with_borrow(|told| told.deltas) <= lines.len() * variables.len());
        shadow::IOT_Shadow_Yield(client, 4000);
        assert_eq!(told().ends.len(), requests, "each request ends once");
        send(&topic, br#"{"type":"delta","payload":{"state":{"i32":-7}}}"#, size);
        shadow::IOT_Shadow_Yield(client, 10);
        assert_eq!(number(&variables[0].data, true), -7);
        assert_eq!(shadow::IOT_Shadow_Destroy(client), 0);
    }
}

/// A client with all other services, and the application's side of them.
struct Application {
    client: *mut c_void,
    gateway: *mut c_void,
    broker: Rc<RefCell<Broker>>,
    size: usize,
}

impl Application {
    fn new(broker: Rc<RefCell<Broker>>, size: usize) -> Application {
        let mut params =
            GatewayInitParam { init_param: mqtt_params(), event_context: null_mut(), event_handler: None };
        // SAFETY: valid parameters, callbacks that live as long as the program.
        unsafe {
            let gateway = gateway::IOT_Gateway_Construct(&mut params);
            assert!(!gateway.is_null());
            let client = gateway::IOT_Gateway_Get_Mqtt_Client(gateway);
            assert_eq!(broadcast::IOT_Broadcast_Subscribe(client, Some(on_text)), 0);
            assert_eq!(rrpc::IOT_RRPC_Init(client, Some(on_text)), 0);
            Application { client, gateway, broker, size }
        }
    }

    /// The server sends a message; everything the client publishes on it.
    fn receive(&self, topic: &str, payload: &[u8]) -> Vec<(String, Vec<u8>)> {
        self.broker.borrow_mut().published.clear();
        told();
        send(topic, payload, self.size);
        // SAFETY: a live gateway.
        unsafe { gateway::IOT_Gateway_Yield(self.gateway, 10) };
        assert!(port::is_read());
        std::mem::take(&mut self.broker.borrow_mut().published)
    }

    /// The next request to a service is answered like this.
    fn answer(&self, service: &str, payload: &[u8]) {
        let topics = (format!("${service}/operation/{PATH}"), format!("${service}/operation/result/{PATH}"));
        let mut broker = self.broker.borrow_mut();
        broker.answers.clear();
        broker.answers.push_back((topics.0, topics.1, payload.to_vec()));
    }

    fn check_broadcast(&self, payload: &[u8]) {
        self.receive(&format!("$broadcast/rxd/{PATH}"), payload);
        assert_eq!(told().texts, [payload]);
    }

    /// The id is what stands before the first blank.
    fn check_rrpc(&self, line: &[u8]) {
        let (id, payload) = line.split_at(line.iter().position(|b| *b == b' ').unwrap_or(line.len()));
        let Ok(id) = std::str::from_utf8(id) else { return };
        if id.contains(['\0', '/', '+', '#']) || id.is_empty() {
            return;
        }
        let published = self.receive(&format!("$rrpc/rxd/{PATH}/{id}"), payload);
        if id.len() <= 16 {
            let told = told();
            assert_eq!((told.texts.as_slice(), told.ends.as_slice()), (&[payload.to_vec()][..], &[0][..]));
            assert_eq!(published, [(format!("$rrpc/txd/{PATH}/{id}"), b"{\"ok\":1}".to_vec())]);
        } else {
            assert!(told().texts.is_empty() && published.is_empty());
        }
    }

    /// Pushed, and as an answer, into a buffer of the size that the first byte says.
    fn check_config(&self, line: &[u8]) {
        let (room, message) =
            line.split_first().map_or((0, line), |(first, rest)| (usize::from(*first), rest));
        let mut buffer = vec![0; room].into_boxed_slice();
        let mut user = ConfigSubscirbeUserData {
            on_config_proc: Some(on_config),
            json_buffer_len: room as c_int,
            json_buffer: buffer.as_mut_ptr(),
        };
        let mut request = [0; 15];
        // SAFETY: handler and buffer outlive the subscription, which is replaced or dropped before they end.
        let code = unsafe {
            assert!(remote_config::IOT_Subscribe_Config(self.client, &mut user, 1000) >= 0);
            told();
            self.answer("config", message);
            remote_config::IOT_Get_Config(self.client, request.as_mut_ptr(), 15, 100)
        };
        let texts = told().texts;
        assert!(texts.len() <= 1 && (code == 0) <= (texts.len() == 1));
        if let (Some(text), Ok(document)) = (texts.first(), serde_json::from_slice::<Value>(message)) {
            assert!(text.len() < room);
            let payload = b"\"payload\"";
            let is_unique = message.windows(payload.len()).filter(|window| window == payload).count() == 1;
            if is_unique && !message.contains(&0) && document["payload"].is_object() {
                assert_eq!(serde_json::from_slice::<Value>(text).expect("JSON"), document["payload"]);
            }
        }
        self.receive(&format!("$config/operation/result/{PATH}"), message);
        assert!(told().texts.len() <= 1);
        let topic = CString::new(format!("$config/operation/result/{PATH}")).expect("no NUL");
        // SAFETY: a live client and a terminated text.
        unsafe { iot_sdk::ffi::mqtt::IOT_MQTT_Unsubscribe(self.client, topic.as_ptr().cast_mut()) };
    }

    fn check_time(&self, line: &[u8]) {
        self.answer("sys", line);
        let mut seconds: c_long = -1;
        // SAFETY: a live client and a variable.
        let code = unsafe { system::IOT_Get_SysTime(self.client, &mut seconds) };
        let is_one = line.windows(6).filter(|window| window == b"\"time\"").count() == 1;
        if let (0, true, Ok(document)) = (code, is_one, serde_json::from_slice::<Value>(line))
            && let Some(time) = document["time"].as_i64()
        {
            assert_eq!(seconds, time);
        }
        assert!(code == 0 || seconds == 0, "no time without an answer");
        self.receive(&format!("$sys/operation/result/{PATH}"), line);
    }

    fn check_gateway(&self, line: &[u8]) {
        for (topic, payload) in self.receive(&format!("$gateway/operation/result/{PATH}"), line) {
            assert_eq!(topic, format!("$gateway/operation/{PATH}"));
            let text = std::str::from_utf8(&payload).expect("an acknowledgement is UTF-8");
            serde_json::from_str::<Value>(text).expect("an acknowledgement is JSON");
        }
        let mut params = GatewayParam {
            product_id: text(c"A1B2C3D4E5"),
            device_name: text(c"lamp-01"),
            subdev_product_id: text(c"SUBPRODUCT"),
            subdev_device_name: text(c"probe"),
        };
        // SAFETY: a live gateway and valid parameters; the list is released once.
        unsafe {
            self.answer("gateway", line);
            gateway::IOT_Gateway_Subdev_Online(self.gateway, &mut params);
            self.answer("gateway", line);
            gateway::IOT_Gateway_Subdev_Offline(self.gateway, &mut params);
            self.answer("gateway", line);
            let mut list = SubdevBindList { bindlist_head: null_mut(), bind_num: 0 };
            let code = gateway::IOT_Gateway_Subdev_GetBindList(self.gateway, &mut params, &mut list);
            let mut count = 0;
            let mut node = list.bindlist_head;
            while let Some(known) = node.as_ref() {
                assert!(known.product_id.contains(&0) && known.device_name.contains(&0));
                count += 1;
                node = known.next;
            }
            assert!(count == list.bind_num && (code == 0 || count == 0));
            gateway::IOT_Gateway_Subdev_DestoryBindList(&mut list);
            assert!(list.bindlist_head.is_null() && list.bind_num == 0);
        }
    }

    fn end(self) {
        // SAFETY: the last use of the gateway.
        assert_eq!(unsafe { gateway::IOT_Gateway_Destroy(self.gateway) }, 0);
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(([options, size], text)) = data.split_first_chunk::<2>() else { return };
    let (is_minimal, flavour) = (options & 1 == 1, u32::from(options >> 1 & 1));
    let size = if *size == 0 { usize::MAX } else { usize::from(*size) };
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').take(MAX_LINES).collect();
    let shadow_lines: Vec<&[u8]> = lines.iter().filter_map(|line| line.strip_prefix(b"s")).collect();
    if !shadow_lines.is_empty() {
        port::start(broker::new().0, is_minimal);
        check_shadow(&shadow_lines, flavour, size);
    }
    if shadow_lines.len() == lines.len() {
        return;
    }
    let (server, broker) = broker::new();
    port::start(server, is_minimal);
    let application = Application::new(broker, size);
    for line in lines {
        match line.split_first() {
            Some((b'b', message)) => application.check_broadcast(message),
            Some((b'r', message)) => application.check_rrpc(message),
            Some((b'c', message)) => application.check_config(message),
            Some((b'y', message)) => application.check_time(message),
            Some((b'g', message)) => application.check_gateway(message),
            _ => {}
        }
    }
    application.check_broadcast(b"alive");
    application.end();
});
