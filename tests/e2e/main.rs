//! End to end: C programs, built from the archives and headers as users build theirs, against the local hub.
//!
//! # How to add a test
//!
//! Write a module beside this file and name it below. A test has its own hub (ports and state of its own) and its own
//! devices, so tests run at the same time without knowing of each other:
//!
//! ```ignore
//! #[test]
//! fn a_message_from_the_console_arrives() {
//!     let device = Device::key("ABCD1234EF", "lamp");
//!     let hub = Hub::start(&[&device]);
//!     let sample = sdk::KEY.sample("mqtt_sample");              // or KEY.compile("name", &["tests/c/name.c"])
//!     let mut run = Launch::new(&sample).device(&device).url(&hub, "wss").arg("-l").start();
//!     run.wait_for("publish success");                          // a line of its output, at the latest in 30 s
//!     hub.publish(&device.topic("data"), "hello", 0);
//!     run.wait_for("payload:hello");
//!     hub.wait(&Query::packet("puback").device(&device));       // something the hub saw
//! }
//! ```
//!
//! * `Launch` gives the program an empty working directory with `device_info.json`, and no right to set the clock.
//!   `url` sets the endpoint variable; `public_names` leaves the program its public host names and needs a program
//!   compiled together with `tests/c/local_names.c` (`sdk::reference_sample`).
//! * Wait for lines and events, never sleep. All waits have the limit `support::LIMIT`.
//! * `hub.fault(json!({"action": "delay", "packet": "suback", "ms": 120}))` and the other faults: emulator/src/faults.rs.
//! * What a program printed is compared with `log::Script`: chains of lines in causal order, see `reference.rs`.
//! * Programs and hubs end with their value. Each output is searched for secrets then (`support/secrets.rs`), and shown
//!   when the test failed.
//! * A test that keeps out a defect of the original (docs/deviations.md) is called `defect_NN_what_is_right`.

mod conformance;
mod counts;
mod device_keys;
mod faults;
mod interface;
mod peers;
mod ports;
mod reference;
mod samples;
mod services;
mod session;
mod support;
mod trust;
mod upgrade;
mod variants;
