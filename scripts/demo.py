#!/usr/bin/env python3
"""Runs mqtt_sample against a local hub, over wss and over ws, with a message from the console side.

Each transport gets two runs: one that connects, publishes and leaves, and one in the sample's endless loop that
receives a message published on the hub's console. Exit status 0 when everything that was expected happened.
"""

import argparse
import base64
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

PRODUCT = "DEMO000001"
DEVICE = "demo-device"
MESSAGE = "mqtt over websocket cloud publish data"
TOPIC = f"{PRODUCT}/{DEVICE}/data"
LIMIT_S = 30

# Log texts of a complete session, in this order.
SESSION = ["websocket resp code :101", "Cloud Device Construct Success", "system time is", "sync ntp time success",
           "subscribe success", "publish success", "mqtt disconnect!", "mqtt release!"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hub", required=True, help="the program iot-hub-emulator")
    parser.add_argument("--sample", required=True, help="the program mqtt_sample")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="iot-demo-") as work:
        try:
            done = demo(args, work)
        except DemoError as error:
            sys.exit(f"demo: FAILED: {error}")
    print(f"demo: ok: {', '.join(done)}")


class DemoError(Exception):
    pass


def demo(args, work):
    secret = base64.b64encode(os.urandom(16)).decode()
    device_file = write(work, "device_info.json", json.dumps({
        "auth_mode": "KEY", "region": "china", "productId": PRODUCT, "deviceName": DEVICE,
        "key_deviceinfo": {"deviceSecret": secret}}, indent=4))
    hub_file = write(work, "hub.toml", hub_config(work, secret))
    with Program("hub", [args.hub, "serve", "--config", hub_file]) as hub:
        ports = ready_ports(hub)
        ca_file = write(work, "ca.pem", run([args.hub, "ca", "--config", hub_file]))
        publish = [args.hub, "ctl", "--admin", f"http://{ports['admin']}", "publish", TOPIC, MESSAGE]
        done = []
        for scheme in ("wss", "ws"):
            sample = Sample(args.sample, device_file, f"{scheme}://{ports[scheme]}", ca_file)
            one_session(scheme, sample)
            downlink(scheme, sample, publish)
            done.append(f"{scheme} session and downlink message")
    return done


def hub_config(work, secret):
    ports = ", ".join(f"{name} = 0" for name in ("mqtt", "mqtts", "ws", "wss", "admin"))
    return f"""
[server]
state_dir = {json.dumps(os.path.join(work, "hub-state"))}
ports = {{ {ports} }}

[[product]]
id = "{PRODUCT}"
name = "demo"
type = "direct"
auth = "key"

[[device]]
product = "{PRODUCT}"
name = "{DEVICE}"
secret = "{secret}"
"""


def ready_ports(hub):
    """Listener -> address, from the lines `ready <name> <address>` up to `ready all`."""
    ports = {}
    while True:
        words = hub.wait_for("ready ").split()
        if words[1] == "all":
            return ports
        ports[words[1]] = words[2]


class Sample:
    """How to run mqtt_sample against one endpoint."""

    def __init__(self, program, device_file, endpoint, ca_file):
        self.command = without_clock_rights() + [os.path.abspath(program), "-c", device_file]
        self.env = dict(os.environ, QCLOUD_IOT_ENDPOINT=endpoint, QCLOUD_IOT_CA_FILE=ca_file)

    def start(self, name, *options):
        return Program(name, self.command + list(options), self.env)


def one_session(scheme, sample):
    print(f"== one session over {scheme}", flush=True)
    with sample.start(scheme) as program:
        for text in SESSION:
            program.wait_for(text)
        status = program.wait()
    if status != 0:
        raise DemoError(f"mqtt_sample over {scheme} ended with status {status}")


def downlink(scheme, sample, publish):
    print(f"== message from the console over {scheme}", flush=True)
    with sample.start(scheme, "-l") as program:
        program.wait_for("publish success")
        print(f"console | publish {TOPIC} {MESSAGE}", flush=True)
        run(publish)
        program.wait_for(f"Receive Message With topicName:{TOPIC}, payload:{MESSAGE}")


def without_clock_rights():
    """The sample sets the clock when it may, and a demo must not: root runs it without that right, where setpriv exists."""
    if os.geteuid() == 0 and shutil.which("setpriv"):
        drop = ["setpriv", "--bounding-set", "-sys_time", "--inh-caps", "-sys_time"]
        if subprocess.run(drop + ["true"], capture_output=True, check=False).returncode == 0:
            return drop
    return []


class Program:
    """A child whose output is shown line by line and can be waited for; stopped at the end of the `with`."""

    def __init__(self, name, command, env=None):
        self.name = name
        self.lines = queue.Queue()
        self.child = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                      errors="replace")
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.child.stdout:
            print(f"{self.name:>4} | {line}", end="", flush=True)
            self.lines.put(line)
        self.lines.put(None)

    def wait_for(self, text):
        """The next line that contains the text."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            try:
                line = self.lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise DemoError(f"{self.name}: no line with '{text}' within {LIMIT_S} s") from None
            if line is None:
                raise DemoError(f"{self.name} ended before a line with '{text}'")
            if text in line:
                return line[line.index(text):]

    def wait(self):
        try:
            return self.child.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise DemoError(f"{self.name} did not end within {LIMIT_S} s") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
            try:
                self.child.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.reader.join(LIMIT_S)


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode != 0:
        raise DemoError(f"{' '.join(command[1:3])} failed: {done.stderr.strip()}")
    return done.stdout


def write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


if __name__ == "__main__":
    main()
