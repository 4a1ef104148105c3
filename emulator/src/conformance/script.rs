//! The commands of a connection: one line, commands separated by `;`, done in turn. Then the next line is read.
//!
//! | command | what this side does |
//! |---|---|
//! | `send N` | sends N bytes of the pattern, which goes on from command to command |
//! | `pause MS` | nothing, and reads nothing |
//! | `check` | reads the pattern up to a line end and answers `good N` or `bad N`: bytes read, bytes as they must be |
//! | `close`, `reset` | ends the connection in order, or breaks it off |
//! | `ports` | answers with the ports of TLS, of TLS with another name, and of nothing |
//! | `session` | answers with version, suite, server name, PSK identity and client's name of this TLS session, `-` for none |
//! | `authority`, `other-authority` | answers with the length of a PEM text, a line end, and the text |
//! | `verify DATA SIGNATURE` | both in hex; answers `good` or `bad`: signed by the device's key, PKCS#1 v1.5 with SHA-256 |
//! | `time` | answers with seconds since 1970 |

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openssl::hash::MessageDigest;
use openssl::sign::Verifier;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream};

use super::Facts;

/// Longest line: a signature and what was signed, in hex.
const LONGEST_LINE: u64 = 8 * 1024;

/// Most bytes that one command sends.
const MOST: u64 = 16 << 20;

/// How a connection ends.
pub enum End {
    /// In order; with TLS it has said good-bye.
    Closed,
    /// It shall be broken off.
    Reset,
}

/// Byte number `at` of the pattern: printable, with a period that no buffer size divides.
fn pattern(at: u64) -> u8 {
    b'!' + (at % 93) as u8
}

/// Does what the other side says until one of them ends the connection.
pub async fn play<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    facts: &Facts,
    session: &Value,
) -> io::Result<End> {
    let mut side = Side { stream: BufStream::new(stream), sent: 0, checked: 0 };
    loop {
        let mut line = String::new();
        let mut limited = (&mut side.stream).take(LONGEST_LINE);
        if limited.read_line(&mut line).await? == 0 {
            return Ok(End::Closed);
        }
        for command in line.trim_end().split(';') {
            match side.obey(command.trim(), facts, session).await? {
                None => side.stream.flush().await?,
                Some(end) => return Ok(end),
            }
        }
    }
}

struct Side<'a, S> {
    stream: BufStream<&'a mut S>,
    /// Positions in the patterns.
    sent: u64,
    checked: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Side<'_, S> {
    async fn obey(&mut self, command: &str, facts: &Facts, session: &Value) -> io::Result<Option<End>> {
        let mut words = command.split_whitespace();
        let name = words.next().unwrap_or_default();
        match (name, words.next(), words.next()) {
            ("send", Some(count), None) => self.send(number(count)?).await?,
            ("pause", Some(ms), None) => tokio::time::sleep(Duration::from_millis(number(ms)?)).await,
            ("check", None, None) => self.check().await?,
            ("close", None, None) => {
                self.stream.shutdown().await?;
                return Ok(Some(End::Closed));
            }
            ("reset", None, None) => return Ok(Some(End::Reset)),
            ("ports", None, None) => {
                let [tls, other, closed] = facts.ports;
                self.answer(&format!("{tls} {other} {closed}")).await?;
            }
            ("session", None, None) => self.answer(&told(session)).await?,
            ("authority", None, None) => self.hand_out(&facts.authority).await?,
            ("other-authority", None, None) => self.hand_out(&facts.other_authority).await?,
            ("verify", Some(data), Some(signature)) => {
                let good = verify(facts, data, signature);
                self.answer(if good { "good" } else { "bad" }).await?;
            }
            ("time", None, None) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                self.answer(&now.as_secs().to_string()).await?;
            }
            _ => return Err(io::Error::other(format!("unknown command \"{command}\""))),
        }
        Ok(None)
    }

    async fn send(&mut self, count: u64) -> io::Result<()> {
        if count > MOST {
            return Err(io::Error::other(format!("send {count}: at most {MOST}")));
        }
        let bytes: Vec<u8> = (self.sent..self.sent + count).map(pattern).collect();
        self.sent += count;
        self.stream.write_all(&bytes).await
    }

    async fn check(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.stream.read_until(b'\n', &mut bytes).await?;
        bytes.pop_if(|last| *last == b'\n');
        let good = bytes.iter().zip(self.checked..).take_while(|(byte, at)| **byte == pattern(*at)).count();
        self.checked += bytes.len() as u64;
        let verdict = if good == bytes.len() { "good" } else { "bad" };
        self.answer(&format!("{verdict} {good}")).await
    }

    async fn hand_out(&mut self, text: &[u8]) -> io::Result<()> {
        self.answer(&text.len().to_string()).await?;
        self.stream.write_all(text).await
    }

    async fn answer(&mut self, line: &str) -> io::Result<()> {
        self.stream.write_all(line.as_bytes()).await?;
        self.stream.write_all(b"\n").await
    }
}

fn number(word: &str) -> io::Result<u64> {
    word.parse().map_err(|_| io::Error::other(format!("\"{word}\" is no number")))
}

fn told(session: &Value) -> String {
    let word = |name: &str| session.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    ["version", "suite", "sni", "psk_identity", "client_certificate"].map(word).join(" ")
}

fn verify(facts: &Facts, data: &str, signature: &str) -> bool {
    let (Ok(data), Ok(signature)) = (hex::decode(data), hex::decode(signature)) else { return false };
    let verifier = Verifier::new(MessageDigest::sha256(), &facts.device_key);
    verifier.and_then(|mut verifier| verifier.verify_oneshot(&signature, &data)).unwrap_or(false)
}
