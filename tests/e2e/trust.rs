//! Who the device believes the server to be. [decisions.md §6, websocket.md §6]

use std::path::Path;
use std::process::Command;

use crate::session::{Transport, script};
use crate::support::device::Device;
use crate::support::hub::Hub;
use crate::support::log::Entry;
use crate::support::program::{Finished, Launch};
use crate::support::sdk;

fn device() -> Device {
    Device::key("7CN3UQ4VGT", "test1")
}

/// `mqtt_sample` whose public host names and made-up ones lead to this machine.
fn launch(device: &Device, hub: &Hub) -> Launch {
    launch_in(&sdk::KEY, device, hub)
}

/// Likewise, in another configuration.
fn launch_in(config: &sdk::Config, device: &Device, hub: &Hub) -> Launch {
    Launch::new(&sdk::reference_sample(config)).device(device).public_names(hub)
}

/// Construct failed with -702, and one line before says why.
fn refused(finished: &Finished, cause: &str) {
    finished.expect(23);
    assert_eq!(finished.with("failed: -702").len(), 1, "{}", finished.output);
    let causes: Vec<&Entry> = finished
        .entries
        .iter()
        .filter(|entry| entry.level == "ERR" && entry.text.to_lowercase().contains(cause))
        .collect();
    assert_eq!(causes.len(), 1, "no line with \"{cause}\"\n{}", finished.output);
    assert!(finished.with("websocket resp code").is_empty(), "nothing is sent to an unknown server");
}

/// The warnings of the TLS layer.
fn warnings(finished: &Finished) -> Vec<&Entry> {
    let is_one = |entry: &&Entry| entry.level == "WRN" && entry.file == "HAL_TLS_mbedtls.c";
    finished.entries.iter().filter(is_one).collect()
}

/// A device, the configuration it is built in and the listener it connects to: the server shows the same certificate to
/// both.
fn verifiers() -> [(Device, &'static sdk::Config, &'static str); 2] {
    [(device(), &sdk::KEY, "wss"), (Device::cert("CERTDEMO01", "lock1"), &sdk::CERT_TCP, "mqtts")]
}

// covers: Connecting / certificate of an unknown authority (strict) | tls, wss | 2
#[test]
fn defect_16_untrusted_server_by_url_is_refused() {
    for (device, config, listener) in verifiers() {
        let hub = Hub::start(&[&device]);
        let launch = launch_in(config, &device, &hub).env("QCLOUD_IOT_ENDPOINT", hub.url(listener));
        refused(&launch.run(), "unknown ca");
    }
}

// covers: Connecting / certificate of another host (strict) | tls, wss | 2
#[test]
fn server_of_another_name_is_refused() {
    for (device, config, listener) in verifiers() {
        let hub = Hub::start(&[&device]);
        // Leads to the hub, whose certificate has other names.
        let url = format!("{listener}://wrong.tencentdevices.com:{}", hub.port(listener));
        let launch = launch_in(config, &device, &hub).trusting(&hub).env("QCLOUD_IOT_ENDPOINT", url);
        refused(&launch.run(), "name");
    }
}

// covers: Connecting / expired certificate (strict) | tls, wss | 2
#[test]
fn expired_server_is_refused() {
    refused_with_dates("20200101000000Z", "20210101000000Z", "expired");
}

// covers: Connecting / certificate that is not valid yet (strict) | tls, wss | 2
#[test]
fn server_that_is_not_valid_yet_is_refused() {
    refused_with_dates("20900101000000Z", "20910101000000Z", "not yet valid");
}

fn refused_with_dates(start: &str, end: &str, cause: &str) {
    for (device, config, listener) in verifiers() {
        let mut hub = Hub::to_be_stopped(&[&device], &[]);
        hub.stop();
        set_dates(&hub, start, end);
        hub.resume();
        refused(&launch_in(config, &device, &hub).url(&hub, listener).run(), cause);
    }
}

/// Signs the server's certificate again, with these dates.
fn set_dates(hub: &Hub, start: &str, end: &str) {
    let directory = hub.state_file("ca");
    std::fs::write(directory.join("expire.cnf"), EXPIRE).expect("configuration");
    std::fs::write(directory.join("index.txt"), "").expect("index");
    let key = ["-signkey", "server.key.pem", "-copy_extensions", "copyall"];
    openssl(&directory, &[&["x509", "-x509toreq", "-in", "server.cert.pem", "-out", "server.csr"], &key[..]]);
    let dates = ["-startdate", start, "-enddate", end];
    let files = ["-config", "expire.cnf", "-in", "server.csr", "-out", "server.cert.pem"];
    openssl(&directory, &[&["ca", "-batch", "-notext"], &dates, &files]);
}

/// For `openssl ca`, which alone takes dates.
const EXPIRE: &str = "\
[ca]
default_ca = this
[this]
database = index.txt
new_certs_dir = .
certificate = server-ca.cert.pem
private_key = server-ca.key.pem
default_md = sha256
rand_serial = yes
policy = any
copy_extensions = copyall
[any]
commonName = supplied
";

fn openssl(directory: &Path, words: &[&[&str]]) {
    let mut command = Command::new("openssl");
    command.args(words.concat()).current_dir(directory);
    let done = command.output().unwrap_or_else(|e| panic!("openssl: {e}"));
    assert!(done.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&done.stderr));
}

/// Off: any server, and one warning.
#[test]
fn verification_can_be_switched_off() {
    let device = device();
    let hub = Hub::start(&[&device]);
    let launch = launch(&device, &hub).env("QCLOUD_IOT_ENDPOINT", hub.url("wss"));
    let finished = launch.env("QCLOUD_IOT_TLS_VERIFY", "off").run();
    finished.expect(0);
    assert_eq!(warnings(&finished).len(), 1, "{}", finished.output);
}

/// Public regions connect in any case, as ever, but an untrusted server is told: once per process.
#[test]
fn defect_16_untrusted_public_server_is_told_once() {
    let device = device();
    let hub = Hub::start(&[&device]);
    let mut run = launch(&device, &hub).arg("-l").start();
    run.wait_for("publish success");
    assert!(hub.kick(&device));
    run.wait_for("connection is back");
    run.wait_for("publish success");
    let finished = run.stop();
    let told = warnings(&finished);
    assert_eq!(told.len(), 1, "{}", finished.output);
    assert!(told[0].text.to_lowercase().contains("unknown ca"), "{}", told[0]);
}

/// A trusted public server is no news: the log is that of the reference, to the line.
#[test]
fn trusted_public_server_is_no_news() {
    let device = device();
    let hub = Hub::start(&[&device]);
    let finished = launch(&device, &hub).trusting(&hub).run();
    script(Transport::Wss, &device).check(&finished.entries);
    finished.expect(0);
}

/// Strict: public regions as well.
#[test]
fn strict_verification_refuses_public_servers_too() {
    let device = device();
    let hub = Hub::start(&[&device]);
    let finished = launch(&device, &hub).env("QCLOUD_IOT_TLS_VERIFY", "strict").run();
    refused(&finished, "unknown ca");
    launch(&device, &hub).trusting(&hub).env("QCLOUD_IOT_TLS_VERIFY", "strict").run().expect(0);
}

/// A certificate device on 8883 has always verified the server. [auth.md §3.4]
#[test]
fn certificate_device_over_tls_verifies() {
    let device = Device::cert("CERTDEMO01", "lock1");
    let hub = Hub::start(&[&device]);
    let sample = sdk::reference_sample(&sdk::CERT_TCP);
    let finished = Launch::new(&sample).device(&device).public_names(&hub).run();
    refused(&finished, "unknown ca");
}
