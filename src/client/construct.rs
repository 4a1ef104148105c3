//! From what the application gives to a connected client (`auth.md`, `mqtt.md` §1).

use super::callback::Observer;
use super::credentials::Credential;
use super::endpoint::{ENDPOINT_VARIABLE, Endpoint, Transports};
use super::identity::Identity;
use super::notice::{Notice, Refusal, Severity};
use super::{COMMAND_TIMEOUT_MS, Client, Config, MAX_KEEP_ALIVE_S};
use crate::error::Error;
use crate::hal::environment;
use crate::log::{Level, log};
use crate::memory;
use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::sync::Arc;

/// Version of the interface that we implement (`QCLOUD_IOT_DEVICE_SDK_VERSION`).
pub const SDK_VERSION: &str = "3.3.0";

/// Names a PEM file with further trust anchors.
const CA_FILE_VARIABLE: &CStr = c"QCLOUD_IOT_CA_FILE";
/// How much is read of a region that is no text, in bytes.
const SHOWN: usize = 64;

const FILE: &str = "qcloud_iot_device.c";
const FUNCTION: &str = "iot_device_info_set";

/// What a device authenticates with, as the application gives it.
#[derive(Clone, Copy)]
pub enum Secret<'a> {
    /// Device secret, base64 text; `None` for NULL.
    Key(Option<&'a [u8]>),
    /// Paths of certificate and private key.
    Certificate {
        /// Device certificate, PEM.
        cert_file: &'a CStr,
        /// Private key, PEM.
        key_file: &'a CStr,
    },
}

/// Arguments of Construct; `None` stands for NULL.
pub struct Parameters<'a> {
    /// Region or URL.
    pub region: Option<&'a [u8]>,
    /// Product id.
    pub product_id: Option<&'a [u8]>,
    /// Device name.
    pub device_name: Option<&'a [u8]>,
    /// Device secret or certificate.
    pub secret: Secret<'a>,
    /// ms, corrected by [`corrected_timeout`].
    pub command_timeout_ms: u32,
    /// ms, rounded down to seconds.
    pub keep_alive_ms: u32,
    /// Whether the server forgets the session.
    pub clean_session: bool,
    /// Whether a lost connection is opened again.
    pub auto_connect: bool,
}

/// The command timeout that is really used, in ms.
pub fn corrected_timeout(timeout_ms: u32) -> u32 {
    timeout_ms.clamp(*COMMAND_TIMEOUT_MS.start(), *COMMAND_TIMEOUT_MS.end())
}

impl Client {
    /// Makes a client; [`Client::open`] connects it. The log has the cause of an error.
    pub fn construct(parameters: &Parameters, observer: Box<dyn Observer>) -> Result<Arc<Client>, Error> {
        let identity = Identity::new(parameters.product_id, parameters.device_name)?;
        log!(
            Level::Info,
            FILE,
            FUNCTION,
            "SDK_Ver: {SDK_VERSION}, Product_ID: {}, Device_Name: {}",
            identity.product_id(),
            identity.device_name()
        );
        let endpoint = endpoint(parameters, &identity)?;
        let credential = credential(parameters.secret)?;
        let keep_alive_s = (parameters.keep_alive_ms / 1000).min(MAX_KEEP_ALIVE_S);
        let config = Config {
            identity,
            endpoint,
            credential,
            ca_file: ca_file()?,
            #[cfg(not(feature = "auth_with_notls"))]
            trust: trust_policy()?,
            command_timeout_ms: corrected_timeout(parameters.command_timeout_ms),
            keep_alive_s: u16::try_from(keep_alive_s).unwrap_or(u16::MAX),
            clean_session: parameters.clean_session,
            auto_connect: parameters.auto_connect,
        };
        Client::new(config, observer).map(Arc::new)
    }
}

fn endpoint(parameters: &Parameters, identity: &Identity) -> Result<Endpoint, Error> {
    let region = parameters.region.map(region);
    let override_url = variable(ENDPOINT_VARIABLE)?;
    let chosen = Endpoint::choose(
        region.as_deref(),
        override_url.as_deref(),
        identity.product_id(),
        Transports::BUILT,
    );
    let (endpoint, notices) = chosen.map_err(|refusal| log_refusal(&refusal))?;
    notices.iter().for_each(log_notice);
    Ok(endpoint)
}

/// A region as text. Of bytes that are none the beginning is enough, and a sign that no region has.
fn region(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).unwrap_or_else(|error| {
        let start =
            bytes.get(..error.valid_up_to().min(SHOWN)).and_then(|start| std::str::from_utf8(start).ok());
        Cow::Owned(format!("{}{}", start.unwrap_or_default(), char::REPLACEMENT_CHARACTER))
    })
}

fn ca_file() -> Result<Option<CString>, Error> {
    let path = environment::variable(CA_FILE_VARIABLE)?.filter(|path| !path.is_empty());
    path.map(|path| memory::terminated(&path)).transpose()
}

fn credential(secret: Secret) -> Result<Credential, Error> {
    let (credential, notice) = match secret {
        Secret::Key(secret) => Credential::key(secret),
        Secret::Certificate { cert_file, key_file } => {
            Credential::certificate(cert_file, key_file).map(|credential| (credential, None))
        }
    }
    .map_err(|refusal| log_refusal(&refusal))?;
    notice.iter().for_each(log_notice);
    Ok(credential)
}

#[cfg(not(feature = "auth_with_notls"))]
fn trust_policy() -> Result<super::TrustPolicy, Error> {
    use super::TrustPolicy;
    let Some(name) = variable(TrustPolicy::VARIABLE)? else {
        return Ok(TrustPolicy::built());
    };
    Ok(TrustPolicy::from_name(&name).unwrap_or_else(|| {
        // A mistyped name must not switch verification off.
        log!(
            Level::Error,
            FILE,
            FUNCTION,
            "{} is not one of compat, strict, off: using strict",
            TrustPolicy::VARIABLE.to_string_lossy()
        );
        TrustPolicy::Strict
    }))
}

/// A variable that is set, to something that is text.
fn variable(name: &CStr) -> Result<Option<String>, Error> {
    let value = environment::variable(name)?.and_then(|value| String::from_utf8(value).ok());
    Ok(value.filter(|value| !value.is_empty()))
}

fn log_refusal(refusal: &Refusal) -> Error {
    log!(Level::Error, FILE, FUNCTION, "{refusal}");
    refusal.error
}

fn log_notice(notice: &Notice) {
    let level = match notice.severity {
        Severity::Info => Level::Info,
        Severity::Warning => Level::Warn,
    };
    log!(level, FILE, FUNCTION, "{}", notice.text);
}
