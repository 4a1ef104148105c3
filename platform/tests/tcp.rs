//! TCP against loopback peers: each row of the tables of hal.md §7, and the defects they replace.

mod support;

use std::ffi::{c_int, c_void};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use support::*;

fn reset(peer: TcpStream) {
    // SAFETY: an open socket and a linger structure; closing then sends RST.
    unsafe {
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        let size = size_of::<libc::linger>() as u32;
        let value = (&raw const linger).cast();
        assert_eq!(libc::setsockopt(peer.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, value, size), 0);
    }
}

/// Waits until the socket reports an event, so that what the peer did has arrived.
fn arrived(fd: usize) {
    let mut set = libc::pollfd { fd: fd as c_int, events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry.
    assert_eq!(unsafe { libc::poll(&mut set, 1, 5000) }, 1);
}

fn disconnect(fd: usize) -> c_int {
    // SAFETY: the test's own handle.
    unsafe { HAL_TCP_Disconnect(fd) }
}

fn open(host: &str, port: u16, timeout_ms: u32, waiter: *mut c_void) -> (c_int, usize) {
    let mut fd = usize::MAX;
    // SAFETY: a terminated host.
    let code = unsafe { HAL_TCP_Open(c(host).as_ptr(), port, timeout_ms, waiter, &mut fd) };
    (code, fd)
}

fn option(fd: usize, level: c_int, name: c_int) -> c_int {
    let (mut value, mut size) = (0 as c_int, 4);
    // SAFETY: one writable int.
    unsafe { libc::getsockopt(fd as c_int, level, name, (&raw mut value).cast(), &mut size) };
    value
}

#[test]
fn read_gives_all_bytes_as_soon_as_they_are_there() {
    let (fd, mut peer) = tcp_pair();
    peer.write_all(b"hello world").unwrap();
    let ((code, data), took) = timed(|| tcp_read(fd, 11, 2000));
    assert_eq!((code, data.as_slice()), (0, b"hello world".as_slice()));
    assert!(took < Duration::from_millis(500));
    assert_eq!(disconnect(fd), 0);
}

#[test]
fn read_of_nothing_in_time() {
    let (fd, _peer) = tcp_pair();
    let (result, took) = timed(|| tcp_read(fd, 4, 120));
    assert_eq!(result, (-609, vec![]));
    assert_took(took, 120);
}

#[test]
fn read_of_a_part_in_time_consumes_it() {
    let (fd, mut peer) = tcp_pair();
    peer.write_all(b"abc").unwrap();
    let (result, took) = timed(|| tcp_read(fd, 8, 120));
    assert_eq!(result, (-604, b"abc".to_vec()));
    assert_took(took, 120);
    assert_eq!(tcp_read(fd, 8, 1), (-609, vec![]));
}

#[test]
fn read_without_time_looks_once() {
    let (fd, mut peer) = tcp_pair();
    assert_eq!(tcp_read(fd, 3, 0), (-609, vec![]));
    peer.write_all(b"abcdef").unwrap();
    arrived(fd);
    assert_eq!(tcp_read(fd, 3, 0), (0, b"abc".to_vec()));
    assert_eq!(tcp_read(fd, 8, 0), (-604, b"def".to_vec()));
}

#[test]
fn read_at_the_end_of_the_stream() {
    let (fd, mut peer) = tcp_pair();
    peer.write_all(b"xy").unwrap();
    drop(peer);
    assert_eq!(tcp_read(fd, 8, 1000), (-608, b"xy".to_vec()));
    assert_eq!(tcp_read(fd, 8, 1000), (-608, vec![]));
}

#[test]
fn read_of_a_broken_connection() {
    let (fd, peer) = tcp_pair();
    reset(peer);
    take_log();
    assert_eq!(tcp_read(fd, 8, 1000), (-606, vec![]));
    assert_eq!(take_log(), ["1|HAL_TCP_linux.c|HAL_TCP_Read: read failed: Connection reset by peer"]);
}

#[test]
fn read_of_no_bytes_lasts_its_time() {
    let (fd, _peer) = tcp_pair();
    let (result, took) = timed(|| tcp_read(fd, 0, 60));
    assert_eq!(result, (0, vec![]));
    assert_took(took, 60);
}

#[test]
fn write_of_all_bytes() {
    let (fd, peer) = tcp_pair();
    assert_eq!(tcp_write(fd, b"one two", 1000), (0, 7));
    assert_eq!(tcp_write(fd, b"", 1000), (0, 0));
    assert_eq!(disconnect(fd), 0);
    assert_eq!(drain(peer), b"one two");
}

/// Defect: the reference's write ignores its time-out and blocks for ever when the peer does not read.
#[test]
fn write_to_a_peer_that_does_not_read_ends_in_time() {
    let (fd, _peer) = tcp_pair();
    let big = vec![7u8; 32 << 20];
    let ((code, written), took) = timed(|| tcp_write(fd, &big, 200));
    assert_eq!(code, 0, "a partial write is no error");
    assert!(written > 0 && written < big.len());
    assert_took(took, 200);
    // The system's buffers still grow a little; once nothing fits any more, the time-out is an error.
    let full = (0..1000).map(|_| timed(|| tcp_write(fd, &big, 100))).find(|(result, _)| result.1 == 0);
    let (result, took) = full.unwrap();
    assert_eq!(result, (-605, 0));
    assert_took(took, 100);
    let (result, took) = timed(|| tcp_write(fd, b"more", 0));
    assert_eq!(result, (-605, 0));
    assert_took(took, 0);
}

#[test]
fn write_without_time_writes_what_fits() {
    let (fd, peer) = tcp_pair();
    assert_eq!(tcp_write(fd, b"now", 0), (0, 3));
    disconnect(fd);
    assert_eq!(drain(peer), b"now");
}

/// Also: SIGPIPE must not end the process (its disposition is the default here).
#[test]
fn write_to_a_broken_connection() {
    // SAFETY: sets the disposition the C world starts with; Rust's test runner ignores the signal.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (fd, peer) = tcp_pair();
    reset(peer);
    arrived(fd);
    take_log();
    assert_eq!(tcp_write(fd, b"x", 500), (-607, 0));
    assert_eq!(tcp_write(fd, b"x", 500), (-607, 0));
    assert_eq!(take_log().last().unwrap(), "1|HAL_TCP_linux.c|HAL_TCP_Write: write failed: Broken pipe");
}

#[test]
fn write_that_breaks_after_some_bytes() {
    let (fd, peer) = tcp_pair();
    let big = vec![1u8; 32 << 20];
    let writer = thread::spawn(move || tcp_write(fd, &big, 10_000));
    // The peer's end becomes readable when the first bytes are there; then the line breaks.
    arrived(peer.as_raw_fd() as usize);
    reset(peer);
    let (code, written) = writer.join().unwrap();
    assert_eq!(code, 0);
    assert!(written > 0 && written < 32 << 20);
}

#[test]
fn disconnect_of_what_is_no_connection() {
    assert_eq!(disconnect(0), -1);
    assert_eq!(disconnect(usize::MAX), -1);
    let (fd, peer) = tcp_pair();
    reset(peer);
    arrived(fd);
    assert_eq!(disconnect(fd), -1);
}

#[test]
fn bad_handles_are_errors() {
    assert_eq!(tcp_read(0, 4, 100).0, -606);
    assert_eq!(tcp_write(0, b"x", 100).0, -607);
    assert_eq!(tcp_read_available(usize::MAX, 100, ptr::null_mut()).0, -606);
    let (fd, _peer) = tcp_pair();
    // SAFETY: NULL for the count is allowed.
    assert_eq!(unsafe { HAL_TCP_Read(fd, [0u8; 4].as_mut_ptr(), 4, 0, ptr::null_mut()) }, -609);
    // SAFETY: no bytes are touched at NULL: the system refuses the address.
    assert_eq!(unsafe { HAL_TCP_Write(fd, ptr::null(), 4, 100, ptr::null_mut()) }, -607);
}

#[test]
fn socket_options() {
    let (fd, _peer) = tcp_pair();
    assert_ne!(option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY), 0);
    assert_ne!(option(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE), 0);
    // SAFETY: an open descriptor.
    assert_ne!(unsafe { libc::fcntl(fd as c_int, libc::F_GETFD) } & libc::FD_CLOEXEC, 0);
}

#[test]
fn connect_logs_the_reference_line() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    take_log();
    let (code, fd) = open("127.0.0.1", port, 1000, ptr::null_mut());
    assert_eq!(code, 0);
    assert_eq!(
        take_log(),
        [format!("3|HAL_TCP_linux.c|HAL_TCP_Connect: connected with TCP server: 127.0.0.1:{port}")]
    );
    disconnect(fd);
}

#[test]
fn connect_over_ipv6_and_by_name() {
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (code, fd) = open("::1", port, 1000, ptr::null_mut());
    assert_eq!(code, 0);
    disconnect(fd);
    // Whichever of the two addresses the resolver names first, the one that answers is found.
    let (code, fd) = open("localhost", port, 2000, ptr::null_mut());
    assert_eq!(code, if names_ipv6("localhost") { 0 } else { -603 });
    if code == 0 {
        disconnect(fd);
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, fd) = open("localhost", listener.local_addr().unwrap().port(), 2000, ptr::null_mut());
    assert_eq!(code, 0);
    disconnect(fd);
}

fn names_ipv6(host: &str) -> bool {
    use std::net::ToSocketAddrs;
    (host, 1).to_socket_addrs().unwrap().any(|a| a.is_ipv6())
}

#[test]
fn connect_failures_have_a_code_and_a_cause() {
    take_log();
    // RFC 2606: this name never exists.
    let (code, fd) = open("no-such-host.invalid", 80, 5000, ptr::null_mut());
    assert_eq!((code, fd), (-602, 0));
    assert!(take_log()[0].starts_with(
        "1|HAL_TCP_linux.c|HAL_TCP_Connect: connect to TCP server no-such-host.invalid:80 failed: host not resolved: "
    ));
    // SAFETY: NULL is an allowed host.
    assert_eq!(unsafe { HAL_TCP_Open(ptr::null(), 80, 1000, ptr::null_mut(), &mut 0) }, -602);
    assert_eq!(open("", 80, 1000, ptr::null_mut()).0, -602);
    assert_eq!(open(&"a".repeat(300), 80, 1000, ptr::null_mut()).0, -602);
    // SAFETY: a terminated host.
    assert_eq!(unsafe { HAL_TCP_Connect(c"no-such-host.invalid".as_ptr(), 80) }, 0);

    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    take_log();
    assert_eq!(open("127.0.0.1", port, 1000, ptr::null_mut()), (-603, 0));
    assert_eq!(
        take_log(),
        [format!(
            "1|HAL_TCP_linux.c|HAL_TCP_Connect: connect to TCP server 127.0.0.1:{port} failed: Connection refused"
        )]
    );
}

/// A listener whose queue is full answers no further SYN, like a host that does not answer at all.
fn silent_listener() -> (TcpListener, u16, Vec<usize>) {
    // SAFETY: a fresh socket, bound and listening; the descriptor is handed to TcpListener.
    let listener = unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        let mut address: libc::sockaddr_in = std::mem::zeroed();
        address.sin_family = libc::AF_INET as u16;
        address.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
        assert_eq!(libc::bind(fd, (&raw const address).cast(), size_of_val(&address) as u32), 0);
        assert_eq!(libc::listen(fd, 0), 0);
        TcpListener::from(OwnedFd::from_raw_fd(fd))
    };
    let port = listener.local_addr().unwrap().port();
    let mut queued = Vec::new();
    while let (0, fd) = open("127.0.0.1", port, 300, ptr::null_mut()) {
        queued.push(fd);
    }
    (listener, port, queued)
}

/// Defect 23: an unanswered SYN blocked for more than 45 s.
#[test]
fn unanswered_connect_ends_in_time() {
    let (_listener, port, _queued) = silent_listener();
    take_log();
    let (result, took) = timed(|| open("127.0.0.1", port, 250, ptr::null_mut()));
    assert_eq!(result, (-603, 0));
    assert_took(took, 250);
    assert!(take_log()[0].ends_with("failed: no answer within the time limit"));
}

#[test]
fn wake_interrupts_connect_and_stays_pending() {
    let (_listener, port, _queued) = silent_listener();
    let waiter = Waiter::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(100));
            waiter.wake();
        });
        let (result, took) = timed(|| open("127.0.0.1", port, 10_000, waiter.0));
        assert_eq!(result, (-603, 0));
        assert!(took < Duration::from_millis(300), "{took:?}");
    });
    assert_eq!(waiter.sleep(0), 1, "the wake is still there for the caller");
    assert_eq!(waiter.sleep(0), 0);
}

#[test]
fn read_available_gives_a_burst_at_once() {
    let (fd, mut peer) = tcp_pair();
    assert_eq!(tcp_read_available(fd, 0, ptr::null_mut()), (-609, vec![]));
    let (result, took) = timed(|| tcp_read_available(fd, 80, ptr::null_mut()));
    assert_eq!(result, (-609, vec![]));
    assert_took(took, 80);
    peer.write_all(b"burst").unwrap();
    let (result, took) = timed(|| tcp_read_available(fd, 5000, ptr::null_mut()));
    assert_eq!(result, (0, b"burst".to_vec()));
    assert!(took < Duration::from_millis(500));
    drop(peer);
    assert_eq!(tcp_read_available(fd, 5000, ptr::null_mut()), (-608, vec![]));
    assert_eq!(tcp_read_available(fd, 0, ptr::null_mut()), (-608, vec![]));
    let (fd, peer) = tcp_pair();
    reset(peer);
    assert_eq!(tcp_read_available(fd, 5000, ptr::null_mut()), (-606, vec![]));
}

#[test]
fn wake_ends_one_wait_and_is_consumed() {
    let (fd, mut peer) = tcp_pair();
    let waiter = Waiter::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(60));
            waiter.wake();
        });
        let (result, took) = timed(|| tcp_read_available(fd, 10_000, waiter.0));
        assert_eq!(result, (-609, vec![]));
        assert!(took < Duration::from_millis(300), "{took:?}");
    });
    let (_, took) = timed(|| tcp_read_available(fd, 80, waiter.0));
    assert_took(took, 80);
    // Several wakes before a wait count once; data comes before the wake, which stays for the next wait.
    waiter.wake();
    waiter.wake();
    peer.write_all(b"d").unwrap();
    arrived(fd);
    assert_eq!(tcp_read_available(fd, 1000, waiter.0), (0, b"d".to_vec()));
    assert_eq!(waiter.sleep(1000), 1);
    let (woken, took) = timed(|| waiter.sleep(70));
    assert_eq!(woken, 0);
    assert_took(took, 70);
}

#[test]
fn waiter_functions_accept_null() {
    // SAFETY: NULL is allowed.
    unsafe {
        HAL_Waiter_Wake(ptr::null_mut());
        HAL_Waiter_Destroy(ptr::null_mut());
        assert_eq!(timed(|| HAL_Waiter_Sleep(ptr::null_mut(), 1)).0, 0);
    }
}

#[test]
fn port_knows_its_own_functions() {
    let [connect, disconnect, write, read] = [
        HAL_TCP_Connect as *const c_void,
        HAL_TCP_Disconnect as *const c_void,
        HAL_TCP_Write as *const c_void,
        HAL_TCP_Read as *const c_void,
    ];
    // SAFETY: addresses are compared, not called.
    unsafe {
        assert!(HAL_TCP_Serves(connect, disconnect, write, read));
        assert!(!HAL_TCP_Serves(connect, disconnect, HAL_TCP_Open as *const c_void, read));
        assert!(!HAL_TCP_Serves(ptr::null(), disconnect, write, read));
    }
}

/// Defect 36: the reference dies or hangs when descriptors reach 1024.
#[test]
fn descriptors_above_1024() {
    // SAFETY: raises this process's own soft limit.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_max.min(4096);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
        assert!(limit.rlim_cur > 1200, "this test needs more than 1200 descriptors");
    }
    let (low, mut peer) = tcp_pair();
    // SAFETY: an open descriptor; its copy is a handle like any other.
    let fd = unsafe { libc::fcntl(low as c_int, libc::F_DUPFD_CLOEXEC, 1100) } as usize;
    // SAFETY: the low number is not used any more.
    unsafe { libc::close(low as c_int) };
    assert!(fd > 1024, "{fd}");
    peer.write_all(b"high").unwrap();
    assert_eq!(tcp_read(fd, 4, 1000), (0, b"high".to_vec()));
    assert_eq!(tcp_read(fd, 4, 20), (-609, vec![]));
    assert_eq!(tcp_write(fd, b"high", 1000), (0, 4));
    assert_eq!(disconnect(fd), 0);
    assert_eq!(drain(peer), b"high");
}

/// Defect: an interrupted wait counted as a read failure.
#[test]
fn signal_does_not_end_a_read() {
    extern "C" fn nothing(_: c_int) {}
    // SAFETY: a handler that does nothing, without SA_RESTART, so that system calls are interrupted.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut()), 0);
    }
    let (fd, mut peer) = tcp_pair();
    let (send, receive) = mpsc::channel();
    let reader = thread::spawn(move || {
        // SAFETY: names the calling thread.
        send.send(unsafe { libc::pthread_self() }).unwrap();
        timed(|| tcp_read(fd, 3, 3000))
    });
    let thread_id = receive.recv().unwrap();
    for _ in 0..5 {
        thread::sleep(Duration::from_millis(30));
        // SAFETY: the thread waits for data and has not ended.
        unsafe { assert_eq!(libc::pthread_kill(thread_id, libc::SIGUSR1), 0) };
    }
    peer.write_all(b"abc").unwrap();
    let (result, took) = reader.join().unwrap();
    assert_eq!(result, (0, b"abc".to_vec()));
    assert!(took < Duration::from_secs(2));
}

/// Defect: descriptor 0 cannot be told from a failure. A child process closes its standard input and connects.
#[test]
fn handle_is_never_zero() {
    let (listener, port) = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    };
    let host = c("127.0.0.1");
    // SAFETY: the child only makes system calls and ends with _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: as above. A numeric host needs no look-up thread.
        unsafe {
            libc::close(0);
            let mut fd = 0;
            let code = HAL_TCP_Open(host.as_ptr(), port, 1000, ptr::null_mut(), &mut fd);
            libc::_exit(if code == 0 && fd > 2 { 0 } else { 1 });
        }
    }
    let mut status = -1;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
    drop(listener);
}

#[test]
fn one_thread_reads_while_another_writes() {
    const SIZE: usize = 4 << 20;
    let (fd, peer) = tcp_pair();
    let mut back = peer.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || back.write_all(&vec![b'r'; SIZE]).unwrap());
        let reader = scope.spawn(move || tcp_read(fd, SIZE, 20_000));
        let sink = scope.spawn(move || drain(peer));
        assert_eq!(tcp_write(fd, &vec![b'w'; SIZE], 20_000), (0, SIZE));
        let (code, data) = reader.join().unwrap();
        assert_eq!((code, data.len()), (0, SIZE));
        assert_eq!(disconnect(fd), 0);
        assert_eq!(sink.join().unwrap().len(), SIZE);
    });
}
