//! TLS of the mqtts and wss listeners: pre-shared key and certificates on one port. [emulator.md §1]

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslRef, SslVerifyMode, SslVersion,
};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509StoreContextRef};
use serde_json::{Value, json};
use tokio_openssl::SslStream;

use crate::auth::Proof;
use crate::ca::{Authorities, Identity, common_name, fingerprint};
use crate::registry::Registry;
use crate::stream::Transport;

/// Listed explicitly: the default list of OpenSSL has no pre-shared keys and no RSA key exchange first clients need.
const SUITES_1_2: &str = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:\
    PSK-AES128-GCM-SHA256:PSK-AES256-GCM-SHA384:PSK-AES128-CBC-SHA:PSK-AES256-CBC-SHA:\
    ECDHE-RSA-AES128-SHA:AES128-GCM-SHA256:AES128-SHA";
const SUITES_1_3: &str = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/// What an established TLS connection is.
pub struct Session {
    pub proof: Proof,
    /// Members of the connection's event.
    pub info: Value,
}

/// Makes the TLS side of the hub; one context serves every listener.
pub fn context(
    authorities: &Authorities,
    extra: &[X509],
    registry: Arc<Registry>,
) -> Result<SslContext, ErrorStack> {
    let mut builder = server(&authorities.server, &authorities.server_ca)?;
    let mut store = X509StoreBuilder::new()?;
    store.add_cert(authorities.device_ca.certificate.clone())?;
    builder.add_client_ca(&authorities.device_ca.certificate)?;
    for ca in extra {
        store.add_cert(ca.clone())?;
        builder.add_client_ca(ca)?;
    }
    builder.set_verify_cert_store(store.build())?;
    let certificates = registry.clone();
    builder.set_verify_callback(SslVerifyMode::PEER, move |good, chain| {
        good || is_registered(chain, &certificates)
    });
    builder.set_psk_server_callback(move |ssl, identity, buffer| {
        let key = identity.and_then(|identity| registry.psk(identity));
        Ok(psk(ssl, identity.unwrap_or_default(), key.as_deref().unwrap_or_default(), buffer))
    });
    Ok(builder.build())
}

/// A server with this certificate: versions, suites, no clients' certificates yet.
pub fn server(identity: &Identity, authority: &Identity) -> Result<SslContextBuilder, ErrorStack> {
    let mut builder = SslContext::builder(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_cipher_list(SUITES_1_2)?;
    builder.set_ciphersuites(SUITES_1_3)?;
    builder.set_options(SslOptions::CIPHER_SERVER_PREFERENCE | SslOptions::NO_RENEGOTIATION);
    builder.set_certificate(&identity.certificate)?;
    builder.set_private_key(&identity.key)?;
    // The whole chain, so that a client with the authority as its only trust anchor can build it in either way.
    builder.add_extra_chain_cert(authority.certificate.clone())?;
    // Without an id a client that resumes while certificates are asked for is turned away.
    builder.set_session_id_context(b"iot-hub-emulator")?;
    Ok(builder)
}

/// A certificate no known authority signed is accepted if it is registered for a device.
fn is_registered(chain: &mut X509StoreContextRef, registry: &Registry) -> bool {
    let leaf = chain.chain().and_then(|c| c.get(0)).or_else(|| chain.current_cert());
    let print = leaf.and_then(|c| fingerprint(c).ok());
    print.is_some_and(|p| registry.device_by_fingerprint(&p).is_some())
}

/// Puts the key of an identity into the buffer; 0 bytes make OpenSSL refuse the identity.
pub fn psk(ssl: &mut SslRef, identity: &[u8], key: &[u8], buffer: &mut [u8]) -> usize {
    let Some(place) = buffer.get_mut(..key.len()).filter(|place| !place.is_empty()) else { return 0 };
    place.copy_from_slice(key);
    if let Some(index) = identity_index() {
        ssl.set_ex_data(index, String::from_utf8_lossy(identity).into_owned());
    }
    // A TLS 1.3 ticket would not carry the identity, so a resumed connection could not prove it.
    if ssl.version2() == Some(SslVersion::TLS1_3) && ssl.set_num_tickets(0).is_err() {
        return 0;
    }
    key.len()
}

fn identity_index() -> Option<Index<Ssl, String>> {
    static INDEX: OnceLock<Option<Index<Ssl, String>>> = OnceLock::new();
    *INDEX.get_or_init(|| Ssl::new_ex_index().ok())
}

/// Runs the handshake.
pub async fn accept<T: Transport>(
    context: &SslContext,
    transport: T,
) -> Result<(SslStream<T>, Session), String> {
    let ssl = Ssl::new(context).map_err(|e| e.to_string())?;
    let mut stream = SslStream::new(ssl, transport).map_err(|e| e.to_string())?;
    Pin::new(&mut stream).accept().await.map_err(|e| e.to_string())?;
    let session = session(stream.ssl());
    Ok((stream, session))
}

fn session(ssl: &SslRef) -> Session {
    let suite = ssl.current_cipher().map_or("", |c| c.name());
    let certificate = ssl.peer_certificate();
    let psk_identity = psk_identity(ssl, suite);
    let proof = Proof {
        plain_mqtt: false,
        psk_identity: psk_identity.clone(),
        certificate: certificate.as_ref().and_then(|c| Some((fingerprint(c).ok()?, common_name(c)))),
    };
    let info = json!({
        "version": ssl.version_str(),
        "suite": suite,
        "sni": ssl.servername(openssl::ssl::NameType::HOST_NAME),
        "resumed": ssl.session_reused(),
        "psk_identity": psk_identity,
        "client_certificate": certificate.as_deref().and_then(common_name),
    });
    Session { proof, info }
}

/// Identity of a pre-shared key that was really used: offering one and then agreeing on a certificate suite proves nothing.
fn psk_identity(ssl: &SslRef, suite: &str) -> Option<String> {
    if ssl.version2() == Some(SslVersion::TLS1_3) {
        // In TLS 1.3 the suite does not tell; an agreed external key shows as a resumed session.
        let offered = identity_index().and_then(|index| ssl.ex_data(index));
        return offered.filter(|_| ssl.session_reused()).cloned();
    }
    let identity = ssl.psk_identity().filter(|_| suite.starts_with("PSK"))?;
    Some(String::from_utf8_lossy(identity).into_owned())
}
