//! The faults of `bytes.rs` over plain TCP, where packets follow each other without frames, and over wss, where nobody
//! outside sees what a byte means.

use std::time::Duration;

use crate::support::proxy::{Fault, Kind, Plan, Side};

use super::bytes::{cases, check_break, name};
use super::crowd::{Crowd, DETECTION, LINK, Outcome, SLACK, UPGRADE};
use super::stream::Stream;

/// Command timeout: many sessions at a time must not make an answer late that was not delayed.
const PATIENT: Duration = Duration::from_secs(3);

/// All steps are 1 in the full run.
fn step(otherwise: usize) -> usize {
    if std::env::var_os("IOT_FULL").is_some() { 1 } else { otherwise }
}

// covers: Link / cut at every byte of a session, both directions | tcp | more than 300 sessions
// covers: Link / stalled at every third byte (full: every byte) | tcp | more than 100 sessions (full: 300)
// covers: Link / reset at every fifth byte (full: every byte) | tcp | more than 60 sessions (full: 300)
#[test]
fn every_byte_may_be_the_last_over_tcp() {
    let crowd = Crowd::with_timeout("mqtt", PATIENT);
    let outcome = crowd.one(Plan::default());
    outcome.finished.expect(0);
    let stream = Stream::of_tcp(&outcome);
    let mut all = cases(&stream, 1, &[Kind::Cut]);
    assert!(all.len() > 300, "{} cases", all.len());
    for (kind, step, least) in [(Kind::Stall, step(3), 100), (Kind::Reset, step(5), 60)] {
        let more = cases(&stream, step, &[kind]);
        assert!(more.len() > least, "{} cases", more.len());
        all.extend(more);
    }
    crowd.all(all, name, check_break);
}

// covers: Link / late, garbage or repeated bytes at every eleventh byte (full: every byte) | tcp | more than 100 sessions
#[test]
fn bytes_may_be_late_or_wrong_over_tcp() {
    let crowd = Crowd::with_timeout("mqtt", PATIENT);
    let stream = Stream::of_tcp(&crowd.one(Plan::default()));
    let delay = Kind::Delay(Duration::from_millis(500));
    crowd.all(cases(&stream, step(11), &[delay]), name, |_, outcome| {
        outcome.finished.expect(0);
        assert_eq!((outcome.told("lost"), outcome.destroyed(), outcome.links.len()), (0, 0, 1));
    });
    let kinds = [Kind::Insert(vec![0xff; 3]), Kind::Repeat(2), Kind::Repeat(9)];
    let cases = cases(&stream, step(11), &kinds);
    assert!(cases.len() > 80, "{} cases", cases.len());
    crowd.all(cases, name, |_, outcome| check_opaque(outcome));
}

// covers: Link / throttled to one byte in 10 ms, both directions | tcp, ws | 2 sessions
#[test]
fn a_byte_in_ten_milliseconds_is_enough() {
    for listener in ["mqtt", "ws"] {
        let crowd = Crowd::with_timeout(listener, Duration::from_secs(15));
        let plan = Plan { single_bytes: Some(Duration::from_millis(10)), ..Plan::default() };
        let outcome = crowd.one(plan);
        outcome.finished.expect(0);
        assert_eq!((outcome.told("lost"), outcome.links.len()), (0, 1), "{listener}");
    }
}

// covers: Link / cut, stalled, reset, repeated or altered at every 149th byte (full: cut at every byte, the others at every seventh) | wss | more than 150 sessions (full: more than 8,000)
#[test]
fn any_byte_of_tls_may_break() {
    let crowd = Crowd::with_timeout("wss", PATIENT);
    let outcome = crowd.one(Plan::default());
    outcome.finished.expect(0);
    let link = &outcome.links[0];
    let mut all = Vec::new();
    for (kind, full) in
        [(Kind::Cut, 1), (Kind::Stall, 7), (Kind::Reset, 7), (Kind::Repeat(5), 7), (Kind::Insert(vec![0]), 7)]
    {
        let step = if step(0) == 1 { full } else { 149 };
        for (from, len) in [(Side::Client, link.from_client.len()), (Side::Server, link.from_server.len())] {
            for after in (0..len).step_by(step) {
                let fault = Fault { from, after, kind: kind.clone() };
                all.push((fault.clone(), Plan { fault: Some(fault), ..Plan::default() }));
            }
        }
    }
    assert!(all.len() > 150, "{} cases", all.len());
    let name = |fault: &Fault| format!("{fault:?}");
    crowd.all(all, name, |_, outcome| check_opaque(outcome));
}

/// Came through in the end, with known codes, at most two losses, and no call above its limits.
fn check_opaque(outcome: &Outcome) {
    outcome.finished.expect(0);
    let codes = outcome.constructs();
    // An altered login is refused.
    let known = |code: i32| matches!(code, 0 | -3 | -5 | -11 | -110 | -111 | -118..=-112 | -608..=-606 | -708..=-701 | -1001);
    assert!(codes.iter().all(|(code, _)| known(*code)), "{codes:?}");
    let limit = LINK + LINK + UPGRADE + outcome.command_timeout + SLACK;
    assert!(codes.iter().all(|(_, time)| *time <= limit), "{codes:?}");
    // The second one is that of a login which was broken off, reached the hub late, and displaced the next.
    assert!(outcome.told("lost") <= 2);
    let yielded = Duration::from_millis(outcome.told("longest_yield_ms"));
    assert!(
        yielded <= DETECTION.max(Duration::from_millis(2050)) + SLACK,
        "a Yield of 50 ms took {yielded:?}"
    );
}
