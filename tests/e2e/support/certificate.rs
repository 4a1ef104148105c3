//! A throw-away authority and a server certificate by it, made by OpenSSL.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Files of a server for 127.0.0.1 and localhost.
pub struct Certificate {
    /// The authority, for the SDK.
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Certificate {
    /// Makes the files in this directory.
    pub fn new(directory: &Path) -> Certificate {
        let file = |name: &str| directory.join(name);
        let extensions = "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n";
        std::fs::write(file("server.ext"), extensions).expect("extensions of the certificate");
        let key = ["-newkey", "rsa:2048", "-nodes", "-keyout"];
        openssl(
            directory,
            &[&["req", "-x509", "-days", "30", "-subj", "/CN=Test authority"], &key[..], &["ca.key"]],
            &["-out", "ca.pem"],
        );
        openssl(
            directory,
            &[&["req", "-subj", "/CN=localhost"], &key[..], &["server.key"]],
            &["-out", "server.csr"],
        );
        openssl(
            directory,
            &[&["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]],
            &["-days", "30", "-extfile", "server.ext", "-out", "server.pem"],
        );
        Certificate { authority: file("ca.pem"), certificate: file("server.pem"), key: file("server.key") }
    }
}

fn openssl(directory: &Path, words: &[&[&str]], more: &[&str]) {
    let mut command = Command::new("openssl");
    command.args(words.concat()).args(more).current_dir(directory);
    let done = command.output().expect("openssl is needed (package openssl)");
    assert!(done.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&done.stderr));
}
