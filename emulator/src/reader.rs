//! The receiving half of a connection: bytes of a stream or messages of a WebSocket, into one buffer of MQTT bytes.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::io::{AsyncReadExt, ReadHalf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::stream::Stream;
use crate::ws_tap::{Frame, Tap};

/// Where packets come from.
pub enum Source {
    Bytes(ReadHalf<Stream>),
    Ws { stream: SplitStream<WebSocketStream<Stream>>, tap: Arc<Tap> },
}

/// What came.
pub enum Arrived {
    /// More bytes in the buffer.
    Bytes,
    /// A binary message, now in the buffer; `started_clean`: the buffer was empty before.
    Message {
        frames: Vec<Frame>,
        started_clean: bool,
    },
    /// PING, PONG or CLOSE.
    Control {
        frame: Option<Frame>,
        payload: Bytes,
    },
    /// A text message, which MQTT forbids. [MQTT-6.0.0-1]
    Text {
        frames: Vec<Frame>,
    },
    End(End),
}

/// How the peer's side ended.
pub struct End {
    pub how: String,
    /// Frames that were seen but not accepted.
    pub frames: Vec<Frame>,
}

impl Source {
    /// Waits for the next thing. Cancel-safe.
    pub async fn read(&mut self, buffer: &mut BytesMut) -> Arrived {
        match self {
            Source::Bytes(half) => {
                buffer.reserve(4096);
                match half.read_buf(buffer).await {
                    Ok(0) => end("peer closed".into(), Vec::new()),
                    Ok(_) => Arrived::Bytes,
                    Err(e) => end(format!("reading: {e}"), Vec::new()),
                }
            }
            Source::Ws { stream, tap } => from_ws(stream.next().await, tap, buffer),
        }
    }
}

fn from_ws(message: Option<Result<Message, WsError>>, tap: &Tap, buffer: &mut BytesMut) -> Arrived {
    match message {
        Some(Ok(Message::Binary(bytes))) => {
            let started_clean = buffer.is_empty();
            buffer.extend_from_slice(&bytes);
            Arrived::Message { frames: tap.take_message(), started_clean }
        }
        Some(Ok(Message::Ping(payload) | Message::Pong(payload))) => {
            Arrived::Control { frame: tap.take_control(), payload }
        }
        Some(Ok(Message::Close(close))) => {
            let payload = close.map_or_else(Bytes::new, |c| {
                [u16::from(c.code).to_be_bytes().as_slice(), c.reason.as_bytes()].concat().into()
            });
            Arrived::Control { frame: tap.take_control(), payload }
        }
        Some(Ok(Message::Text(_) | Message::Frame(_))) => Arrived::Text { frames: tap.take_message() },
        None | Some(Err(WsError::ConnectionClosed | WsError::AlreadyClosed)) => {
            end("peer closed after a close frame".into(), tap.take_rest())
        }
        // The peer left without a close frame; the library calls it an error, here it is an end like any other.
        Some(Err(WsError::Protocol(e))) if e.to_string().contains("without closing handshake") => {
            end("peer closed without a close frame".into(), tap.take_rest())
        }
        Some(Err(WsError::Io(e))) => end(format!("reading: {e}"), tap.take_rest()),
        Some(Err(e)) => end(format!("WebSocket: {e}"), tap.take_rest()),
    }
}

fn end(how: String, frames: Vec<Frame>) -> Arrived {
    Arrived::End(End { how, frames })
}
