//! The faults of `bytes.rs` over plain TCP, where packets follow each other without frames, and over wss, where nobody
//! outside sees what a byte means.

use std::time::Duration;

use crate::support::proxy::{Fault, Kind, Plan, Record, Side};

use super::bytes::{LATE, cases, check_break, check_nothing, name};
use super::crowd::{Crowd, DETECTION, LINK, LONGEST, Outcome, SLACK, UPGRADE};
use super::stream::Stream;
use super::{by_run, over};

// covers: Link / cut at every byte of a session, both directions | tcp | more than 300 sessions
// covers: Link / stalled at every third byte (full: every byte) | tcp | more than 100 sessions (full: 300)
// covers: Link / reset at every fifth byte (full: every byte) | tcp | more than 60 sessions (full: 300)
#[test]
fn every_byte_may_be_the_last_over_tcp() {
    let crowd = Crowd::over("mqtt");
    let outcome = crowd.one(Plan::default());
    outcome.finished.expect(0);
    let stream = Stream::of_tcp(&outcome);
    let mut all = cases(&stream, 1, &[Kind::Cut]);
    assert!(all.len() > 300, "{} cases", all.len());
    for (kind, otherwise, least) in [(Kind::Stall, 3, 100), (Kind::Reset, 5, 60)] {
        let more = cases(&stream, by_run(otherwise, 1), &[kind]);
        assert!(more.len() > by_run(least, 300), "{} cases", more.len());
        all.extend(more);
    }
    crowd.all(all, name, check_break);
}

// covers: Link / late by half a second at every eleventh byte (full: every byte) | tcp | more than 25 sessions (full: 300)
#[test]
fn any_byte_may_be_late_over_tcp() {
    let crowd = Crowd::with_timeout("mqtt", LONGEST);
    let stream = Stream::of_tcp(&crowd.one(Plan::default()));
    let cases = cases(&stream, by_run(11, 1), &[LATE]);
    assert!(cases.len() > by_run(25, 300), "{} cases", cases.len());
    crowd.all(cases, name, |_, outcome| check_nothing(outcome));
}

// covers: Link / two or nine bytes repeated, or garbage, at every eleventh byte (full: every byte) | tcp | more than 75 sessions (full: 900)
#[test]
fn any_byte_may_be_followed_by_garbage_over_tcp() {
    let crowd = Crowd::over("mqtt");
    let stream = Stream::of_tcp(&crowd.one(Plan::default()));
    let kinds = [Kind::Repeat(2), Kind::Repeat(9), Kind::Insert(vec![0xff; 3])];
    let all = cases(&stream, by_run(11, 1), &kinds);
    assert!(all.len() > by_run(75, 900), "{} cases", all.len());
    crowd.all(all, name, |case, outcome| check_opaque(&case.fault, outcome));
}

// covers: Link / throttled to one byte in 10 ms, both directions | tcp, tls, ws | 3 sessions
#[test]
fn a_byte_in_ten_milliseconds_is_enough() {
    over(&["mqtt", "mqtts", "ws"], |listener| {
        let crowd = Crowd::with_timeout(listener, LONGEST);
        check_nothing(&crowd.one(throttled_after(0)));
    });
}

/// The certificates of a server alone take longer than any handshake may: Construct says so in time. For a connection that
/// stands such a link is enough.
// covers: Link / throttled to one byte in 10 ms, both directions, from the first byte (-704) or from CONNECT on | wss | 2 sessions
#[test]
fn a_byte_in_ten_milliseconds_is_enough_behind_certificates() {
    let crowd = Crowd::with_timeout("wss", LONGEST);
    let whole = crowd.one(Plan::default());
    let behind = end_of_upgrade(&whole.links[0].from_client);
    let jobs = [0, behind].map(|after| (after, throttled_after(after)));
    let name = |after: &usize| format!("throttled behind byte {after}");
    crowd.all(jobs.into(), name, |after, outcome| match after {
        0 => {
            outcome.finished.expect(0);
            let constructs = outcome.constructs();
            let [(-704, took), (0, _)] = constructs.as_slice() else { panic!("{constructs:?}") };
            let limits = LONGEST - Duration::from_millis(1)..LONGEST + SLACK;
            assert!(limits.contains(took), "{took:?}");
        }
        _ => check_nothing(outcome),
    });
}

fn throttled_after(bytes: usize) -> Plan {
    Plan { single_bytes: Some(Duration::from_millis(10)), single_after: bytes, ..Plan::default() }
}

/// Where the upgrade request of the SDK ends: the first encrypted record of this size, what ends the handshake is shorter.
/// [RFC 8446 §5.1]
fn end_of_upgrade(bytes: &[u8]) -> usize {
    const APPLICATION_DATA: u8 = 23;
    let mut at = 0;
    while let Some([kind, _, _, high, low]) = bytes.get(at..at + 5) {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        at += 5 + len;
        if *kind == APPLICATION_DATA && len > 200 {
            return at;
        }
    }
    panic!("no upgrade request");
}

// covers: Link / cut, stalled, reset, five bytes repeated, or one inserted at every 149th byte (full: every byte) | wss | more than 150 sessions (full: 20,000)
#[test]
fn any_byte_of_tls_may_break() {
    let crowd = Crowd::over("wss");
    let outcome = crowd.one(Plan::default());
    outcome.finished.expect(0);
    let link = &outcome.links[0];
    // Those that take longest come first.
    let kinds = [Kind::Stall, Kind::Reset, Kind::Repeat(5), Kind::Insert(vec![0]), Kind::Cut];
    let all: Vec<_> = kinds.iter().flat_map(|kind| opaque_cases(link, kind)).collect();
    assert!(all.len() > by_run(150, 20_000), "{} cases", all.len());
    crowd.all(all, |fault| format!("{fault:?}"), check_opaque);
}

// covers: Link / late by half a second at every 149th byte (full: every byte) | wss | more than 30 sessions (full: 4,000)
#[test]
fn any_byte_of_tls_may_be_late() {
    let crowd = Crowd::with_timeout("wss", LONGEST);
    let outcome = crowd.one(Plan::default());
    check_nothing(&outcome);
    let cases = opaque_cases(&outcome.links[0], &LATE);
    assert!(cases.len() > by_run(30, 4000), "{} cases", cases.len());
    crowd.all(cases, |fault| format!("{fault:?}"), |_, outcome| check_nothing(outcome));
}

/// A case for each 149th byte of both directions, in the full run for each byte.
fn opaque_cases(link: &Record, kind: &Kind) -> Vec<(Fault, Plan)> {
    let lens = [(Side::Client, link.from_client.len()), (Side::Server, link.from_server.len())];
    let places =
        lens.into_iter().flat_map(|(from, len)| (0..len).step_by(by_run(149, 1)).map(move |at| (from, at)));
    places
        .map(|(from, after)| {
            let fault = Fault { from, after, kind: kind.clone() };
            (fault.clone(), Plan { fault: Some(fault), ..Plan::default() })
        })
        .collect()
}

/// Came through in the end, with known codes, at most two losses, and no call above its limits.
fn check_opaque(fault: &Fault, outcome: &Outcome) {
    outcome.finished.expect(0);
    let codes = outcome.constructs();
    // A reset before the first byte may come while the SDK still connects.
    let is_early = |code: i32| code == -603 && fault.after == 0;
    // An altered login is refused.
    let known = |code: i32| {
        is_early(code)
            || matches!(code, 0 | -3 | -5 | -11 | -110 | -111 | -118..=-112 | -608..=-606 | -708..=-701 | -1001)
    };
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
