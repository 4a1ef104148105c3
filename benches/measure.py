"""Runs the contenders, alone or under callgrind, strace or the heap account, and turns their output into numbers.

A cost per message is the difference of two runs of different length, so that connecting and warming up drop out.
"""

import collections
import contextlib
import dataclasses
import os
import re
import resource
import socket
import subprocess
import tempfile
import threading

import contenders

LIMIT_S = 300
SENDER = "sender"


class MeasureError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Runner:
    """One contender with one server. `feed` is the plain MQTT listener of the same broker, for what is received; None where
    nobody needs to publish it."""

    work: str
    contender: contenders.Contender
    server: contenders.Server
    feed: contenders.Server = None

    def run(self, task, wrapper=(), env=None, **options):
        """Output of a task; a failure ends the measurement."""
        command = [*wrapper, *self.contender.command(self.work, task, self.server, **options)]
        done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=LIMIT_S,
                              check=False)
        if done.returncode != 0:
            raise MeasureError(f"{' '.join(command)} failed: {done.stdout} {done.stderr}")
        return done.stdout + done.stderr

    def results(self, task, **options):
        return parse(self.run(task, **options))

    def receive(self, wrapper=(), env=None, **options):
        """Output of the task `receive`; the floor publishes, as fast as a program can."""
        if self.feed is None:
            return self.run("receive", wrapper, env, **options)
        with self.started("receive", wrapper, env, **options) as (child, lines):
            publisher = contenders.FLOOR.command(self.work, "publish", self.feed, device=SENDER, **options)
            done = subprocess.run(publisher, capture_output=True, text=True, timeout=LIMIT_S, check=False)
            if done.returncode != 0:
                raise MeasureError(f"the publisher failed: {done.stderr}")
            rest, _ = child.communicate(timeout=LIMIT_S)
        if child.returncode != 0:
            raise MeasureError(f"{self.contender.name} did not receive: {''.join(lines)}{rest}")
        return "".join(lines) + rest

    @contextlib.contextmanager
    def started(self, task, wrapper=(), env=None, **options):
        """A task that runs and has printed `ready 1`, and its lines so far."""
        command = [*wrapper, *self.contender.command(self.work, task, self.server, **options)]
        environment = {**os.environ, **(env or {})}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
            lines = []
            for line in child.stdout:
                lines.append(line)
                if line.startswith("ready "):
                    break
            else:
                raise MeasureError(f"{' '.join(command)} did not get ready: {''.join(lines)}")
            yield child, lines


def parse(output):
    """The lines `name value`."""
    found = re.findall(r"^([a-z]\w*) ([-+.\de]+)$", output, re.MULTILINE)
    return {name: float(value) for name, value in found}


class ProcessorTime:
    """Microseconds of the programs that are run inside this, and of a server that they use."""

    def __init__(self, pid):
        self.pid = pid
        self.client_us = self.server_us = 0

    def __enter__(self):
        self.before = self.read()
        return self

    def __exit__(self, *_):
        self.client_us, self.server_us = (after - before for after, before in zip(self.read(), self.before))

    def read(self):
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        server = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/schedstat", encoding="ascii") as nanoseconds:
                server += int(nanoseconds.read().split()[0])
        return (usage.ru_utime + usage.ru_stime) * 1e6, server / 1e3


def per_message(run, span):
    """`run(count)` gives a number; its growth per message, from the shorter to the longer run."""
    short, long = span
    return (run(long) - run(short)) / (long - short)


def instructions(run, function=""):
    """Instructions of a program, or those inside a function, callees included; `run` takes a wrapper."""
    toggle = (f"--toggle-collect={function}",) if function else ()
    output = run(("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *toggle))
    found = re.search(r"Collected\s*:\s*(\d+)", output)
    if not found:
        raise MeasureError(f"no count of callgrind: {output}")
    return int(found.group(1))


def system_calls(run):
    """Calls of each kind, of all threads; `run` takes a wrapper."""
    with tempfile.NamedTemporaryFile(mode="r", suffix=".strace") as table:
        run(("strace", "-f", "-c", "-U", "calls,name", "-o", table.name))
        rows = re.findall(r"^\s*(\d+) (\w+)$", table.read(), re.MULTILINE)
    if not rows:
        raise MeasureError("strace counted nothing")
    return collections.Counter({name: int(calls) for calls, name in rows if name != "total"})


def system_calls_per_message(run, span):
    """Growth of each kind per message; `run` takes a count and a wrapper."""
    short, long = span
    few = system_calls(lambda wrapper: run(short, wrapper))
    many = system_calls(lambda wrapper: run(long, wrapper))
    many.subtract(few)
    return {name: calls / (long - short) for name, calls in many.items() if calls != 0}


def idle_system_calls(run, window):
    """Calls of all threads that begin in the window of an idle time, half a second after its begin; `run` takes a wrapper."""
    with tempfile.NamedTemporaryFile(mode="r", suffix=".strace") as trace:
        run(("strace", "-f", "-ttt", "-o", trace.name))
        lines = re.findall(r"^\d+ +([.\d]+) (\w+\(.*)$", trace.read(), re.MULTILINE)
    begins = [float(time) + 0.5 for time, call in lines if "ready 1" in call]
    if len(begins) != 1:
        raise MeasureError("the idle time has no begin")
    return sum(1 for time, _ in lines if begins[0] <= float(time) < begins[0] + window)


def heap(run, work):
    """Allocations and heap peak of a program, by the preloaded account; `run` takes environment variables."""
    with tempfile.NamedTemporaryFile(mode="r", suffix=".heap") as account:
        run({"LD_PRELOAD": os.path.join(work, "heap_account.so"), "HEAP_ACCOUNT": account.name})
        result = parse(account.read())
    if "heap_peak" not in result:
        raise MeasureError("no account of the heap")
    return result


def processor_shares(run):
    """Shares of a program's samples in the kernel, the C library and itself, in percent; `run` takes a wrapper."""
    with tempfile.NamedTemporaryFile(suffix=".perf") as data:
        run(("perf", "record", "-q", "-e", "cpu-clock", "-F", "4000", "-o", data.name))
        report = subprocess.run(("perf", "report", "-i", data.name, "--stdio", "-g", "none", "--sort", "dso"), capture_output=True,
                                text=True, check=True)
    shares = collections.Counter()
    for percent, place in re.findall(r"^\s*([\d.]+)%\s+(\S+) *$", report.stdout, re.MULTILINE):
        is_library = place.startswith(("libc.so", "[vdso]", "ld-linux"))
        shares["kernel" if place.startswith("[kernel") else "libc" if is_library else "program"] += float(percent)
    return shares


def bytes_on_the_wire(runner, payload):
    """What one QoS 0 publish brings to the server, by a proxy that counts."""
    def total(count):
        with Proxy(runner.server.url) as proxy:
            through = dataclasses.replace(runner, server=dataclasses.replace(runner.server, url=proxy.url))
            through.run("publish", qos=0, count=count, payload=payload)
            return proxy.bytes_up

    return per_message(total, (100, 1100))


def round_trips_to_connect(runner):
    """Flights of the client from the SYN to the CONNACK: each waits for an answer."""
    return 1 + sum(is_client for is_client, _ in flights_to_connect(runner))


def flights_to_connect(runner):
    """What passes a proxy until the CONNACK is there: whether the client sent it, and the bytes that one side sent in a row."""
    def flights():
        with Proxy(runner.server.url) as proxy:
            through = dataclasses.replace(runner, server=dataclasses.replace(runner.server, url=proxy.url))
            with through.started("idle", seconds=1):
                return list(proxy.flights)

    # What a TLS server sends unasked may cut a flight in two.
    return min((flights() for _ in range(3)), key=len)


class Proxy:
    """Passes one connection on to a server, and counts."""

    def __init__(self, url):
        scheme, place = url.split("://")
        address, slash, path = place.partition("/")
        host, port = address.rsplit(":", 1)
        self.upstream = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(LIMIT_S)
        self.url = f"{scheme}://127.0.0.1:{self.listener.getsockname()[1]}{slash}{path}"
        self.bytes_up = 0
        self.flights = []
        self.lock = threading.Lock()
        self.threads = []
        self.sockets = [self.listener]

    def __enter__(self):
        self.start(self.serve)
        return self

    def __exit__(self, *_):
        for thread in self.threads:
            thread.join(LIMIT_S)
        for one in self.sockets:
            one.close()

    def start(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def serve(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(self.upstream)
        for one in (client, server):
            self.sockets.append(one)
            one.settimeout(LIMIT_S)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.start(self.pump, client, server, self.client_sent)
        self.start(self.pump, server, client, self.server_sent)

    def client_sent(self, count):
        self.bytes_up += count
        self.note(True, count)

    def server_sent(self, count):
        self.note(False, count)

    def note(self, is_client, count):
        with self.lock:
            if self.flights and self.flights[-1][0] == is_client:
                count += self.flights.pop()[1]
            self.flights.append((is_client, count))

    @staticmethod
    def pump(source, sink, account):
        # An end that is gone ends the other direction too.
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                account(len(data))
                sink.sendall(data)
        for one, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
            with contextlib.suppress(OSError):
                one.shutdown(how)
