//! Against the hub: the platform's side is real, over every transport and login.

use super::*;
use crate::support::device::Device;
use crate::support::event::Query;
use crate::support::hub::Hub;
use crate::support::sdk::Config;
use serde_json::{Value, json};
use std::path::Path;

const PRODUCT: &str = "A1B2C3D4E5";

pub fn shadow_of(hub: &Hub, device: &Device) -> Value {
    hub.command("GET", &format!("/shadow/{}", device.id()), None)["shadow"]["state"].take()
}

pub fn desire(hub: &Hub, device: &Device, desired: Value) -> Value {
    let body = json!({"desired": desired, "merge": true});
    hub.command("POST", &format!("/shadow/{}/desired", device.id()), Some(body))
}

/// A program that trusts the hub; options of `construct` for this device.
fn start(config: &Config, hub: &Hub, device: &Device, listener: &str) -> (Driver, String) {
    let mut options = format!("url={} name={}", hub.url(listener), device.name);
    match &device.secret {
        Some(secret) => options += &format!(" secret={secret}"),
        None => {
            let [cert, key] = hub.issued(device).map(|(name, _)| hub.state_file("devices").join(name));
            options += &format!(" cert={} key={}", cert.display(), key.display());
        }
    }
    let ca = hub.ca_file();
    let wrapper = ["env", &format!("QCLOUD_IOT_CA_FILE={}", ca.display())].map(String::from);
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let mut driver = Driver::start(&wrapper, Path::new(&program(config)));
    driver.send(&format!("construct {options}"));
    driver.wait_for("construct = handle");
    (driver, options)
}

/// Reports, is asked for something, does it, and says so.
fn a_life(config: &Config, device: &Device, listener: &str) {
    let hub = Hub::start(&[device]);
    let (mut program, _) = start(config, &hub, device, listener);
    program.run("property 0 t int32 21", "property = 0");
    program.run("property 1 on bool true", "property = 0");
    program.run("register 1", "register = 0");
    program.run("build report 0 1", "build = 0");
    program.run("updatesync", "updatesync = 0 ");
    assert_eq!(shadow_of(&hub, device)["reported"], json!({"t": 21, "on": true}));
    assert_eq!(desire(&hub, device, json!({"on": false}))["delivered"], 1);
    program.yield_until(r#"delta on = false of handle len=12 json={"on":false}"#, &[0]);
    program.run("build clear 1", "build = 0");
    program.run("updatesync", "updatesync = 0 ");
    assert_eq!(shadow_of(&hub, device), json!({"reported": {"t": 21, "on": false}}));
    // A desire while the device is away comes with the document.
    program.run("destroy", "destroy = 0");
    // The packet, and the end of the connection.
    hub.wait(&Query::kind("disconnect").device(device).count(2));
    assert_eq!(desire(&hub, device, json!({"on": true}))["delivered"], 0);
    let (mut program, _) = start(config, &hub, device, listener);
    program.run("property 1 on bool false", "property = 0");
    program.run("register 1", "register = 0");
    program.send("getsync");
    program.expect("delta on = true of handle");
    program.expect("getsync = 0 ");
    program.run("build desirenull", "build = 0");
    program.run("updatesync", "updatesync = 0 ");
    assert!(shadow_of(&hub, device)["desired"].is_null());
    program.run("build overwrite 1", "build = 0");
    program.run("updatesync", "updatesync = 0 ");
    assert_eq!(shadow_of(&hub, device), json!({"reported": {"on": true}}));
    program.run("destroy", "destroy = 0");
    program.finish();
}

#[test]
fn a_life_over_ws() {
    a_life(&sdk::KEY, &Device::key(PRODUCT, "over-ws"), "ws");
}

#[test]
fn a_life_over_wss() {
    a_life(&sdk::KEY, &Device::key(PRODUCT, "over-wss"), "wss");
}

#[test]
fn a_life_over_tcp() {
    a_life(&sdk::KEY, &Device::key(PRODUCT, "over-tcp"), "mqtt");
}

#[test]
fn a_life_over_tls() {
    a_life(&sdk::KEY, &Device::key(PRODUCT, "over-tls"), "mqtts");
}

#[test]
fn a_life_with_a_certificate() {
    for listener in ["wss", "mqtts"] {
        a_life(&sdk::CERT, &Device::cert(PRODUCT, &format!("cert-{listener}")), listener);
    }
}

#[test]
fn desired_members_are_dropped_one_by_one() {
    let device = Device::key(PRODUCT, "picky");
    let hub = Hub::start(&[&device]);
    let (mut program, _) = start(&sdk::KEY_PLAIN, &hub, &device, "ws");
    desire(&hub, &device, json!({"a": 1, "b": {"c": 2}, "d": 3}));
    program.run("property 0 a int32", "property = 0");
    program.run("property 1 b object", "property = 0");
    program.run("build propnull 0 1", "build = 0");
    program.run("updatesync", "updatesync = 0 ");
    assert_eq!(shadow_of(&hub, &device)["desired"], json!({"d": 3}));
    program.run("destroy", "destroy = 0");
    program.finish();
}

#[test]
fn the_hub_drops_and_refuses() {
    let device = Device::key(PRODUCT, "unlucky");
    let hub = Hub::start(&[&device]);
    let (mut program, _) = start(&sdk::KEY_PLAIN, &hub, &device, "mqtt");
    hub.fault(json!({"action": "drop", "service": "shadow", "count": 4}));
    program.run("build report", "build = 0");
    program.run("updatesync timeout=300", "updatesync = -203 ");
    program.run("getsync timeout=300", "getsync = -205 ");
    program.run("build report", "build = 0");
    program.run("update timeout=300", "update = 0 ");
    program.run("get timeout=600", "get = 0 ");
    program.yield_until("request update ack=-2 of handle json=", &[0]);
    program.yield_until("request get ack=-2 of handle json=", &[0]);
    hub.fault(json!({"action": "force_result", "service": "shadow", "result": 5003, "count": 3}));
    program.run("build report", "build = 0");
    program.run("updatesync", "updatesync = -204 ");
    program.run("getsync", "getsync = -206 ");
    program.run("get", "get = 0 ");
    let (_, line) = program.yield_until("request get ack=-1", &[0]);
    assert!(line.contains(r#""result":5003"#), "{line}");
    program.run("getsync", "getsync = 0 ");
    program.run("destroy", "destroy = 0");
    program.finish();
}

/// A thousand reports, desires in between, connections that break: at the end both sides have the same.
#[test]
fn a_thousand_updates_end_with_both_sides_equal() {
    let device = Device::key(PRODUCT, "busy");
    let hub = Hub::start(&[&device]);
    let (mut program, _) = start(&sdk::KEY_PLAIN, &hub, &device, "ws");
    program.run("property 0 count int32 0", "property = 0");
    program.run("property 1 wish int32 0", "property = 0");
    program.run("register 1", "register = 0");
    program.run("build report 0 1", "build = 0");
    program.run("updatesync", "updatesync = 0 ");
    program.run("loglevel 1", "loglevel = 1");
    program.send("storm 1000");
    let reports = Query::packet("publish").device(&device).by_device();
    let mut wish = 0;
    for round in 1..=9 {
        hub.wait(&reports.clone().count(round * 100));
        wish = round;
        desire(&hub, &device, json!({"wish": wish}));
        if round % 3 == 2 {
            hub.kick(&device);
        }
    }
    program.expect("storm = 1000 result=0");
    program.run("settle", &format!("settle = 1000,{wish} rejected=0"));
    assert_eq!(shadow_of(&hub, &device), json!({"reported": {"count": 1000, "wish": wish}}));
    program.run("destroy", "destroy = 0");
    program.finish();
}
