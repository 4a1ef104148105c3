"""The servers of a measurement: mosquitto, the project's own hub and a source, on free ports of the loopback interface."""

import contextlib
import json
import os
import queue
import socket
import subprocess
import threading
import time

import source
from contenders import PRODUCT, SECRET, TOPIC, Server

LIMIT_S = 30


class ServerError(Exception):
    pass


@contextlib.contextmanager
def mosquitto(work):
    """Listeners tcp, ws and wss of a mosquitto that accepts everyone."""
    program = find("mosquitto")
    certificate, key = self_signed(work)
    ports = dict(zip(("tcp", "ws", "wss"), free_ports(3)))
    tls = f"certfile {certificate}\nkeyfile {key}\n"
    # Messages for a slow receiver are kept, not dropped: every one of them is counted.
    text = "allow_anonymous true\nmax_queued_messages 0\nlog_type error\nlog_type warning\n"
    if os.geteuid() == 0:
        text += "user root\n"
    text += f"listener {ports['tcp']} 127.0.0.1\n"
    text += f"listener {ports['ws']} 127.0.0.1\nprotocol websockets\n"
    text += f"listener {ports['wss']} 127.0.0.1\nprotocol websockets\n{tls}"
    config = write(work, "mosquitto.conf", text)
    log = os.path.join(work, "mosquitto.log")
    with open(log, "w", encoding="utf-8") as output:
        with running([program, "-c", config], stdout=output, stderr=subprocess.STDOUT) as child:
            for port in ports.values():
                wait_for_port(child, port, log)
            yield {name: listener(name, f"127.0.0.1:{port}", certificate, child.pid) for name, port in ports.items()}


@contextlib.contextmanager
def hub(program, work):
    """Listeners tcp, ws and wss of the hub, which echoes a device's messages to it."""
    text = f"""
[server]
state_dir = {json.dumps(os.path.join(work, "hub-state"))}
ports = {{ mqtt = 0, mqtts = "off", ws = 0, wss = 0, admin = "off" }}

[options]
echo_to_publisher = true
acl_mode = "permissive"
event_packets = false

[[product]]
id = "{PRODUCT}"
name = "bench"
auth = "key"

[[device]]
product = "{PRODUCT}"
name = "bench"
secret = "{SECRET}"
"""
    config = write(work, "hub.toml", text)
    with open(os.path.join(work, "hub.log"), "w", encoding="utf-8") as log, running(
            [program, "serve", "--config", config], stdout=subprocess.PIPE, stderr=log, text=True) as child:
        addresses = ready_addresses(child)
        authority = subprocess.run([program, "ca", "--config", config], capture_output=True, text=True, check=True)
        ca_file = write(work, "hub-ca.pem", authority.stdout)
        ports = {"tcp": "mqtt", "ws": "ws", "wss": "wss"}
        yield {name: listener(name, addresses[port], ca_file, child.pid) for name, port in ports.items()}


@contextlib.contextmanager
def sending(work, payload, count):
    """Listeners of a server that sends so many messages of that size to whoever subscribes."""
    certificate, key = self_signed(work)
    with contextlib.ExitStack() as stack:
        def address(transport):
            stream = source.stream_of(transport, TOPIC, payload, count)
            port = stack.enter_context(source.listening(transport, certificate, key, stream))
            return listener(transport, f"127.0.0.1:{port}", certificate, os.getpid())

        yield {transport: address(transport) for transport in ("tcp", "ws", "wss")}


def listener(transport, address, ca_file, pid):
    if transport == "tcp":
        return Server(f"mqtt://{address}", pid=pid)
    return Server(f"{transport}://{address}/mqtt", ca_file if transport == "wss" else "", pid)


@contextlib.contextmanager
def kept_awake(server):
    """A broker that has something to do all the time: mosquitto looks at new WebSocket connections, and at frames that it has
    read but not yet taken, only when it wakes, which is every 100 ms else."""
    address, port = server.url.removeprefix("mqtt://").split(":")
    ended = threading.Event()

    def ping():
        with socket.create_connection((address, int(port)), timeout=LIMIT_S) as connection:
            connection.sendall(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05awake")
            connection.recv(4)
            while not ended.is_set():
                connection.sendall(b"\xc0\x00")
                connection.recv(2)
                ended.wait(0.002)

    thread = threading.Thread(target=ping)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(LIMIT_S)


def ready_addresses(child):
    """Listener -> address, from the lines `ready <name> <address>` up to `ready all`."""
    lines = queue.Queue()

    def read():
        for line in child.stdout:
            lines.put(line.split())
        lines.put(["end"])

    threading.Thread(target=read, daemon=True).start()
    addresses = {}
    while True:
        try:
            words = lines.get(timeout=LIMIT_S)
        except queue.Empty:
            raise ServerError("the hub is not ready") from None
        if words == ["end"]:
            raise ServerError("the hub ended before it was ready")
        if words[:2] == ["ready", "all"]:
            return addresses
        if words[:1] == ["ready"]:
            addresses[words[1]] = words[2]


@contextlib.contextmanager
def running(command, **options):
    with subprocess.Popen(command, **options) as child:
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                child.kill()


def self_signed(work):
    """Certificate and key, the same for all."""
    certificate, key = os.path.join(work, "server.pem"), os.path.join(work, "server.key")
    if os.path.exists(certificate):
        return certificate, key
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
               "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
               "-keyout", key, "-out", certificate]
    subprocess.run(command, capture_output=True, check=True)
    return certificate, key


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_for_port(child, port, log):
    deadline = time.monotonic() + LIMIT_S
    while True:
        if child.poll() is not None or time.monotonic() > deadline:
            with open(log, encoding="utf-8") as text:
                raise ServerError(f"mosquitto does not listen: {text.read()}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)


def find(name):
    for directory in os.environ["PATH"].split(":") + ["/usr/sbin", "/sbin"]:
        path = os.path.join(directory, name)
        if os.access(path, os.X_OK):
            return path
    raise ServerError(f"{name} is not installed")


def write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path
