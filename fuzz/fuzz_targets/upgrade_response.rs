//! Arbitrary bytes in arbitrary pieces as the answer to an upgrade request.
//!
//! No panic, and the pieces make no difference. The first eight bytes of the input are the sizes of the pieces.
#![no_main]

use fuzz_support as _;
use iot_sdk::transport::websocket::{Progress, Upgrade, UpgradeError};
use libfuzzer_sys::fuzz_target;

/// Bytes after the response, or the error; `None` if the response is not complete.
fn outcome(stream: &[u8], mut size: impl FnMut() -> usize) -> Option<Result<usize, UpgradeError>> {
    let mut upgrade = Upgrade::new(b"the sample nonce");
    let mut rest = stream;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(size().clamp(1, rest.len()));
        rest = after;
        assert!((1..=16 * 1024).contains(&upgrade.need()));
        match upgrade.feed(piece) {
            Ok(Progress::More) => {}
            Ok(Progress::Done { surplus }) => return Some(Ok(surplus.len() + rest.len())),
            Err(error) => {
                assert_eq!(upgrade.closed(), error);
                return Some(Err(error));
            }
        }
    }
    None
}

fuzz_target!(|data: &[u8]| {
    let Some((sizes, stream)) = data.split_at_checked(8) else { return };
    let mut sizes = sizes.iter().cycle();
    let bulk = outcome(stream, || usize::MAX);
    let pieces = outcome(stream, || usize::from(*sizes.next().unwrap()));
    match (&bulk, &pieces) {
        // The body of a refusal is what came with the header, unless its length was announced.
        (Some(Err(a)), Some(Err(b))) if a.refusal().is_some() => {
            assert_eq!(a.refusal().map(|r| r.status), b.refusal().map(|r| r.status));
        }
        _ => assert_eq!(bulk, pieces),
    }
});
