//! Certificate devices: private keys of no use, and keys that only suit TLS. [auth.md §§3.2, 3.4]

use std::path::Path;
use std::process::Command;

use crate::support::broker::Broker;
use crate::support::certificate::Certificate;
use crate::support::device::Device;
use crate::support::event::Query;
use crate::support::hub::Hub;
use crate::support::program::{Finished, Launch};
use crate::support::scratch::Scratch;
use crate::support::sdk;
use crate::support::secrets::Secrets;

const RSA_1024: [&str; 4] = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"];
const RSA_512: [&str; 4] = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:512"];
const ENCRYPTED: [&str; 5] = ["-algorithm", "RSA", "-aes128", "-pass", "pass:secret"];
const ELLIPTIC: [&str; 4] = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];

fn device() -> Device {
    Device::cert("CERTDEMO01", "lock1")
}

/// A private key, PEM.
fn key(options: &[&str]) -> String {
    let directory = Scratch::new("key");
    openssl(directory.path(), &["genpkey", "-out", "key.pem"], options);
    std::fs::read_to_string(directory.path().join("key.pem")).expect("key.pem")
}

/// A certificate that a key has signed for itself, PEM.
fn certificate(key: &str) -> String {
    let directory = Scratch::new("certificate");
    directory.write("key.pem", key);
    let request = ["req", "-x509", "-new", "-key", "key.pem", "-days", "30", "-out", "certificate.pem"];
    openssl(directory.path(), &request, &["-subj", "/CN=CERTDEMO01lock1"]);
    std::fs::read_to_string(directory.path().join("certificate.pem")).expect("certificate.pem")
}

fn openssl(directory: &Path, words: &[&str], more: &[&str]) {
    let mut command = Command::new("openssl");
    command.args(words).args(more).current_dir(directory);
    let done = command.output().expect("openssl is needed (package openssl)");
    assert!(done.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&done.stderr));
}

/// A run over wss with this private key, and with this certificate if it is not the one that the hub issued.
fn run_with(hub: &Hub, key: &str, certificate: Option<&str>) -> Finished {
    let device = device();
    let [cert_file, key_file] = device.pem_files().map(|file| format!("certs/{file}"));
    let mut launch = Launch::new(&sdk::CERT.sample("mqtt_sample")).device(&device).url(hub, "wss");
    launch = launch.file(&key_file, key);
    if let Some(certificate) = certificate {
        launch = launch.file(&cert_file, certificate);
    }
    launch.run()
}

#[test]
fn a_key_that_cannot_sign_is_refused_before_anything_is_sent() {
    let hub = Hub::start(&[&device()]);
    let keys = [
        ("empty", String::new()),
        ("no PEM", "-----BEGIN PRIVATE KEY-----\nbm8=\n-----END PRIVATE KEY-----\n".into()),
        ("encrypted", key(&ENCRYPTED)),
        ("not RSA", key(&ELLIPTIC)),
        ("512 bits", key(&RSA_512)),
    ];
    for (kind, key) in &keys {
        let finished = run_with(&hub, key, None);
        finished.expect(23);
        assert_eq!(finished.with("failed: -702").len(), 1, "{kind}\n{}", finished.output);
    }
    assert_eq!(hub.events(&Query::all()).iter().filter(|event| event.text("type") == "tls").count(), 0);
}

#[test]
fn a_missing_key_file_is_refused() {
    let hub = Hub::start(&[&device()]);
    let file = r#"{"auth_mode": "CERT", "region": "china", "productId": "CERTDEMO01", "deviceName": "lock1",
        "cert_deviceinfo": {"devCertFile": "nowhere.cert.pem", "devPrivateKeyFile": "nowhere.key.pem"}}"#;
    let launch = Launch::new(&sdk::CERT.sample("mqtt_sample")).file("device_info.json", file);
    let finished = launch.url(&hub, "wss").run();
    finished.expect(23);
    assert_eq!(finished.with("failed: -702").len(), 1, "{}", finished.output);
}

/// A short RSA key is taken with a warning; that it is not the registered one is for the hub to say.
#[test]
fn a_short_key_is_used_with_a_warning() {
    let hub = Hub::start(&[&device()]);
    let key = key(&RSA_1024);
    let finished = run_with(&hub, &key, Some(&certificate(&key)));
    finished.expect(23);
    let told = finished.with("device key has only 1024 bits");
    assert_eq!(told.len(), 1, "{}", finished.output);
    assert_eq!(told[0].level, "WRN");
    assert_eq!(finished.with("Performing the SSL/TLS handshake...").len(), 1, "{}", finished.output);
}

/// On 8883 no password is signed, so any key will do that TLS takes. The server asks for the certificate and knows it.
#[test]
fn an_elliptic_key_logs_in_over_tls() {
    let device = device();
    let key = key(&ELLIPTIC);
    let own = certificate(&key);
    let files = "certfile {dir}/server.pem\nkeyfile {dir}/server.key\ncafile {dir}/device.pem\nrequire_certificate true";
    let broker = Broker::mosquitto(files, Secrets::default(), |directory| {
        Certificate::new(directory);
        std::fs::write(directory.join("device.pem"), &own).expect("certificate of the device");
    });
    let [cert_file, key_file] = device.pem_files().map(|file| format!("certs/{file}"));
    let launch = Launch::new(&sdk::CERT_TCP.sample("mqtt_sample")).device(&device);
    let launch = launch.file(&cert_file, &own).file(&key_file, &key).region(&broker.url("mqtts"));
    let mut run = launch.env("QCLOUD_IOT_CA_FILE", broker.directory.path().join("ca.pem")).start();
    run.wait_for("Cloud Device Construct Success");
    run.stop();
}
