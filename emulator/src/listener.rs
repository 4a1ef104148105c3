//! Ports: bound in the order of the contract's table, announced by `ready` lines.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use openssl::ssl::SslContext;
use tokio::net::TcpListener;

use crate::config::{Port, Server};
use crate::connection::{self, Incoming};
use crate::hub::Hub;

/// A bound port.
pub struct Bound {
    pub name: &'static str,
    pub address: SocketAddr,
    pub socket: TcpListener,
}

/// Binds every listener that is on, in the order of emulator.md §1.
pub async fn bind(server: &Server) -> Result<Vec<Bound>, String> {
    let ports = &server.ports;
    for (name, port) in [("coaps", ports.coaps), ("coap", ports.coap)] {
        // The registry file of the contract writes 0 for "no CoAP" as well as "off".
        if port.number.is_some_and(|n| n != 0) {
            return Err(format!(
                "listener {name}: this version does not serve CoAP; leave the key out or set it to \"off\""
            ));
        }
    }
    if ports.http.number.is_some() {
        return Err(
            "listener http: this version has no HTTP services; leave the key out or set it to \"off\"".into(),
        );
    }
    // The console is for this machine only.
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let wanted = [
        ("mqtt", ports.mqtt, server.bind),
        ("mqtts", ports.mqtts, server.bind),
        ("ws", ports.ws, server.bind),
        ("wss", ports.wss, server.bind),
        ("admin", ports.admin, loopback),
    ];
    let mut bound = Vec::new();
    for (name, port, address) in wanted {
        bound.extend(bind_one(name, port, address).await?);
    }
    Ok(bound)
}

async fn bind_one(name: &'static str, port: Port, ip: IpAddr) -> Result<Option<Bound>, String> {
    let Some(number) = port.number else { return Ok(None) };
    let address = SocketAddr::new(ip, number);
    let result = async { TcpListener::bind(address).await.and_then(|s| Ok((s.local_addr()?, s))) }.await;
    match result {
        Ok((address, socket)) => Ok(Some(Bound { name, address, socket })),
        Err(e) if port.optional => {
            tracing::warn!("listener {name} is left out: {address}: {e}");
            Ok(None)
        }
        Err(e) if e.kind() == ErrorKind::PermissionDenied && number < 1024 => Err(format!(
            "listener {name}: {address}: {e}. Ports below 1024 need privileges: choose another port, \
             set the listener to \"off\", or write {{ port = {number}, optional = true }}"
        )),
        Err(e) => Err(format!("listener {name}: {address}: {e}")),
    }
}

/// Accepts connections until the hub stops.
pub async fn run(hub: Arc<Hub>, bound: Bound, tls: Option<SslContext>) {
    loop {
        let accepted = tokio::select! {
            accepted = bound.socket.accept() => accepted,
            () = hub.stopped() => return,
        };
        match accepted {
            Ok((tcp, peer)) => {
                if let Err(e) = tcp.set_nodelay(true) {
                    tracing::warn!("listener {}: {peer}: {e}", bound.name);
                }
                let transport = Box::new(tcp);
                let incoming = Incoming { listener: bound.name, transport, peer, tls: tls.clone() };
                tokio::spawn(connection::serve(hub.clone(), incoming));
            }
            Err(e) => {
                // Out of descriptors, or a peer that left in the queue: the others must not suffer.
                tracing::warn!("listener {}: accept: {e}", bound.name);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}
