//! Opens the link to the server: name look-up, TCP, TLS (`websocket.md` §§1, 4, 6).

use super::Client;
use super::endpoint::Scheme;
use crate::error::Error;
use crate::hal::net::Link;
#[cfg(not(feature = "auth_with_notls"))]
use crate::log::Hold;
use crate::log::{Level, log};
use std::ffi::CString;
#[cfg(not(feature = "auth_with_notls"))]
use {
    super::credentials::Credential,
    super::lock,
    crate::hal::file,
    crate::hal::net::{Suites, TlsSettings, Verify},
    crate::memory,
    std::sync::atomic::{AtomicBool, Ordering},
};

/// Least limit for TCP connect and for the TLS handshake, in ms.
const LEAST_TIMEOUT_MS: u32 = 5000;

const FILE: &str = "utils_websocket_client.c";
const INIT: &str = "_network_transport_init";
const CONNECT: &str = "_network_transport_connect";

/// How servers are verified (`decisions.md` §6).
#[cfg(not(feature = "auth_with_notls"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustPolicy {
    /// Public regions connect even if verification fails, with one warning; endpoints given by URL must verify.
    Compat,
    /// Every failure ends the connection.
    Strict,
    /// Never checked.
    Off,
}

#[cfg(not(feature = "auth_with_notls"))]
impl TrustPolicy {
    /// Name of the environment variable that chooses at run time.
    pub const VARIABLE: &std::ffi::CStr = c"QCLOUD_IOT_TLS_VERIFY";

    /// The policy with this name.
    pub fn from_name(name: &str) -> Option<TrustPolicy> {
        match name {
            "compat" => Some(TrustPolicy::Compat),
            "strict" => Some(TrustPolicy::Strict),
            "off" => Some(TrustPolicy::Off),
            _ => None,
        }
    }

    /// The policy of the build (`FEATURE_TLS_VERIFY`).
    pub fn built() -> TrustPolicy {
        option_env!("IOT_TLS_VERIFY").and_then(TrustPolicy::from_name).unwrap_or(TrustPolicy::Compat)
    }
}

/// Whether RSA key exchange is offered as the last resort (`FEATURE_TLS_RSA_FALLBACK`).
#[cfg(not(feature = "auth_with_notls"))]
fn offers_rsa_fallback() -> bool {
    !matches!(option_env!("IOT_TLS_RSA_FALLBACK"), Some("off"))
}

impl Client {
    /// Opens the link that the endpoint asks for.
    pub(super) fn open_link(&self) -> Result<Link, Error> {
        let endpoint = &self.config.endpoint;
        let (host, port) = (&endpoint.host, endpoint.port);
        if endpoint.scheme.is_websocket() {
            let layer = if endpoint.scheme.is_tls() { "TLS" } else { "TCP" };
            log!(Level::Debug, FILE, INIT, "init {host}:{port}, {layer}");
            log!(Level::Debug, FILE, CONNECT, "start connect {host}:{port}");
        }
        let name = CString::new(host.as_str()).map_err(|_| Error::Inval)?;
        let link = match endpoint.scheme {
            Scheme::Mqtt | Scheme::Ws => Link::open_tcp(&name, port, self.link_timeout_ms(), &self.waiter)?,
            #[cfg(not(feature = "auth_with_notls"))]
            Scheme::Mqtts | Scheme::Wss => self.open_tls(&name, port)?,
            #[cfg(feature = "auth_with_notls")]
            Scheme::Mqtts | Scheme::Wss => return Err(Error::Inval),
        };
        if endpoint.scheme.is_websocket() {
            log!(Level::Debug, FILE, CONNECT, "connected {host}:{port}, handle:{:#x}", link.handle());
        }
        Ok(link)
    }

    fn link_timeout_ms(&self) -> u32 {
        self.config.command_timeout_ms.max(LEAST_TIMEOUT_MS)
    }

    #[cfg(not(feature = "auth_with_notls"))]
    fn open_tls(&self, host: &std::ffi::CStr, port: u16) -> Result<Link, Error> {
        let client_id = CString::new(self.config.identity.client_id()).map_err(|_| Error::Inval)?;
        let mut settings = TlsSettings {
            psk: None,
            certificate: None,
            ca_pem: None,
            ca_file: self.config.ca_file.as_deref(),
            verify: self.verify(),
            suites: if offers_rsa_fallback() { Suites::Compatible } else { Suites::Modern },
            connect_timeout_ms: self.link_timeout_ms(),
            handshake_timeout_ms: self.link_timeout_ms(),
        };
        match &self.config.credential {
            // On 443 the device is authenticated by the MQTT password: no pre-shared key there.
            Credential::Key(key) if self.config.endpoint.scheme == Scheme::Mqtts => {
                settings.psk = Some((key.bytes(), &client_id));
                settings.suites = Suites::Psk;
                settings.verify = Verify::Off;
            }
            Credential::Key(_) => {}
            Credential::Certificate { cert_file, key_file } => {
                settings.certificate = Some((cert_file, key_file));
            }
        }
        if settings.verify == Verify::Off && settings.suites != Suites::Psk {
            warn_once("server certificates are not verified (verification is off)");
        }
        let anchors = self.anchors_as_text(settings.verify)?;
        settings.ca_pem = anchors.as_deref().or(self.built_in_anchor());
        // The port logs while it connects, and the message handler may call anything.
        let _hold = Hold::start();
        let session = &mut lock(&self.keys).tls_session;
        let (link, failure) = Link::open_tls(host, port, &settings, &self.waiter, session)?;
        if let Some(cause) = failure {
            warn_once(&format!("server certificate of {} not verified: {cause}", self.config.endpoint.host));
        }
        Ok(link)
    }

    /// The platform's own root, which signs the servers that certificate devices find on 8883 (`auth.md` §3.4).
    #[cfg(all(feature = "auth_mode_cert", not(feature = "auth_with_notls")))]
    fn built_in_anchor(&self) -> Option<&'static std::ffi::CStr> {
        const ROOT: &str = concat!(include_str!("../../platform/certs/iothub_root.pem"), "\0");
        let endpoint = &self.config.endpoint;
        let is_platform = endpoint.scheme == Scheme::Mqtts && !endpoint.given_by_url;
        is_platform.then(|| std::ffi::CStr::from_bytes_with_nul(ROOT.as_bytes()).ok()).flatten()
    }

    #[cfg(all(not(feature = "auth_mode_cert"), not(feature = "auth_with_notls")))]
    fn built_in_anchor(&self) -> Option<&'static std::ffi::CStr> {
        None
    }

    /// Trust anchors for a port that cannot read them from a file itself.
    #[cfg(not(feature = "auth_with_notls"))]
    fn anchors_as_text(&self, verify: Verify) -> Result<Option<CString>, Error> {
        let Some(path) = self.config.ca_file.as_deref() else {
            return Ok(None);
        };
        if verify != Verify::Require || Link::tls_reads_anchor_files() {
            return Ok(None);
        }
        let text = file::read(path).and_then(|text| memory::terminated(&text));
        text.map(Some).map_err(|error| {
            log!(
                Level::Error,
                "HAL_TLS_mbedtls.c",
                "HAL_TLS_Connect",
                "cannot read trust anchors of {path:?}: {error}"
            );
            if error == Error::Malloc { error } else { Error::SslCert }
        })
    }

    #[cfg(not(feature = "auth_with_notls"))]
    fn verify(&self) -> Verify {
        let endpoint = &self.config.endpoint;
        // Certificate devices on 8883 have always verified the server (`auth.md` §3.4).
        let is_strict = endpoint.given_by_url || endpoint.scheme == Scheme::Mqtts;
        match self.config.trust {
            TrustPolicy::Off => Verify::Off,
            TrustPolicy::Strict => Verify::Require,
            TrustPolicy::Compat if is_strict => Verify::Require,
            TrustPolicy::Compat => Verify::Report,
        }
    }
}

/// One warning per process, as the guide lets public regions connect in any case.
#[cfg(not(feature = "auth_with_notls"))]
fn warn_once(text: &str) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Ordering::Relaxed) {
        log!(Level::Warn, "HAL_TLS_mbedtls.c", "HAL_TLS_Connect", "{text}");
    }
}

#[cfg(all(test, feature = "auth_mode_cert", not(feature = "auth_with_notls")))]
mod tests {
    #[test]
    fn the_built_in_root_is_text_that_a_port_can_take() {
        let root = include_str!("../../platform/certs/iothub_root.pem");
        assert!(root.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(!root.contains('\0') && root.len() < usize::from(u16::MAX));
    }
}
