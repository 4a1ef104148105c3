//! `shadow_sample`, with a console that desires things of it.

use super::hub::{desire, shadow_of};
use crate::support::device::Device;
use crate::support::event::Query;
use crate::support::hub::Hub;
use crate::support::program::Launch;
use crate::support::sdk::{self, Config};
use serde_json::json;

const PRODUCT: &str = "A1B2C3D4E5";

fn run(config: &Config, device: &Device, listener: &str) {
    let hub = Hub::start(&[device]);
    // While the device is away.
    desire(&hub, device, json!({"updateCount": 40}));
    let mut sample = Launch::new(&config.sample("shadow_sample")).device(device).url(&hub, listener).start();
    sample.wait_for(r#"delta: {"updateCount":40}, updateCount is 40 now"#);
    sample.wait_for("shadow fetched");
    sample.wait_for("updateCount 40 reported");
    assert!(shadow_of(&hub, device)["desired"].is_null(), "dropped before the next report");
    desire(&hub, device, json!({"updateCount": 900}));
    sample.wait_for(r#"delta: {"updateCount":900}, updateCount is 900 now"#);
    sample.wait_for("updateCount 900 reported");
    let answers = Query::packet("publish").device(device).by_hub();
    let answered = hub.wait(&answers.count(6));
    assert!(answered.iter().all(|event| event.text("topic").starts_with("$shadow/operation/result/")));
    let finished = sample.stop();
    assert!(finished.with("request 1 ended").is_empty(), "{}", finished.output);
    let state = shadow_of(&hub, device);
    assert!(state["reported"]["updateCount"].as_i64() >= Some(900) && state["desired"].is_null(), "{state}");
}

#[test]
fn the_sample_over_ws() {
    run(&sdk::KEY, &Device::key(PRODUCT, "sample-ws"), "ws");
}

#[test]
fn the_sample_over_tcp() {
    run(&sdk::KEY, &Device::key(PRODUCT, "sample-tcp"), "mqtt");
}

#[test]
fn the_sample_over_wss_with_a_certificate() {
    run(&sdk::CERT, &Device::cert(PRODUCT, "sample-cert"), "wss");
}

#[test]
fn the_sample_ends_without_a_device_file() {
    let finished = Launch::new(&sdk::KEY.sample("shadow_sample")).run();
    finished.expect(23);
}
