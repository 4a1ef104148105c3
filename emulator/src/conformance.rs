//! `conformance-peer`: what `hal_conformance` connects to. A connection says line by line what this side shall do (`script`), on a plain
//! port and on two TLS ports: one whose certificate has the names of this machine, and one whose certificate has another name.

mod script;

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Public};
use openssl::ssl::{SslContext, SslVerifyMode};
use openssl::x509::store::X509StoreBuilder;
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::ca::{Authorities, Identity, Issued, server_identity};
use crate::cli::ConformancePeer;
use crate::registry::DeviceId;
use crate::tls;

/// The pre-shared key of the checks; no device has it.
const PSK_IDENTITY: &[u8] = b"hal-conformance";
const PSK: &[u8] = b"a key for checks only";
/// Names of this machine that the certificate has anyway.
const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// The name of the other certificate: nobody is called so (RFC 2606).
const OTHER_NAME: &str = "elsewhere.invalid";
/// Bytes that the system keeps in each direction; small, so that who does not read soon makes the other wait.
const BUFFER: u32 = 16 * 1024;
/// First byte of a TLS hello; on the plain port it is answered with silence.
const TLS_HANDSHAKE: u8 = 0x16;

/// What the commands of all connections refer to.
struct Facts {
    /// Authority of the certificates, PEM.
    authority: Vec<u8>,
    /// An authority that has not signed them, PEM.
    other_authority: Vec<u8>,
    /// Ports of the two TLS listeners, and one that nobody listens on.
    ports: [u16; 3],
    /// Verifies what the device's private key has signed.
    device_key: PKey<Public>,
}

/// The listeners, bound.
struct Bound {
    plain: TcpListener,
    tls: TcpListener,
    other: TcpListener,
    /// Bound, but not listening: connections to it are refused as long as this lives.
    closed: TcpSocket,
}

/// Runs until it is stopped by a signal.
pub fn run(args: &ConformancePeer) -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    runtime.block_on(serve(args))
}

async fn serve(args: &ConformancePeer) -> Result<(), String> {
    let authorities = Authorities::open(&args.state_dir)?;
    let device = authorities.issue(&DeviceId::parse("CONFORMANC/device")?)?;
    let named = named_identity(&authorities, &args.names).map_err(|e| e.to_string())?;
    let other = server_identity(
        &authorities.server_ca,
        authorities.server.key.clone(),
        OTHER_NAME,
        &[OTHER_NAME],
        &[],
    );
    let contexts = (context(&authorities, &named), context(&authorities, &other.map_err(|e| e.to_string())?));
    let bound = bind(args.bind, args.port).map_err(|e| format!("{}: {e}", args.bind))?;
    let facts = Arc::new(facts(&authorities, &device, &bound)?);
    announce(&bound, &device).map_err(|e| format!("standard output: {e}"))?;
    tokio::join!(
        accept(bound.plain, None, facts.clone()),
        accept(bound.tls, Some(contexts.0.map_err(|e| e.to_string())?), facts.clone()),
        accept(bound.other, Some(contexts.1.map_err(|e| e.to_string())?), facts),
    );
    Ok(())
}

fn named_identity(authorities: &Authorities, more: &[String]) -> Result<Identity, ErrorStack> {
    let names: Vec<&str> = OWN_NAMES.into_iter().chain(more.iter().map(String::as_str)).collect();
    let (addresses, hosts): (Vec<&str>, Vec<&str>) =
        names.into_iter().partition(|name| name.parse::<IpAddr>().is_ok());
    server_identity(
        &authorities.server_ca,
        authorities.server.key.clone(),
        "hal-conformance",
        &hosts,
        &addresses,
    )
}

fn context(authorities: &Authorities, identity: &Identity) -> Result<SslContext, ErrorStack> {
    let mut builder = tls::server(identity, &authorities.server_ca)?;
    let mut devices = X509StoreBuilder::new()?;
    devices.add_cert(authorities.device_ca.certificate.clone())?;
    builder.add_client_ca(&authorities.device_ca.certificate)?;
    builder.set_verify_cert_store(devices.build())?;
    builder.set_verify(SslVerifyMode::PEER);
    builder.set_psk_server_callback(|ssl, identity, buffer| {
        let key = if identity == Some(PSK_IDENTITY) { PSK } else { &[] };
        Ok(tls::psk(ssl, PSK_IDENTITY, key, buffer))
    });
    Ok(builder.build())
}

fn bind(ip: IpAddr, port: u16) -> std::io::Result<Bound> {
    let listen = |port| socket(ip, port)?.listen(64);
    Ok(Bound { plain: listen(port)?, tls: listen(0)?, other: listen(0)?, closed: socket(ip, 0)? })
}

fn socket(ip: IpAddr, port: u16) -> std::io::Result<TcpSocket> {
    let socket = if ip.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_recv_buffer_size(BUFFER)?;
    socket.set_send_buffer_size(BUFFER)?;
    socket.set_reuseaddr(port != 0)?;
    socket.bind(SocketAddr::new(ip, port))?;
    Ok(socket)
}

fn facts(authorities: &Authorities, device: &Issued, bound: &Bound) -> Result<Facts, String> {
    let pem = |identity: &Identity| identity.certificate.to_pem().map_err(|e| e.to_string());
    let port = |address: std::io::Result<SocketAddr>| address.map(|a| a.port()).map_err(|e| e.to_string());
    Ok(Facts {
        authority: pem(&authorities.server_ca)?,
        other_authority: pem(&authorities.device_ca)?,
        ports: [
            port(bound.tls.local_addr())?,
            port(bound.other.local_addr())?,
            port(bound.closed.local_addr())?,
        ],
        device_key: PKey::public_key_from_der(&device.certificate.public_key).map_err(|e| e.to_string())?,
    })
}

fn announce(bound: &Bound, device: &Issued) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready plain {}", bound.plain.local_addr()?)?;
    writeln!(out, "ready certificate {}", device.certificate_file.display())?;
    writeln!(out, "ready key {}", device.key_file.display())?;
    writeln!(out, "ready all")?;
    out.flush()
}

async fn accept(listener: TcpListener, context: Option<SslContext>, facts: Arc<Facts>) {
    loop {
        match listener.accept().await {
            Ok((tcp, peer)) => {
                let (context, facts) = (context.clone(), facts.clone());
                tokio::spawn(async move {
                    if let Err(cause) = converse(tcp, context.as_ref(), &facts).await {
                        eprintln!("{peer}: {cause}");
                    }
                });
            }
            Err(cause) => {
                eprintln!("accept: {cause}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

async fn converse(tcp: TcpStream, context: Option<&SslContext>, facts: &Facts) -> Result<(), String> {
    let failed = |e: std::io::Error| e.to_string();
    tcp.set_nodelay(true).map_err(failed)?;
    if let Some(context) = context {
        let (mut stream, session) = tls::accept(context, tcp).await?;
        let end = script::play(&mut stream, facts, &session.info).await.map_err(failed)?;
        return end_of(end, stream.get_ref()).map_err(failed);
    }
    let mut tcp = tcp;
    let mut first = [0];
    if tcp.peek(&mut first).await.map_err(failed)? == 1 && first == [TLS_HANDSHAKE] {
        tokio::io::copy(&mut tcp, &mut tokio::io::sink()).await.map_err(failed)?;
        return Ok(());
    }
    let end = script::play(&mut tcp, facts, &Value::Null).await.map_err(failed)?;
    end_of(end, &tcp).map_err(failed)
}

/// The connection closes when it is dropped; a reset has to be asked for.
fn end_of(end: script::End, tcp: &TcpStream) -> std::io::Result<()> {
    match end {
        script::End::Closed => Ok(()),
        script::End::Reset => tcp.set_zero_linger(),
    }
}
