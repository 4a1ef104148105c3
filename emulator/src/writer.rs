//! The sending half of a connection: takes what the broker queued and puts it on the wire.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncWriteExt, WriteHalf};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::hub::Hub;
use crate::link::{Form, Link, Out, OutPacket};
use crate::stream::Stream;

/// Bytes put together into one write at most.
const BATCH: usize = 64 * 1024;

/// Where packets go.
pub enum Sink {
    Bytes { half: WriteHalf<Stream>, pending: BytesMut },
    Ws(SplitSink<WebSocketStream<Stream>, Message>),
}

/// Writes until the connection ends or breaks; an error is the cause.
pub async fn run(
    hub: Arc<Hub>,
    link: Arc<Link>,
    mut sink: Sink,
    mut queue: UnboundedReceiver<Out>,
) -> io::Result<()> {
    let mut pings = Pings::default();
    loop {
        let out = tokio::select! {
            out = queue.recv() => out,
            () = pings.tick() => {
                if link.heard() {
                    pings.send(&hub, &link, &mut sink).await?;
                }
                continue;
            }
        };
        let Some(mut out) = out else { return sink.close(&link, false).await };
        // What is ready already goes into the same write.
        loop {
            match out {
                Out::Packet(packet) => write_packet(&hub, &link, &mut sink, packet, &mut pings).await?,
                Out::PingEvery(every, payload) => pings.start(every, payload),
                Out::Fragment(size, pause) => {
                    sink.flush().await?;
                    link.shape.fragment(size, pause);
                }
                Out::CloseFrame(code, reason) => sink.close_frame(&hub, &link, code, reason).await?,
                Out::HalfClose => {
                    hub.note(&link, "half_close", json!({}));
                    link.shape.half_close();
                    sink.flush().await?;
                }
                Out::End => {
                    let polite = link.cause().is_some_and(|c| c.close_frame);
                    return sink.close(&link, polite).await;
                }
            }
            match queue.try_recv() {
                Ok(next) => out = next,
                Err(_) => break,
            }
        }
        sink.flush().await?;
    }
}

async fn write_packet(
    hub: &Hub,
    link: &Link,
    sink: &mut Sink,
    packet: OutPacket,
    pings: &mut Pings,
) -> io::Result<()> {
    if let Some(due) = packet.due {
        sink.flush().await?;
        // A delayed packet holds back those behind it, but not the PINGs.
        let due = Instant::from_std(due);
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(due) => break,
                () = pings.tick() => if link.heard() { pings.send(hub, link, sink).await? },
            }
        }
    }
    let size = packet.bytes.len();
    let frames = sink.put(packet.bytes, packet.form).await;
    // Noted before it is on the wire, so that the answer to it is noted later.
    if let Some(mut fields) = packet.fields {
        fields.insert("dir".into(), "out".into());
        describe_frames(&mut fields, packet.form, frames.as_ref().ok().copied().flatten());
        hub.note(link, "packet", Value::Object(fields));
    }
    link.written(size);
    frames.map(|_| ())?;
    if sink.pending() > BATCH { sink.flush().await } else { Ok(()) }
}

fn describe_frames(fields: &mut Map<String, Value>, form: Form, frames: Option<usize>) {
    if let Some(frames) = frames {
        fields.insert("frames".into(), frames.into());
        fields.insert("opcode".into(), if form == Form::Text { 1 } else { 2 }.into());
    }
}

/// PINGs a fault asks for.
#[derive(Default)]
struct Pings {
    timer: Option<tokio::time::Interval>,
    payload: Option<String>,
    sent: u64,
}

impl Pings {
    fn start(&mut self, every: Duration, payload: Option<String>) {
        let mut timer = tokio::time::interval_at(Instant::now() + every, every);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.timer = Some(timer);
        self.payload = payload;
    }

    async fn tick(&mut self) {
        match &mut self.timer {
            Some(timer) => {
                timer.tick().await;
            }
            None => std::future::pending().await,
        }
    }

    async fn send(&mut self, hub: &Hub, link: &Link, sink: &mut Sink) -> io::Result<()> {
        let Sink::Ws(ws) = sink else { return Ok(()) };
        self.sent += 1;
        let mut payload = Bytes::from(format!("{}{}", self.payload.as_deref().unwrap_or("ping-"), self.sent));
        payload.truncate(125); // RFC 6455 §5.5
        hub.note(link, "ws_frame", json!({"dir": "out", "opcode": 9, "length": payload.len(), "payload": String::from_utf8_lossy(&payload)}));
        link.ping_sent(payload.clone());
        ws.send(Message::Ping(payload)).await.or_else(ws_error)
    }
}

impl Sink {
    /// Puts a packet into the next write. On a WebSocket returns the number of frames.
    async fn put(&mut self, bytes: Bytes, form: Form) -> io::Result<Option<usize>> {
        match self {
            Sink::Bytes { pending, .. } => {
                pending.extend_from_slice(&bytes);
                Ok(None)
            }
            Sink::Ws(ws) => {
                let frames = frames(bytes, form);
                let count = frames.len();
                for frame in frames {
                    ws.feed(frame).await.or_else(ws_error)?;
                }
                Ok(Some(count))
            }
        }
    }

    fn pending(&self) -> usize {
        match self {
            Sink::Bytes { pending, .. } => pending.len(),
            Sink::Ws(_) => 0,
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Bytes { half, pending } => {
                half.write_all(pending).await?;
                pending.clear();
                half.flush().await
            }
            Sink::Ws(ws) => ws.flush().await.or_else(ws_error),
        }
    }

    async fn close_frame(&mut self, hub: &Hub, link: &Link, code: u16, reason: String) -> io::Result<()> {
        let Sink::Ws(ws) = self else { return Ok(()) };
        hub.note(link, "ws_frame", json!({"dir": "out", "opcode": 8, "code": code, "reason": reason}));
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        ws.send(Message::Close(Some(frame))).await.or_else(ws_error)
    }

    /// Ends the sending side; `polite` tells a WebSocket client first.
    async fn close(mut self, link: &Link, polite: bool) -> io::Result<()> {
        if let (Sink::Ws(ws), true) = (&mut self, polite) {
            let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
            ws.send(Message::Close(Some(frame))).await.or_else(ws_error)?;
        }
        link.shape.half_close();
        self.flush().await
    }
}

/// After a close frame nothing may follow; that the library says so is not an error of the connection.
fn ws_error(error: WsError) -> io::Result<()> {
    match error {
        WsError::ConnectionClosed | WsError::AlreadyClosed | WsError::Protocol(_) => Ok(()),
        WsError::Io(e) => Err(e),
        other => Err(io::Error::other(other.to_string())),
    }
}

fn frames(bytes: Bytes, form: Form) -> Vec<Message> {
    let raw = |bytes: Bytes, kind: Data, last: bool| {
        Message::Frame(Frame::message(bytes, OpCode::Data(kind), last))
    };
    match form {
        Form::Whole => vec![Message::Binary(bytes)],
        Form::Text => vec![raw(bytes, Data::Text, true)],
        Form::Split { size, continuation: false } => pieces(&bytes, size).map(Message::Binary).collect(),
        Form::Split { size, continuation: true } => {
            let count = bytes.len().div_ceil(size);
            let kind = |at: usize| if at == 0 { Data::Binary } else { Data::Continue };
            pieces(&bytes, size)
                .enumerate()
                .map(|(at, piece)| raw(piece, kind(at), at + 1 == count))
                .collect()
        }
    }
}

fn pieces(bytes: &Bytes, size: usize) -> impl Iterator<Item = Bytes> {
    bytes.chunks(size.max(1)).map(|piece| bytes.slice_ref(piece))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_in_pieces() {
        let bytes = Bytes::from_static(b"\x20\x02\x00\x00");
        assert_eq!(frames(bytes.clone(), Form::Whole).len(), 1);
        let messages = frames(bytes.clone(), Form::Split { size: 3, continuation: false });
        assert_eq!(
            messages,
            [
                Message::Binary(Bytes::from_static(b"\x20\x02\x00")),
                Message::Binary(Bytes::from_static(b"\x00"))
            ]
        );
        let parts = frames(bytes, Form::Split { size: 1, continuation: true });
        let headers: Vec<_> = parts
            .iter()
            .map(|m| match m {
                Message::Frame(f) => (u8::from(f.header().opcode), f.header().is_final),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(headers, [(2, false), (0, false), (0, false), (0, true)]);
    }
}
