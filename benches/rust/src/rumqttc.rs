//! rumqttc, in one thread: the task that publishes and the event loop take turns.
//!
//! The command line is that of `README.md`; the order of things is that of `contender.c`.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Outgoing, Packet, QoS, Transport};
use rustix::time::{ClockId, clock_gettime};

type Outcome<T> = Result<T, Box<dyn Error>>;

const TOPIC: &str = "BENCH00001/bench/data";
const IN_FLIGHT: u16 = 20;
const KEEP_ALIVE: Duration = Duration::from_secs(120);
/// Messages before those that are measured.
const WARM_UP: usize = 100;
/// Requests that wait for the event loop.
const QUEUE: usize = 100;
/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(60);

const USAGE: &str = "usage: rumqttc publish|receive|latency|connect|idle --url URL [--id ID] [--user NAME] [--password TEXT] \
                     [--qos 0|1] [--count N] [--payload BYTES] [--clients N] [--seconds N]";

struct Options {
    url: String,
    id: String,
    credentials: Option<(String, String)>,
    qos: usize,
    count: usize,
    payload: usize,
    clients: usize,
    seconds: usize,
}

impl Options {
    fn parse(words: impl Iterator<Item = String>) -> Outcome<Options> {
        let words: Vec<String> = words.collect();
        let (pairs, rest) = words.as_chunks::<2>();
        let mut given: HashMap<_, _> =
            pairs.iter().map(|[name, value]| (name.as_str(), value.clone())).collect();
        let mut number = |name, default| -> Outcome<usize> {
            given.remove(name).map_or(Ok(default), |text| Ok(text.parse()?))
        };
        let (qos, count, payload) = (number("--qos", 0)?, number("--count", 1)?, number("--payload", 64)?);
        let (clients, seconds) = (number("--clients", 1)?, number("--seconds", 0)?);
        let url = given.remove("--url").ok_or(USAGE)?;
        let id = given.remove("--id").unwrap_or_else(|| "BENCH00001bench".into());
        let credentials = given.remove("--user").zip(given.remove("--password"));
        if !given.is_empty() || !rest.is_empty() {
            return Err(USAGE.into());
        }
        Ok(Options { url, id, credentials, qos, count, payload, clients, seconds })
    }

    fn payload(&self) -> Bytes {
        vec![0; self.payload].into()
    }
}

/// A connected client.
struct Session {
    client: AsyncClient,
    events: EventLoop,
}

impl Session {
    async fn connect(options: &Options, id: &str) -> Outcome<Session> {
        let (scheme, place) = options.url.split_once("://").ok_or("no scheme")?;
        let (host, port) = place.split_once(':').ok_or("no port")?;
        let mut mqtt = if scheme == "ws" {
            let mut mqtt = MqttOptions::new(id, options.url.as_str(), 0);
            mqtt.set_transport(Transport::Ws);
            mqtt
        } else {
            MqttOptions::new(id, host, port.parse()?)
        };
        mqtt.set_keep_alive(KEEP_ALIVE).set_clean_session(true).set_inflight(IN_FLIGHT);
        if let Some((user, password)) = &options.credentials {
            mqtt.set_credentials(user, password);
        }
        let (client, events) = AsyncClient::new(mqtt, QUEUE);
        let mut session = Session { client, events };
        match session.next().await? {
            Event::Incoming(Packet::ConnAck(_)) => Ok(session),
            other => Err(format!("{other:?} instead of CONNACK").into()),
        }
    }

    async fn disconnect(mut self) -> Outcome<()> {
        self.client.disconnect().await?;
        while self.next().await? != Event::Outgoing(Outgoing::Disconnect) {}
        Ok(())
    }

    async fn next(&mut self) -> Outcome<Event> {
        Ok(tokio::time::timeout(PATIENCE, self.events.poll()).await??)
    }

    async fn subscribe(&mut self) -> Outcome<()> {
        self.client.subscribe(TOPIC, QoS::AtMostOnce).await?;
        while !matches!(self.next().await?, Event::Incoming(Packet::SubAck(_))) {}
        Ok(())
    }

    async fn next_message(&mut self) -> Outcome<()> {
        while !matches!(self.events.poll().await?, Event::Incoming(Packet::Publish(_))) {}
        Ok(())
    }

    /// Publishes, and returns when the server has acknowledged; for QoS 0 a message of QoS 1 goes last.
    async fn publish(&mut self, qos: usize, count: usize, payload: Bytes) -> Outcome<()> {
        let client = self.client.clone();
        let (level, last, acknowledgements) =
            if qos == 0 { (QoS::AtMostOnce, 1, 1) } else { (QoS::AtLeastOnce, 0, count) };
        let publisher = tokio::spawn(async move {
            for _ in 0..count {
                client.publish_bytes(TOPIC, level, false, payload.clone()).await?;
            }
            for _ in 0..last {
                client.publish_bytes(TOPIC, QoS::AtLeastOnce, false, payload.clone()).await?;
            }
            Ok::<_, rumqttc::ClientError>(())
        });
        let mut acknowledged = 0;
        while acknowledged < acknowledgements {
            if matches!(self.events.poll().await?, Event::Incoming(Packet::PubAck(_))) {
                acknowledged += 1;
            }
        }
        Ok(publisher.await??)
    }
}

/// Without the buffer of `println!`, which would count as memory of the client.
fn result(name: &str, value: f64) -> Outcome<()> {
    let mut output = File::options().append(true).open("/dev/stdout")?;
    Ok(output.write_all(format!("{name} {value}\n").as_bytes())?)
}

fn percentiles(name: &str, mut times: Vec<Duration>) -> Outcome<()> {
    times.sort();
    let last = times.len() - 1;
    for (what, index) in [("p50", times.len() / 2), ("p99", times.len() * 99 / 100), ("max", last)] {
        result(&format!("{name}_{what}_us"), times[index].as_secs_f64() * 1e6)?;
    }
    Ok(())
}

/// A line of `/proc/self/status` in KiB.
fn resident_kib() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim_end_matches("kB").trim().parse()?)
}

/// Processor time of all threads so far.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

async fn publish(options: &Options) -> Outcome<()> {
    let mut session = Session::connect(options, &options.id).await?;
    session.publish(options.qos, WARM_UP, options.payload()).await?;
    let start = Instant::now();
    session.publish(options.qos, options.count, options.payload()).await?;
    result("messages", options.count as f64)?;
    result("seconds", start.elapsed().as_secs_f64())?;
    session.disconnect().await
}

async fn receive(options: &Options) -> Outcome<()> {
    let mut session = Session::connect(options, &options.id).await?;
    session.subscribe().await?;
    result("ready", 1.0)?;
    for _ in 0..WARM_UP {
        session.next_message().await?;
    }
    let start = Instant::now();
    for _ in 0..options.count {
        session.next_message().await?;
    }
    result("messages", options.count as f64)?;
    result("seconds", start.elapsed().as_secs_f64())?;
    session.disconnect().await
}

async fn latency(options: &Options) -> Outcome<()> {
    let mut session = Session::connect(options, &options.id).await?;
    session.subscribe().await?;
    let mut times = Vec::with_capacity(WARM_UP + options.count);
    let payload = options.payload();
    for _ in 0..WARM_UP + options.count {
        let start = Instant::now();
        session.client.publish_bytes(TOPIC, QoS::AtMostOnce, false, payload.clone()).await?;
        session.next_message().await?;
        times.push(start.elapsed());
    }
    percentiles("round_trip", times.split_off(WARM_UP))?;
    session.disconnect().await
}

async fn connect(options: &Options) -> Outcome<()> {
    let mut times = Vec::with_capacity(options.count);
    let mut cpu = Duration::ZERO;
    for _ in 0..options.count {
        let (start, before) = (Instant::now(), cpu_time());
        let session = Session::connect(options, &options.id).await?;
        times.push(start.elapsed());
        cpu += cpu_time() - before;
        session.disconnect().await?;
    }
    result("connect_cpu_us", cpu.as_secs_f64() / options.count as f64 * 1e6)?;
    percentiles("connect", times)
}

async fn idle(options: &Options) -> Outcome<()> {
    let base = resident_kib()?;
    let mut sessions = Vec::with_capacity(options.clients);
    for index in 0..options.clients {
        let id = if index == 0 { options.id.clone() } else { format!("{}{index}", options.id) };
        sessions.push(Session::connect(options, &id).await?);
    }
    result("rss_kib", resident_kib()? - base)?;
    if options.seconds > 0 {
        result("ready", 1.0)?;
        let idle =
            tokio::time::timeout(Duration::from_secs(options.seconds as u64), sessions[0].events.poll());
        if let Ok(event) = idle.await {
            return Err(format!("{event:?} in idle time").into());
        }
    }
    // As in `contender.c`, only one client takes leave.
    match sessions.pop() {
        Some(session) if sessions.is_empty() => session.disconnect().await,
        _ => Ok(()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    let task = words.next().ok_or(USAGE)?;
    let options = Options::parse(words)?;
    match task.as_str() {
        "publish" => publish(&options).await,
        "receive" => receive(&options).await,
        "latency" => latency(&options).await,
        "connect" => connect(&options).await,
        "idle" => idle(&options).await,
        _ => Err(USAGE.into()),
    }
}
