//! The byte stream of a whole session over WebSocket, broken at every byte in both directions: always an orderly error
//! and a recovery, never a hang beyond the limits of docs/timeouts.md.

use std::time::Duration;

use crate::support::proxy::{Fault, Kind, Plan, Side};

use super::by_run;
use super::crowd::{Crowd, DETECTION, FIRST_WAIT, LONGEST, Outcome, SLACK, UPGRADE};
use super::stream::{Phase, Stream};

/// A fault and where it strikes.
pub struct Case {
    pub fault: Fault,
    pub phase: Phase,
}

pub const LATE: Kind = Kind::Delay(Duration::from_millis(500));

const CUT_CODES: [i32; 4] = [-3, -606, -607, -608];

/// The session that all faults are made of: each kind of packet is in it.
fn whole_stream(crowd: &Crowd) -> Stream {
    let outcome = crowd.one(Plan::default());
    outcome.finished.expect(0);
    assert_eq!((outcome.told("lost"), outcome.destroyed()), (0, 0));
    assert_eq!(outcome.odd_yields(), [""; 0]);
    let stream = Stream::of(&outcome);
    let sorted = |packets: &[u8]| {
        let mut packets = packets.to_vec();
        packets.sort_unstable();
        packets
    };
    // CONNECT, twice PUBLISH and PUBACK for the message that came back, SUBSCRIBE, PINGREQ, DISCONNECT, close.
    assert_eq!(sorted(&stream.client.packets), [0, 1, 3, 3, 4, 4, 8, 12, 14]);
    // CONNACK, twice the message and PUBACK, SUBACK, PINGRESP, close.
    assert_eq!(sorted(&stream.server.packets), [0, 2, 3, 3, 4, 4, 9, 13]);
    stream
}

/// A case for each `step`-th byte and kind; those that take longest come first. Each kind begins one byte behind the kind
/// before it, so that together they hit more bytes.
pub fn cases(stream: &Stream, step: usize, kinds: &[Kind]) -> Vec<(Case, Plan)> {
    let mut cases = Vec::new();
    for (number, kind) in kinds.iter().enumerate() {
        for side in [Side::Client, Side::Server] {
            for after in (number % step..=stream.side(side).len()).step_by(step) {
                let fault = Fault { from: side, after, kind: kind.clone() };
                let plan = Plan { fault: Some(fault.clone()), ..Plan::default() };
                cases.push((Case { fault, phase: stream.phase(side, after) }, plan));
            }
        }
    }
    cases.sort_by_key(|(case, _)| (!matches!(case.fault.kind, Kind::Stall), case.phase));
    cases
}

pub fn name(case: &Case) -> String {
    let Fault { from, after, kind } = &case.fault;
    format!("{kind:?} behind byte {after} from the {from:?}, phase {:?}", case.phase)
}

// covers: Link / cut or stalled at every byte of a session, both directions | ws | more than 1,500 sessions
#[test]
fn every_byte_may_be_the_last() {
    let crowd = Crowd::over("ws");
    let stream = whole_stream(&crowd);
    let cases = cases(&stream, 1, &[Kind::Cut, Kind::Stall]);
    assert!(cases.len() > 1500, "{} cases", cases.len());
    crowd.all(cases, name, check_break);
}

// covers: Link / reset at every fifth byte (full: every byte) | ws | more than 150 sessions (full: 750)
#[test]
fn any_byte_may_be_followed_by_a_reset() {
    let crowd = Crowd::over("ws");
    let stream = whole_stream(&crowd);
    let cases = cases(&stream, by_run(5, 1), &[Kind::Reset]);
    assert!(cases.len() > by_run(150, 750), "{} cases", cases.len());
    crowd.all(cases, name, check_break);
}

/// The connection ended within its limit, with the code for it, and a second one did the work.
pub fn check_break(case: &Case, outcome: &Outcome) {
    outcome.finished.expect(0);
    let link = &outcome.links[0];
    let is_leaving = case.phase == Phase::Leaving;
    let Some(fault_at) = link.fault_at else {
        // Only the end of the stream can be out of reach: the SDK waits for the other close frame, but not for long.
        assert!(is_leaving, "the fault did not happen");
        return;
    };
    assert_eq!(outcome.odd_yields(), [""; 0]);
    check_codes(case, outcome);
    let is_stall = matches!(case.fault.kind, Kind::Stall);
    if is_stall {
        let gone = link.client_gone.expect("the SDK gave the connection up");
        let limit = limit_of_stall(case.phase, outcome) + SLACK;
        assert!(gone - fault_at <= limit, "given up after {:?}, limit {limit:?}", gone - fault_at);
    } else if !is_leaving {
        let next = outcome.links[1].opened_at.expect("a second connection");
        let limit = FIRST_WAIT + SLACK;
        assert!(next - fault_at <= limit, "connected again after {:?}, limit {limit:?}", next - fault_at);
    }
    // Yield may be late by the rest of a packet (2 s), see docs/timeouts.md.
    let yielded = Duration::from_millis(outcome.told("longest_yield_ms"));
    assert!(yielded <= Duration::from_millis(2050) + SLACK, "a Yield of 50 ms took {yielded:?}");
}

fn limit_of_stall(phase: Phase, outcome: &Outcome) -> Duration {
    match phase {
        Phase::Upgrade => UPGRADE,
        Phase::Login => outcome.command_timeout,
        Phase::Session | Phase::Leaving => DETECTION,
    }
}

fn check_codes(case: &Case, outcome: &Outcome) {
    let is_stall = matches!(case.fault.kind, Kind::Stall);
    let constructs = outcome.constructs();
    let codes: Vec<i32> = constructs.iter().map(|(code, _)| *code).collect();
    let [rest @ .., last] = codes.as_slice() else { panic!("no Construct") };
    assert_eq!(*last, 0);
    match (case.phase, is_stall) {
        (Phase::Upgrade, true) => assert_eq!(rest, [-11]),
        (Phase::Login, true) => assert_eq!(rest, [-111]),
        (Phase::Upgrade | Phase::Login, false) => {
            // A reset before the first byte may come while the SDK still connects.
            let is_early = |code: i32| code == -603 && case.fault.after == 0;
            assert!(matches!(rest, [code] if CUT_CODES.contains(code) || is_early(*code)), "{codes:?}");
        }
        (Phase::Session | Phase::Leaving, _) => assert!(rest.is_empty(), "{codes:?}"),
    }
    let events = (outcome.told("lost"), outcome.told("reconnected"));
    match case.phase {
        Phase::Upgrade => assert_eq!(events, (0, 0)),
        // A login that was broken off may reach the hub late, and displace the next one.
        Phase::Login => assert!([(0, 0), (1, 1)].contains(&events), "{events:?}"),
        Phase::Session => assert_eq!(events, (1, 1)),
        // Whether the program sees the loss depends on who is faster.
        Phase::Leaving => assert!([(0, 0), (1, 0), (1, 1)].contains(&events), "{events:?}"),
    }
    // The last packets may meet a link that is just breaking.
    let allowed: &[i32] = if case.phase >= Phase::Login { &[0, -103, -607] } else { &[0] };
    assert!(allowed.contains(&outcome.destroyed()), "destroy = {}", outcome.destroyed());
}

// covers: Link / every byte by itself, 1 ms apart | ws | 1 session
#[test]
fn bytes_may_come_one_by_one() {
    let crowd = Crowd::over("ws");
    let plan = Plan { single_bytes: Some(Duration::from_millis(1)), ..Plan::default() };
    let outcome = crowd.one(plan);
    outcome.finished.expect(0);
    assert_eq!((outcome.told("lost"), outcome.destroyed(), outcome.links.len()), (0, 0, 1));
    assert_eq!(outcome.odd_yields(), [""; 0]);
}

/// Half a second of silence anywhere changes nothing.
// covers: Link / late by half a second at every eleventh byte (full: every byte) | ws | more than 70 sessions (full: 750)
#[test]
fn any_byte_may_be_late() {
    let crowd = Crowd::with_timeout("ws", LONGEST);
    let stream = whole_stream(&crowd);
    let cases = cases(&stream, by_run(11, 1), &[LATE]);
    assert!(cases.len() > by_run(70, 750), "{} cases", cases.len());
    crowd.all(cases, name, |_, outcome| check_nothing(outcome));
}

/// Nothing was noticed.
pub fn check_nothing(outcome: &Outcome) {
    outcome.finished.expect(0);
    assert_eq!((outcome.told("lost"), outcome.destroyed(), outcome.links.len()), (0, 0, 1));
}

/// Bytes that nobody sent, and bytes that come twice: the stream is out of step, which must end in another connection or,
/// where the bytes happen to mean something harmless, in nothing at all.
// covers: Link / two or nine bytes repeated, or garbage of two kinds, at every seventh byte (full: every byte) | ws | more than 400 sessions (full: 3,000)
#[test]
fn any_byte_may_be_followed_by_garbage() {
    let crowd = Crowd::over("ws");
    let stream = whole_stream(&crowd);
    let garbage = [Kind::Insert(vec![0xff; 3]), Kind::Insert(b"\r\n\r\n".to_vec())];
    let kinds = [[Kind::Repeat(2), Kind::Repeat(9)], garbage].concat();
    let all = cases(&stream, by_run(7, 1), &kinds);
    assert!(all.len() > by_run(400, 3000), "{} cases", all.len());
    crowd.all(all, name, |_, outcome| {
        outcome.finished.expect(0);
        let codes = outcome.constructs();
        assert!(codes.iter().all(|(code, _)| *code <= 0), "{codes:?}");
        let limit = UPGRADE + outcome.command_timeout + SLACK;
        assert!(codes.iter().all(|(_, time)| *time <= limit), "{codes:?}");
        let yielded = Duration::from_millis(outcome.told("longest_yield_ms"));
        assert!(yielded <= Duration::from_millis(2050) + SLACK, "a Yield of 50 ms took {yielded:?}");
    });
}
