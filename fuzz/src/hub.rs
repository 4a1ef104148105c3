//! The local hub in memory: one for the process, as new for every input, with a clock that jumps to what is awaited.

use iot_hub_emulator::offline::Offline;
use iot_sdk::mqtt::packet::{ConnectFields, connect};
use std::cell::RefCell;
use std::time::Duration;
use std::{env, fs, process};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::runtime::{Builder, Runtime};

/// Longer than any time-out of the hub.
const HOUR: Duration = Duration::from_secs(3600);
/// What may wait on the way, in bytes.
const ROOM: usize = 1 << 20;

struct Setup {
    runtime: Runtime,
    hub: Offline,
}

thread_local! {
    static SETUP: RefCell<Setup> = RefCell::new(Setup::new());
}

impl Setup {
    fn new() -> Setup {
        let directory = env::temp_dir().join(format!("iot-fuzz-hub-{}", process::id()));
        fs::create_dir_all(&directory).expect("a directory for the hub");
        let file = directory.join("hub.toml");
        fs::write(&file, include_str!("../hub.toml")).expect("the hub's registry");
        // The clock of the runtime stands until everybody waits, and then jumps.
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        Setup { runtime: runtime.expect("a runtime"), hub: Offline::open(&file).expect("a hub") }
    }
}

/// Runs `test` with a hub that knows nothing but its registry.
pub fn with_hub<R>(test: impl AsyncFnOnce(&Offline) -> R) -> R {
    SETUP.with_borrow_mut(|setup| {
        setup.hub.reset().expect("a hub as new");
        setup.runtime.block_on(test(&setup.hub))
    })
}

/// Everything the hub says on a connection on which the client sends these pieces, waits, and leaves.
pub async fn converse(hub: &Offline, listener: &'static str, pieces: impl Iterator<Item = &[u8]>) -> Vec<u8> {
    let (near, far) = duplex(ROOM);
    let client = async {
        let (mut reader, mut writer) = split::<DuplexStream>(near);
        let sending = async {
            for piece in pieces {
                // The hub may have hung up.
                if writer.write_all(piece).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let _hung_up = writer.shutdown().await;
        };
        let mut heard = Vec::new();
        let (_, read) = tokio::join!(sending, reader.read_to_end(&mut heard));
        read.expect("a memory stream");
        heard
    };
    let both = async { tokio::join!(hub.serve(listener, far), client).1 };
    tokio::time::timeout(HOUR, both).await.expect("a connection comes to an end")
}

/// Name and password of the device `lamp-01`, or of the gateway.
pub fn signed_connect(is_gateway: bool, clean_session: bool) -> Vec<u8> {
    let (client_id, signature) = if is_gateway {
        ("GATEWAY001hall", "a7e504389e4470a4412f0b0ca0fdd63bf18db2fc")
    } else {
        ("A1B2C3D4E5lamp-01", "e227c29a19d74b5bb2434396c2910b58aa54e581")
    };
    connect(&ConnectFields {
        client_id,
        user_name: &format!("{client_id};12010126;abcde;9223372036854775807"),
        password: Some(&format!("{signature};hmacsha1")),
        keep_alive_s: 0,
        clean_session,
    })
    .expect("short fields")
}
