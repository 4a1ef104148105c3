//! One connection from accept to close: TLS, upgrade, both directions, and why it ended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use openssl::ssl::SslContext;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;
use tokio_openssl::SslStream;

use crate::auth::Proof;
use crate::faults::{Action, Hit, Stage};
use crate::hub::Hub;
use crate::incoming::Dialogue;
use crate::link::{Link, Out};
use crate::reader::Source;
use crate::stream::{Stream, Transport};
use crate::writer::{self, Sink};
use crate::{tls, ws};

/// Time for TLS, for the upgrade, and for CONNECT, each.
pub const OPENING: Duration = Duration::from_secs(10);

/// A new connection.
pub struct Incoming {
    pub listener: &'static str,
    pub transport: Box<dyn Transport>,
    pub peer: SocketAddr,
    /// The TLS side, on a TLS listener.
    pub tls: Option<SslContext>,
}

/// What was agreed before the first packet.
pub struct Opened {
    pub proof: Proof,
    /// Members of the TLS event; null without TLS.
    pub tls: Value,
    /// The upgrade request; null without WebSocket.
    pub upgrade: Value,
}

/// Serves a connection to its end.
pub async fn serve(hub: Arc<Hub>, incoming: Incoming) {
    let _counted = hub.count_connection();
    let (link, queue) = Link::new(hub.next_connection(), incoming.listener, incoming.peer);
    hub.note(&link, "accept", json!({"listener": link.listener, "peer": link.peer.to_string()}));
    let result = tokio::select! {
        result = open(&hub, &link, incoming) => result,
        () = hub.stopped() => Err("hub stops".into()),
        cause = link.ended() => Err(cause.text),
    };
    let cause = match result {
        Ok((opened, source, sink)) => exchange(&hub, &link, opened, source, sink, queue).await,
        Err(cause) => cause,
    };
    tracing::debug!(conn = link.id, listener = link.listener, cause, "connection ended");
    hub.note(&link, "disconnect", json!({"cause": cause, "listener": link.listener}));
}

async fn open(hub: &Hub, link: &Link, incoming: Incoming) -> Result<(Opened, Source, Sink), String> {
    let Incoming { transport, tls: context, .. } = incoming;
    let mut opened = Opened { proof: Proof::default(), tls: Value::Null, upgrade: Value::Null };
    let transport: Box<dyn Transport> = match context {
        Some(context) => {
            let (stream, session) = open_tls(hub, link, &context, transport).await?;
            opened.proof = session.proof;
            opened.tls = session.info;
            Box::new(stream)
        }
        None => transport,
    };
    opened.proof.plain_mqtt = link.listener == "mqtt";
    let stream = Stream::new(transport, link.shape.clone());
    shape_from_start(hub, link)?;
    if !link.is_websocket() {
        let (read, write) = tokio::io::split(stream);
        return Ok((opened, Source::Bytes(read), Sink::Bytes { half: write, pending: BytesMut::new() }));
    }
    let upgraded = timeout(OPENING, ws::upgrade(hub, link, stream)).await;
    let upgraded = upgraded.map_err(|_| "no upgrade request within 10 s")??;
    opened.upgrade = upgraded.request.into();
    let (sink, stream) = upgraded.stream.split();
    Ok((opened, Source::Ws { stream, tap: upgraded.tap }, Sink::Ws(sink)))
}

async fn open_tls(
    hub: &Hub,
    link: &Link,
    context: &SslContext,
    transport: Box<dyn Transport>,
) -> Result<(SslStream<Box<dyn Transport>>, tls::Session), String> {
    let accepted = match timeout(OPENING, tls::accept(context, transport)).await {
        Ok(accepted) => accepted,
        Err(_) => Err("no handshake within 10 s".into()),
    };
    match accepted {
        Ok((stream, session)) => {
            hub.note(link, "tls", session.info.clone());
            Ok((stream, session))
        }
        Err(cause) => {
            hub.note(link, "tls_error", json!({"cause": cause}));
            Err(format!("TLS: {cause}"))
        }
    }
}

/// Faults that shape the connection before anything is read.
fn shape_from_start(hub: &Hub, link: &Link) -> Result<(), String> {
    for hit in hub.faults.hits(&link.traffic(Stage::Accepted)) {
        note_fault(hub, link, "accepted", &hit);
        match hit.action {
            Action::Close(_) => return Err("fault: close".into()),
            Action::HalfClose(_) => link.push(Out::HalfClose),
            // The answer to an upgrade comes before the writer starts, so this takes effect at once.
            Action::Fragment { size, pause } => link.shape.fragment(size, pause),
            Action::WsPing { every, payload } => link.push(Out::PingEvery(every, payload)),
            Action::Stall(time) => link.stall(time),
            _ => {}
        }
    }
    Ok(())
}

/// Notes a fault that applies to something from the client.
pub fn note_fault(hub: &Hub, link: &Link, packet: &str, hit: &Hit) {
    hub.note(
        link,
        "fault",
        json!({"id": hit.id, "dir": "in", "packet": packet, "action": format!("{:?}", hit.action)}),
    );
}

async fn exchange(
    hub: &Arc<Hub>,
    link: &Arc<Link>,
    opened: Opened,
    source: Source,
    sink: Sink,
    queue: UnboundedReceiver<Out>,
) -> String {
    let mut writer = tokio::spawn(writer::run(hub.clone(), link.clone(), sink, queue));
    let mut dialogue = Dialogue::new(hub, link, opened, source);
    let cause = {
        let reading = dialogue.run();
        tokio::select! {
            cause = reading => cause,
            // The peer does not take what the hub writes, or the writer did what `end` asked for.
            result = &mut writer => match (link.cause(), result) {
                (Some(cause), _) => cause.text,
                (None, Ok(Err(e))) => format!("writing: {e}"),
                (None, _) => "writer ended".into(),
            },
        }
    };
    hub.broker.disconnected(hub, link);
    let by_hub = link.cause().is_some();
    link.end(cause.clone(), false);
    if !writer.is_finished() && timeout(link.grace(), &mut writer).await.is_err() {
        writer.abort();
    }
    if by_hub {
        // Closing with unread bytes would reset the connection and could destroy what was written last.
        let _ = timeout(Duration::from_millis(200), dialogue.drain()).await;
    }
    cause
}
