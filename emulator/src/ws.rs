//! The HTTP side of the ws and wss listeners: the upgrade to WebSocket, and 404 for services that are not there.
//!
//! The answer is written here and not by the WebSocket library, because the original SDK searches it for the exact text
//! `Sec-WebSocket-Accept: ` in one read of at most 512 bytes. [emulator.md §11]

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use serde_json::json;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::codec::MAX_PACKET;
use crate::faults::{Action, Handshake, Stage};
use crate::hub::Hub;
use crate::link::Link;
use crate::stream::Stream;
use crate::ws_tap::Tap;

/// Largest request header.
const MAX_HEAD: usize = 16 * 1024;
/// RFC 6455 §1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// An established WebSocket.
pub struct Upgraded {
    pub stream: WebSocketStream<Stream>,
    pub tap: Arc<Tap>,
    /// The request header as it came.
    pub request: String,
}

/// What the request asks for.
struct Request {
    head: String,
    key: String,
    offers_mqtt: bool,
}

/// An HTTP answer other than 101.
struct Answer {
    status: u16,
    reason: &'static str,
    headers: &'static str,
    body: String,
}

/// Reads the request and answers it; an error says why there is no WebSocket.
pub async fn upgrade(hub: &Hub, link: &Link, mut stream: Stream) -> Result<Upgraded, String> {
    let (head, rest) = read_head(&mut stream).await?;
    let faults = hub.faults.hits(&link.traffic(Stage::Upgrade));
    let mut fault = None;
    for hit in faults {
        hub.note(link, "fault", json!({"id": hit.id, "action": format!("{:?}", hit.action)}));
        if let Action::Handshake(handshake) = hit.action {
            fault = Some(handshake);
        }
    }
    let request = match parse(&head) {
        Ok(request) => request,
        Err(answer) => {
            let (line, status) = (head.lines().next().unwrap_or("").to_owned(), answer.status);
            hub.note(link, "http", json!({"request": head, "line": line, "status": status}));
            finish(&mut stream, &answer.text()).await?;
            return Err(format!("HTTP {status} for {line}"));
        }
    };
    hub.note(
        link,
        "upgrade",
        json!({"request": request.head, "fault": fault.as_ref().map(|f| format!("{f:?}"))}),
    );
    match fault {
        Some(Handshake::Status(status)) => {
            finish(&mut stream, &Answer::status(status).text()).await?;
            return Err(format!("fault: HTTP {status}"));
        }
        Some(Handshake::Raw(raw)) => {
            finish(&mut stream, &raw).await?;
            return Err("fault: raw answer".into());
        }
        _ => {}
    }
    let answer = accept_answer(&request, fault.as_ref());
    stream.write_all(answer.as_bytes()).await.map_err(|e| e.to_string())?;
    stream.flush().await.map_err(|e| e.to_string())?;
    Ok(websocket(stream, rest, request.head).await)
}

async fn websocket(mut stream: Stream, rest: BytesMut, request: String) -> Upgraded {
    let tap = Arc::new(Tap::default());
    tap.observe(&rest);
    stream.watch(tap.clone());
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_message_size(Some(MAX_PACKET))
        .max_frame_size(Some(MAX_PACKET));
    let stream =
        WebSocketStream::from_partially_read(stream, rest.to_vec(), Role::Server, Some(config)).await;
    Upgraded { stream, tap, request }
}

async fn read_head(stream: &mut Stream) -> Result<(String, BytesMut), String> {
    let mut buffer = BytesMut::with_capacity(1024);
    loop {
        if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = buffer.split_to(end + 4);
            return Ok((String::from_utf8_lossy(&head).into_owned(), buffer));
        }
        if buffer.len() > MAX_HEAD {
            return Err("request header above 16 KiB".into());
        }
        match stream.read_buf(&mut buffer).await {
            Ok(0) => return Err("peer closed before the request was complete".into()),
            Ok(_) => {}
            Err(e) => return Err(format!("reading the request: {e}")),
        }
    }
}

/// Writes the answer, then waits shortly for the client to close: closing first could destroy what it has not read yet.
async fn finish(stream: &mut Stream, answer: &[u8]) -> Result<(), String> {
    stream.write_all(answer).await.map_err(|e| e.to_string())?;
    stream.shutdown().await.map_err(|e| e.to_string())?;
    let drain = async {
        let mut rest = [0; 1024];
        while matches!(stream.read(&mut rest).await, Ok(n) if n > 0) {}
    };
    // The time limit is the point: a client that does not close is closed.
    let _ = tokio::time::timeout(Duration::from_millis(200), drain).await;
    Ok(())
}

fn parse(head: &str) -> Result<Request, Answer> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let complete = request.parse(head.as_bytes()).is_ok_and(|status| status.is_complete());
    let (Some(method), Some(path), true) = (request.method, request.path, complete) else {
        return Err(Answer::new(400, "Bad Request", "not an HTTP request"));
    };
    let path = path.split('?').next().unwrap_or("");
    if path != "/" && path != "/mqtt" {
        return Err(Answer::new(404, "Not Found", "no such service"));
    }
    let values = |name: &str| -> Vec<&str> {
        let same = request.headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name));
        same.filter_map(|h| std::str::from_utf8(h.value).ok()).collect()
    };
    let has = |name: &str, token: &str| {
        values(name).iter().flat_map(|v| v.split(',')).any(|t| t.trim().eq_ignore_ascii_case(token))
    };
    if method != "GET" || !has("Upgrade", "websocket") || !has("Connection", "upgrade") {
        return Err(Answer {
            headers: "Upgrade: websocket\r\nConnection: Upgrade, close\r\n",
            ..Answer::new(426, "Upgrade Required", "MQTT over WebSocket only")
        });
    }
    if !has("Sec-WebSocket-Version", "13") {
        return Err(Answer {
            headers: "Sec-WebSocket-Version: 13\r\nConnection: close\r\n",
            ..Answer::new(426, "Upgrade Required", "WebSocket version 13 only")
        });
    }
    let offers = !values("Sec-WebSocket-Protocol").is_empty();
    let offers_mqtt = has("Sec-WebSocket-Protocol", "mqtt");
    if offers && !offers_mqtt {
        return Err(Answer::new(400, "Bad Request", "subprotocol is not mqtt"));
    }
    match values("Sec-WebSocket-Key").as_slice() {
        [key] if BASE64.decode(key.trim()).is_ok_and(|k| k.len() == 16) => {
            Ok(Request { head: head.to_owned(), key: key.trim().to_owned(), offers_mqtt })
        }
        _ => Err(Answer::new(400, "Bad Request", "Sec-WebSocket-Key is missing or wrong")),
    }
}

fn accept_answer(request: &Request, fault: Option<&Handshake>) -> String {
    let value = match fault {
        Some(Handshake::WrongAccept) => accept_value("not your key"),
        _ => accept_value(&request.key),
    };
    let accept = match fault {
        Some(Handshake::NoAccept) => String::new(),
        _ => format!("Sec-WebSocket-Accept: {value}\r\n"),
    };
    let protocol = if request.offers_mqtt { "Sec-WebSocket-Protocol: mqtt\r\n" } else { "" };
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{accept}{protocol}\r\n"
    )
}

fn accept_value(key: &str) -> String {
    BASE64.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

impl Answer {
    fn new(status: u16, reason: &'static str, body: &str) -> Answer {
        Answer { status, reason, headers: "Connection: close\r\n", body: format!("{body}\n") }
    }

    fn status(status: u16) -> Answer {
        let reason = match status {
            200 => "OK",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            500 => "Internal Server Error",
            503 => "Service Unavailable",
            _ => "Fault",
        };
        Answer::new(status, reason, "fault injected")
    }

    fn text(&self) -> Bytes {
        let Answer { status, reason, headers, body } = self;
        let length = body.len();
        format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSDK: &str = "GET / HTTP/1.1\r\nHost: 7CN3UQ4VGT.ap-guangzhou.iothub.tencentdevices.com:443\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-Websocket-Protocol: mqtt\r\nSec-WebSocket-Key: MTIzNDU2Nzg5MGFiY2RlZg==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";

    fn status(head: &str) -> u16 {
        parse(head).err().map_or(101, |a| a.status)
    }

    #[test]
    fn the_answer_suits_the_original_sdk() {
        let answer = accept_answer(&parse(CSDK).ok().unwrap(), None);
        assert!(answer.contains("\r\nSec-WebSocket-Accept: SKslZF78GCkIO8xvldi3U6oimZ4=\r\n"), "{answer}");
        assert!(answer.contains("\r\nSec-WebSocket-Protocol: mqtt\r\n"));
        assert!(answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("\r\n\r\n") && answer.len() < 512);
        assert_eq!(accept_value("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn the_request_of_paho() {
        let paho = "GET /mqtt HTTP/1.1\r\nHost: h:443\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://h:443\r\n\
            Sec-WebSocket-Key: MTIzNDU2Nzg5MGFiY2RlZg==\r\nSec-Websocket-Version: 13\r\nSec-Websocket-Protocol: mqtt\r\n\r\n";
        assert_eq!(status(paho), 101);
    }

    #[test]
    fn what_is_no_upgrade() {
        assert_eq!(status(&CSDK.replace("GET / ", "GET /ssh/device ")), 404);
        assert_eq!(status("POST /device/register HTTP/1.1\r\nHost: h\r\n\r\n"), 404);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), 426);
        assert_eq!(status(&CSDK.replace("Version: 13", "Version: 8")), 426);
        assert_eq!(status(&CSDK.replace("Protocol: mqtt", "Protocol: stomp")), 400);
        assert_eq!(status(&CSDK.replace("MTIzNDU2Nzg5MGFiY2RlZg==", "short")), 400);
        assert_eq!(status(&CSDK.replace("Sec-Websocket-Protocol: mqtt\r\n", "")), 101);
        assert_eq!(status("\x16\x03\x01 nonsense\r\n\r\n"), 400);
    }

    #[test]
    fn error_answers_are_small() {
        let answer = Answer::status(403);
        assert!(answer.text().len() < 1000);
        let text = String::from_utf8(answer.text().to_vec()).unwrap();
        assert!(
            text.starts_with("HTTP/1.1 403 Forbidden\r\n") && text.contains("\r\nContent-Length: 15\r\n"),
            "{text}"
        );
    }
}
