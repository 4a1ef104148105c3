//! Local IoT Hub: plays the cloud for devices under development and test.
//!
//! A connection's way: `listener` accepts, `connection` runs TLS (`tls`) and the upgrade (`ws`), `incoming` takes packets (`reader`,
//! `codec`) in order, `auth` decides about CONNECT, `broker` about everything after it, `link` applies faults to what goes out and
//! `writer` writes it.
//! A publish on a topic of a service goes through `service` to the file with the service's name.
//! `offline` is the same hub without sockets, for fuzz targets.
//! `admin` is the console, `ctl` its command line. `conformance` is no hub but the other side of the program that checks ports.
//! Shares no code with the device SDK, so that neither can hide the other's mistakes.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]
#![forbid(unsafe_code)]

mod acl;
mod admin;
mod auth;
mod broadcast;
mod broker;
mod ca;
mod cli;
mod clock;
mod codec;
mod config;
mod conformance;
mod connection;
mod ctl;
mod events;
mod faults;
mod gateway;
mod hub;
mod incoming;
mod json;
mod link;
mod listener;
pub mod offline;
mod reader;
mod registry;
mod remote_config;
mod rrpc;
mod rules;
mod serve;
mod service;
mod session;
mod shadow;
mod state;
mod stream;
mod time_service;
mod tls;
mod topic;
mod writer;
mod ws;
mod ws_tap;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, Where};

/// Exit status of a hub that cannot start.
const CANNOT_START: u8 = 2;

/// The program: what its command line asks for.
pub fn main() -> ExitCode {
    let (result, failure) = match Cli::parse().command {
        Command::Serve(args) => (serve::run(&args).map(|()| true), CANNOT_START),
        Command::Ctl(args) => (ctl::run(&args), 1),
        Command::ConformancePeer(args) => (conformance::run(&args).map(|()| true), CANNOT_START),
        Command::Ca(place) => (print_ca(&place).map(|()| true), 1),
        Command::Reset(args) => {
            (state_dir(&args.place).and_then(|d| state::reset(&d, args.keep_ca)).map(|()| true), 1)
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(failure)
        }
    }
}

fn print_ca(place: &Where) -> Result<(), String> {
    let authorities = ca::Authorities::open(&state_dir(place)?)?;
    let pem = authorities.server_ca.certificate.to_pem().map_err(|e| e.to_string())?;
    print!("{}", String::from_utf8_lossy(&pem));
    Ok(())
}

fn state_dir(place: &Where) -> Result<PathBuf, String> {
    match (&place.state_dir, &place.config) {
        (Some(dir), _) => Ok(dir.clone()),
        (None, Some(file)) => Ok(config::load(file)?.server.state_dir),
        (None, None) => Err("give --config or --state-dir".into()),
    }
}
