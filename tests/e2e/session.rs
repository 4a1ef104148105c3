//! The reference session: `mqtt_sample` against the hub, its whole log, what was on the wire. [samples.md §2]

use crate::support::device::Device;
use crate::support::log::Script;

/// How MQTT travels in a run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Wss,
    Ws,
    Mqtts,
    Mqtt,
}

impl Transport {
    pub fn is_websocket(self) -> bool {
        matches!(self, Transport::Wss | Transport::Ws)
    }

    pub fn is_tls(self) -> bool {
        matches!(self, Transport::Wss | Transport::Mqtts)
    }

    /// Host and port that region `china` stands for. [auth.md §4]
    pub fn public_host(self, device: &Device) -> (String, u16) {
        let domain = if self.is_websocket() {
            "ap-guangzhou.iothub.tencentdevices.com"
        } else {
            "iotcloud.tencentdevices.com"
        };
        let port = match self {
            Transport::Wss => 443,
            Transport::Ws => 80,
            Transport::Mqtts => 8883,
            Transport::Mqtt => 1883,
        };
        (format!("{}.{domain}", device.product), port)
    }
}

/// The log of one `mqtt_sample` run over its whole length, step by step.
pub fn script(transport: Transport, device: &Device) -> Script {
    Lines::of_sample(transport, device).session()
}

/// The same of a program that makes the session of the sample on a port of its own, whose lines are the port's business.
/// Host and port are those the program connects to.
pub fn script_on_port(
    program: &str,
    transport: Transport,
    device: &Device,
    address: &(String, u16),
) -> Script {
    let (host, port) = address.clone();
    let lines = Lines { transport, device, host, port, program: program.into(), port_logs: false };
    lines.session().during("downlink", "publish", &lines.downlink()).allow(OVERRIDE)
}

/// Likewise on the port of the SDK.
pub fn script_of_program(program: &str, transport: Transport, device: &Device) -> Script {
    let lines = Lines { program: program.into(), ..Lines::of_sample(transport, device) };
    lines.session().during("downlink", "publish", &lines.downlink())
}

/// Says that a URL has taken the place of the region's host.
const OVERRIDE: &str = "INF ‹any›: endpoint override by ‹any›";

/// The log of `mqtt_sample -l` up to the acknowledgement of round `rounds - 1`.
pub fn loop_script(transport: Transport, device: &Device, rounds: usize) -> Script {
    let lines = Lines::of_sample(transport, device);
    let script = lines.beginning();
    (0..rounds).fold(script, |script, round| script.then(&format!("round {round}"), &lines.publish(round)))
}

/// The log of a run whose CONNECT is refused.
pub fn refused_script(transport: Transport, device: &Device, code: i32) -> Script {
    let lines = Lines::of_sample(transport, device);
    let mut refused = lines.connect();
    refused.truncate(refused.len() - 2);
    refused.push(format!(
        "ERR mqtt_client.c IOT_MQTT_Construct: mqtt connect with id: ‹id:connection› failed: {code}"
    ));
    refused.push("ERR mqtt_sample.c main: MQTT Construct failed!".into());
    // Closing may be told as well.
    Script::new().then("refused", &refused).allow("DBG network_socket.c ‹any›: websocket disconn")
}

/// What arrives when the console publishes the message of the reference run; `during` a round.
pub fn downlink(transport: Transport, device: &Device) -> Vec<String> {
    Lines::of_sample(transport, device).downlink()
}

/// Text of the console's message in the reference run.
pub const MESSAGE: &str = "mqtt over websocket cloud publish data";

struct Lines<'a> {
    transport: Transport,
    device: &'a Device,
    host: String,
    port: u16,
    /// Source file of the program, which its lines name.
    program: String,
    /// The port is that of the SDK, whose lines are known.
    port_logs: bool,
}

impl Lines<'_> {
    fn of_sample(transport: Transport, device: &Device) -> Lines<'_> {
        let (host, port) = transport.public_host(device);
        Lines { transport, device, host, port, program: "mqtt_sample.c".into(), port_logs: true }
    }

    /// Steps 1 to 16.
    fn beginning(&self) -> Script {
        Script::new()
            .then("connect", &self.connect())
            .then("sys subscribe", &self.sys_subscribe("sys1"))
            .maybe("sys subscribe again", "sys subscribe", &self.sys_subscribe_again("sys2"))
            .maybe("sys subscribe once more", "sys subscribe again", &self.sys_subscribe_again("sys3"))
            .then("time", &self.time())
            .then("clock", &self.clock())
            .then("subscribe", &self.subscribe())
    }

    fn session(&self) -> Script {
        self.beginning().then("publish", &self.publish(0)).then("goodbye", &self.goodbye())
    }

    fn downlink(&self) -> Vec<String> {
        let (program, topic) = (&self.program, self.device.topic("data"));
        let message = format!(
            "INF {program} _on_message_callback: Receive Message With topicName:{topic}, payload:{MESSAGE}"
        );
        self.received("63").into_iter().chain([message]).collect()
    }

    /// Steps 1 to 8.
    fn connect(&self) -> Vec<String> {
        let (product, name) = (&self.device.product, &self.device.name);
        let mut lines = vec![format!(
            "INF qcloud_iot_device.c iot_device_info_set: SDK_Ver: ‹version:sdk›, Product_ID: {product}, Device_Name: {name}"
        )];
        lines.extend(self.link());
        if self.transport.is_websocket() {
            lines.extend(self.upgrade());
        }
        lines.extend(self.received("4"));
        lines.push(
            "INF mqtt_client.c IOT_MQTT_Construct: mqtt connect with id: ‹id:connection› success".into(),
        );
        lines.push(format!("INF {} main: Cloud Device Construct Success", self.program));
        lines
    }

    /// Steps 2 to 4.
    fn link(&self) -> Vec<String> {
        let Lines { transport, host, port, .. } = self;
        let tls = "HAL_TLS_mbedtls.c HAL_TLS_Connect";
        let link = if !self.port_logs {
            Vec::new()
        } else if transport.is_tls() {
            vec![
                format!("DBG {tls}: Setting up the SSL/TLS structure..."),
                format!("DBG {tls}: Performing the SSL/TLS handshake..."),
                format!("DBG {tls}: Connecting to /{host}/{port}..."),
                format!("INF {tls}: connected with /{host}/{port}..."),
            ]
        } else {
            vec![format!("INF HAL_TCP_linux.c HAL_TCP_Connect: connected with TCP server: {host}:{port}")]
        };
        if !transport.is_websocket() {
            return link;
        }
        let file = "utils_websocket_client.c";
        let layer = if transport.is_tls() { "TLS" } else { "TCP" };
        let mut lines = vec![
            format!("DBG {file} _network_transport_init: init {host}:{port}, {layer}"),
            format!("DBG {file} _network_transport_connect: start connect {host}:{port}"),
        ];
        lines.extend(link);
        lines.push(format!("DBG {file} _network_transport_connect: connected {host}:{port}, handle:‹hex›"));
        lines
    }

    /// Steps 5 and 6.
    fn upgrade(&self) -> Vec<String> {
        let function = "utils_websocket_client.c Utils_WSClient_connect";
        let request = upgrade_request(&format!("{}:{}", self.host, self.port), "‹key:websocket›");
        vec![
            format!("DBG {function}: header: {request}"),
            format!("ERR {function}: websocket resp code :101"),
            "DBG network_socket.c network_websocket_mqtt_connect: websocket conn create".into(),
        ]
    }

    /// Steps 9 and 10.
    fn sys_subscribe(&self, id: &str) -> Vec<String> {
        let mut lines = self.subscribe_call(&self.device.sys_result_topic(), id);
        lines.extend(self.received("5"));
        lines.push(self.event(&format!("subscribe success, packet-id=‹num:{id}›")));
        lines.push(
            "DBG system_mqtt.c _system_mqtt_sub_event_handler: mqtt sys topic subscribe success".into(),
        );
        lines
    }

    /// Step 10'.
    fn sys_subscribe_again(&self, id: &str) -> Vec<String> {
        let topic = self.device.sys_result_topic();
        let mut lines = self.sys_subscribe(id);
        let before_success = lines.len() - 2;
        lines.insert(
            before_success,
            format!("WRN mqtt_client_common.c _handle_suback_packet: Identical topic found: {topic}"),
        );
        lines
    }

    fn subscribe_call(&self, topic: &str, id: &str) -> Vec<String> {
        vec![format!(
            "DBG mqtt_client_subscribe.c qcloud_iot_mqtt_subscribe: topicName={topic}|packet_id=‹num:{id}›"
        )]
    }

    /// Steps 11 and 12.
    fn time(&self) -> Vec<String> {
        let mut lines = self.time_request("time");
        lines.push(format!("INF {} main: system time is ‹num:system time›", self.program));
        lines
    }

    /// Steps 13 and 14, without the right to set the clock.
    fn clock(&self) -> Vec<String> {
        let mut lines = self.time_request("clock");
        lines.push(
            "ERR system_mqtt.c IOT_Sync_NTPTime: set systime ms failed, timestamp ‹num:timestamp›, please check permission \
             or other ret :-1"
                .into(),
        );
        lines.push(format!("INF {} main: sync ntp time success!", self.program));
        lines
    }

    fn time_request(&self, label: &str) -> Vec<String> {
        let (topic, result) = (self.device.sys_topic(), self.device.sys_result_topic());
        let mut lines = vec![format!(
            "DBG mqtt_client_publish.c qcloud_iot_mqtt_publish: publish packetID=0|topicName={topic}|payload={{\"type\": \
             \"get\", \"resource\": [\"time\"]}}"
        )];
        // 82 bytes of payload; header, length of the topic and the topic come to it.
        lines.extend(self.received(&(82 + 4 + result.len()).to_string()));
        lines.push(format!(
            "DBG system_mqtt.c _system_mqtt_message_callback: Recv Msg Topic:{result}, payload:{{\"type\":\"get\",\"time\":\
             ‹num:{label} time›,\"ntptime1\":‹num:{label} ntptime1›,\"ntptime2\":‹num:{label} ntptime2›}}"
        ));
        lines
    }

    /// Steps 15 and 16.
    fn subscribe(&self) -> Vec<String> {
        let mut lines = self.subscribe_call(&self.device.topic("data"), "data");
        lines.extend(self.received("5"));
        lines.push(self.event("subscribe success, packet-id=‹num:data›"));
        lines
    }

    /// Steps 17 and 18 of one round.
    fn publish(&self, round: usize) -> Vec<String> {
        let topic = self.device.topic("data");
        let mut lines = vec![format!(
            "DBG mqtt_client_publish.c qcloud_iot_mqtt_publish: publish topic seq=‹num:round {round}›|topicName={topic}|\
             payload={{\"action\": \"publish_test\", \"count\": \"{round}\"}}"
        )];
        lines.extend(self.received("4"));
        lines.push(self.event(&format!("publish success, packet-id=‹num:round {round}›")));
        lines
    }

    /// Steps 19 and 20.
    fn goodbye(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.transport.is_websocket() {
            lines.push("DBG network_socket.c network_websocket_mqtt_disconnect: websocket disconn".into());
        }
        lines.extend(
            [
                "INF mqtt_client_connect.c qcloud_iot_mqtt_disconnect: mqtt disconnect!",
                "INF system_mqtt.c _system_mqtt_sub_event_handler: mqtt client has been destroyed",
                "INF mqtt_client.c IOT_MQTT_Destroy: mqtt release!",
            ]
            .map(String::from),
        );
        lines
    }

    fn event(&self, text: &str) -> String {
        format!("INF {} _mqtt_event_handler: {text}", self.program)
    }

    /// One message of the server; told over WebSocket only.
    fn received(&self, length: &str) -> Vec<String> {
        let line =
            format!("DBG network_socket.c _websocket_mqtt_recv_msg_callback: actual recv len:{length}");
        if self.transport.is_websocket() { vec![line] } else { Vec::new() }
    }
}

/// The request, byte for byte. [websocket.md §2]
pub fn upgrade_request(host: &str, key: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-Websocket-Protocol: mqtt\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}
