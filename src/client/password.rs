//! The password of one CONNECT, made anew for each connection (`auth.md` §3).

#[cfg(all(feature = "auth_mode_cert", not(feature = "auth_with_notls")))]
use super::Client;
use super::credentials::{Credential, PASSWORD_DIGEST, Password};
#[cfg(all(feature = "auth_mode_cert", not(feature = "auth_with_notls")))]
use super::{
    credentials::{rsa_password, sends_password},
    lock,
};
use crate::error::Error;
#[cfg(all(feature = "auth_mode_cert", not(feature = "auth_with_notls")))]
use {
    crate::hal::private_key::PrivateKey,
    crate::log::{Level, log},
    std::ffi::CStr,
    std::time::SystemTime,
};

/// A private key and the file it was read from; read again only when the file changes.
#[cfg(all(feature = "auth_mode_cert", not(feature = "auth_with_notls")))]
#[derive(Debug, Default)]
pub struct KeyFile {
    key: Option<PrivateKey>,
    version: Option<(SystemTime, u64)>,
}

#[cfg(all(feature = "auth_mode_cert", not(feature = "auth_with_notls")))]
impl KeyFile {
    /// Reads the key if it is not known or its file has changed.
    fn load(&mut self, path: &CStr) -> Result<&PrivateKey, Error> {
        let metadata = path.to_str().ok().and_then(|path| std::fs::metadata(path).ok());
        let version = metadata.and_then(|data| Some((data.modified().ok()?, data.len())));
        if self.key.is_none() || version != self.version {
            self.key = None;
            let key = PrivateKey::from_file(path)?;
            check_strength(&key)?;
            self.key = Some(key);
            self.version = version;
        }
        self.key.as_ref().ok_or(Error::SslCert)
    }
}

#[cfg(all(feature = "auth_mode_cert", not(feature = "auth_with_notls")))]
fn check_strength(key: &PrivateKey) -> Result<(), Error> {
    match key.signature_len() * 8 {
        0..1024 => Err(Error::SslCert),
        bits @ 1024..2048 => {
            log!(
                Level::Warn,
                "mqtt_client_connect.c",
                "serialize_connect_packet",
                "device key has only {bits} bits"
            );
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(all(feature = "auth_mode_cert", not(feature = "auth_with_notls")))]
impl Client {
    /// Reads the private key before anything is sent, so that a bad one is reported as such. Without a password the
    /// key only has to suit TLS, which takes other keys than RSA too.
    pub(super) fn check_credential(&self) -> Result<(), Error> {
        match &self.config.credential {
            Credential::Certificate { key_file, .. } if sends_password(self.config.endpoint.scheme) => {
                lock(&self.keys).private_key.load(key_file).map(drop)
            }
            Credential::Certificate { .. } | Credential::Key(_) => Ok(()),
        }
    }

    /// Password that goes with `user_name`.
    pub(super) fn password(&self, user_name: &str) -> Result<Password, Error> {
        match &self.config.credential {
            Credential::Key(key) => key.password(user_name, PASSWORD_DIGEST),
            Credential::Certificate { key_file, .. } => {
                let signature = lock(&self.keys).private_key.load(key_file)?.sign(user_name)?;
                rsa_password(&signature)
            }
        }
    }
}

#[cfg(not(all(feature = "auth_mode_cert", not(feature = "auth_with_notls"))))]
impl super::Client {
    /// A device secret was checked when the client was made.
    pub(super) fn check_credential(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Password that goes with `user_name`.
    pub(super) fn password(&self, user_name: &str) -> Result<Password, Error> {
        match &self.config.credential {
            Credential::Key(key) => key.password(user_name, PASSWORD_DIGEST),
            // A build without certificates has no way to make this credential.
            Credential::Certificate { .. } => Err(Error::Inval),
        }
    }
}

#[cfg(all(test, feature = "auth_mode_cert", not(feature = "auth_with_notls")))]
mod tests {
    use super::*;
    use std::ffi::CString;
    use std::fs::{self, File};
    use std::time::Duration;

    const KEY: &[u8] = include_bytes!("credentials/throw_away_key.pem");

    #[test]
    fn the_key_is_read_again_only_when_its_file_changes() {
        let path = std::env::temp_dir().join(format!("iot-key-{}.pem", std::process::id()));
        let name = CString::new(path.to_str().unwrap()).unwrap();
        let write = |content: &[u8], time: SystemTime| {
            fs::write(&path, content).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        };
        let (before, after) = (SystemTime::now() - Duration::from_secs(60), SystemTime::now());
        let mut file = KeyFile::default();
        assert!(file.load(&name).is_err(), "there is no file yet");

        write(KEY, before);
        assert!(file.load(&name).is_ok(), "read again after a failure");
        write(&vec![b'x'; KEY.len()], before);
        assert!(file.load(&name).is_ok(), "looks the same: not read");
        write(&vec![b'x'; KEY.len()], after);
        assert!(file.load(&name).is_err(), "looks different: read");
        write(KEY, after);
        assert!(file.load(&name).is_ok(), "read again after a failure");
        fs::remove_file(&path).unwrap();
        assert!(file.load(&name).is_err(), "the file has gone");
    }
}
