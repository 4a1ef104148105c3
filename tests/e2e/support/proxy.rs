//! A link that breaks where the test says: stands between the SDK and a server and counts every byte.
//!
//! Each connection has two threads, one for each direction. A fault happens exactly behind byte `after` of its
//! direction: the bytes before it are handed on, nothing behind it is.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Who sends the bytes of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The SDK.
    Client,
    Server,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Both ends see the end of the stream.
    Cut,
    /// Both ends see a reset.
    Reset,
    /// Nothing goes through any more, in both directions, and nobody is told.
    Stall,
    /// Everything of this direction waits once.
    Delay(Duration),
    /// Bytes that the sender never sent.
    Insert(Vec<u8>),
    /// The last so many bytes once more.
    Repeat(usize),
}

/// When and what.
#[derive(Clone, Debug)]
pub struct Fault {
    pub from: Side,
    /// Bytes of this direction that pass before.
    pub after: usize,
    pub kind: Kind,
}

/// How one connection is treated.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub fault: Option<Fault>,
    /// Hands on single bytes with pauses between them, in both directions.
    pub single_bytes: Option<Duration>,
    /// Single bytes only from here on: more than so many bytes of the SDK have come.
    pub single_after: usize,
}

/// What became of one connection.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// When the SDK connected.
    pub opened_at: Option<Instant>,
    /// When the fault happened.
    pub fault_at: Option<Instant>,
    /// When the SDK ended its side, or was seen to have.
    pub client_gone: Option<Instant>,
    /// What was handed on.
    pub from_client: Vec<u8>,
    pub from_server: Vec<u8>,
}

/// A running proxy. Ends with the value.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    plans: VecDeque<Plan>,
    links: Vec<Link>,
    /// What the SDK sends is left in its socket.
    holds_client: bool,
    ending: bool,
}

struct Link {
    record: Record,
    plan: Plan,
    /// Nothing goes through.
    is_dead: bool,
    sockets: Option<[Arc<TcpStream>; 2]>,
}

impl Proxy {
    /// Listens on a free port and connects to the server for each connection. The plans are used in the order of the
    /// connections; further connections have no faults.
    pub fn start(server: &str, plans: &[Plan]) -> Proxy {
        let server = server.parse().unwrap_or_else(|e| panic!("{server}: {e}"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback port");
        let address = listener.local_addr().expect("address");
        let state = State { plans: plans.iter().cloned().collect(), ..State::default() };
        let shared = Arc::new(Shared { server, state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&accepting, &listener));
        Proxy { address, shared }
    }

    /// Endpoint URL with this scheme.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// From now on nothing goes through the connections there are; new ones work.
    pub fn swallow(&self) {
        let mut state = self.shared.state();
        let now = Instant::now();
        for link in &mut state.links {
            link.is_dead = true;
            link.record.fault_at.get_or_insert(now);
        }
    }

    /// Leaves what the SDK sends in its socket, until [`release`](Self::release).
    pub fn hold(&self) {
        self.shared.change(|state| state.holds_client = true);
    }

    /// Reads again.
    pub fn release(&self) {
        self.shared.change(|state| state.holds_client = false);
    }

    /// What became of the connections so far.
    pub fn records(&self) -> Vec<Record> {
        self.shared.state().links.iter().map(|link| link.record.clone()).collect()
    }

    /// Waits until the records are as wanted; panics after the limit.
    pub fn wait<T>(&self, what: &str, limit: Duration, mut wanted: impl FnMut(&[Record]) -> Option<T>) -> T {
        let deadline = Instant::now() + limit;
        let mut state = self.shared.state();
        loop {
            let records: Vec<Record> = state.links.iter().map(|link| link.record.clone()).collect();
            if let Some(found) = wanted(&records) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {what} at the proxy in time");
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.ending = true;
            state.links.iter_mut().for_each(Link::end);
        });
        // Wakes the thread that accepts; it may have failed before, then there is nothing to wake.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }
}

impl Link {
    /// Ends both connections; the threads notice.
    fn end(&mut self) {
        for socket in self.sockets.take().into_iter().flatten() {
            // The other end may have been faster.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Ends both connections with a reset, which the last owner of each socket sends when it lets go.
    fn reset(&mut self) {
        for socket in self.sockets.take().into_iter().flatten() {
            reset_when_closed(&socket);
            // Wakes the thread that reads; sends nothing.
            let _ = socket.shutdown(Shutdown::Read);
        }
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for client in listener.incoming() {
        if shared.state().ending {
            return;
        }
        let Ok(client) = client else { continue };
        // A server that is away refuses: then the SDK sees its connection end.
        let Ok(server) = TcpStream::connect(shared.server) else { continue };
        for socket in [&client, &server] {
            socket.set_nodelay(true).expect("TCP_NODELAY");
        }
        let (client, server) = (Arc::new(client), Arc::new(server));
        let number = {
            let mut state = shared.state();
            let plan = state.plans.pop_front().unwrap_or_default();
            let sockets = Some([Arc::clone(&client), Arc::clone(&server)]);
            let record = Record { opened_at: Some(Instant::now()), ..Record::default() };
            state.links.push(Link { record, plan, is_dead: false, sockets });
            state.links.len() - 1
        };
        shared.changed.notify_all();
        let up = Pump { shared: Arc::clone(shared), number, side: Side::Client, passed: 0 };
        let down = Pump { shared: Arc::clone(shared), number, side: Side::Server, passed: 0 };
        let (from, to) = (Arc::clone(&client), Arc::clone(&server));
        std::thread::spawn(move || up.run(&from, &to));
        std::thread::spawn(move || down.run(&server, &client));
    }
}

/// One direction of one connection.
struct Pump {
    shared: Arc<Shared>,
    number: usize,
    side: Side,
    /// Bytes handed on so far.
    passed: usize,
}

/// What to do with bytes that were read.
struct Step {
    /// So many bytes may pass, and then this happens.
    pass: usize,
    kind: Option<Kind>,
    is_dead: bool,
}

impl Pump {
    fn run(mut self, from: &Arc<TcpStream>, to: &Arc<TcpStream>) {
        let mut buffer = vec![0; 16 * 1024];
        let mut is_open = self.hand_on(to, &[]);
        while is_open {
            self.wait_while_held();
            match (&**from).read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => is_open = self.hand_on(to, &buffer[..count]),
            }
        }
        self.end(to);
    }

    fn wait_while_held(&self) {
        let mut state = self.shared.state();
        while self.side == Side::Client && state.holds_client && !state.ending {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// False when this direction is over.
    fn hand_on(&mut self, to: &TcpStream, bytes: &[u8]) -> bool {
        let step = self.step(bytes.len());
        if step.is_dead {
            // A dead link still takes what the SDK sends; its threads end with the connection.
            return true;
        }
        let (now, rest) = bytes.split_at(step.pass);
        if !self.write(to, now) {
            return false;
        }
        match step.kind {
            None => true,
            Some(Kind::Stall) => true,
            Some(Kind::Cut) => {
                self.shared.change(|state| state.links[self.number].end());
                false
            }
            Some(Kind::Reset) => {
                self.shared.change(|state| state.links[self.number].reset());
                false
            }
            Some(Kind::Delay(time)) => {
                std::thread::sleep(time);
                self.write(to, rest)
            }
            Some(Kind::Insert(extra)) => self.write(to, &extra) && self.write(to, rest),
            Some(Kind::Repeat(count)) => {
                let again = self.last(count);
                self.write(to, &again) && self.write(to, rest)
            }
        }
    }

    /// Decides, before anything is written: the answer to the last byte must not pass a link that has died.
    fn step(&self, count: usize) -> Step {
        let mut state = self.shared.state();
        let link = &mut state.links[self.number];
        if link.is_dead {
            return Step { pass: 0, kind: None, is_dead: true };
        }
        let is_due = |fault: &&Fault| fault.from == self.side && self.passed + count >= fault.after;
        let Some(fault) = link.plan.fault.as_ref().filter(is_due).cloned() else {
            return Step { pass: count, kind: None, is_dead: false };
        };
        link.plan.fault = None;
        link.record.fault_at = Some(Instant::now());
        link.is_dead = matches!(fault.kind, Kind::Cut | Kind::Reset | Kind::Stall);
        self.shared.changed.notify_all();
        Step { pass: fault.after - self.passed, kind: Some(fault.kind), is_dead: false }
    }

    fn write(&mut self, to: &TcpStream, bytes: &[u8]) -> bool {
        let pause = {
            let mut state = self.shared.state();
            let link = &mut state.links[self.number];
            let record = match self.side {
                Side::Client => &mut link.record.from_client,
                Side::Server => &mut link.record.from_server,
            };
            record.extend_from_slice(bytes);
            let is_due = link.record.from_client.len() > link.plan.single_after;
            link.plan.single_bytes.filter(|_| is_due)
        };
        self.passed += bytes.len();
        let Some(pause) = pause else { return (&*to).write_all(bytes).is_ok() };
        bytes.chunks(1).all(|byte| {
            std::thread::sleep(pause);
            (&*to).write_all(byte).is_ok()
        })
    }

    fn last(&self, count: usize) -> Vec<u8> {
        let state = self.shared.state();
        let record = &state.links[self.number].record;
        let all = if self.side == Side::Client { &record.from_client } else { &record.from_server };
        all[all.len().saturating_sub(count)..].to_vec()
    }

    /// Hands on the end of the stream, unless the link is dead; the end of the SDK's side ends everything.
    fn end(&self, to: &TcpStream) {
        let mut state = self.shared.state();
        let link = &mut state.links[self.number];
        if self.side == Side::Client {
            link.record.client_gone.get_or_insert_with(Instant::now);
            link.end();
        } else if !link.is_dead && link.sockets.is_some() {
            // The SDK may have gone already.
            let _ = to.shutdown(Shutdown::Write);
        }
        drop(state);
        self.shared.changed.notify_all();
    }
}

fn reset_when_closed(socket: &TcpStream) {
    rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO)).expect("SO_LINGER");
}
