#!/usr/bin/env python3
"""The first program of README.md: built with README's own link line, it receives its message on every transport.

package.py builds it in the other ways that README shows. IOT_OUTPUT names another output tree (default output/release),
IOT_HUB another hub (default target/tool/iot-hub-emulator).
"""

import base64
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUTPUT = os.path.abspath(os.environ.get("IOT_OUTPUT", os.path.join(ROOT, "output", "release")))
HUB = os.path.abspath(os.environ.get("IOT_HUB", os.path.join(ROOT, "target", "tool", "iot-hub-emulator")))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.dirname(HERE), os.path.join(ROOT, "scripts")]
import counted  # noqa: E402
import demo  # noqa: E402

LIMIT_S = 60


def blocks():
    """Language and text of the code blocks of README.md."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as readme:
        return re.findall(r"^```(\w*)\n(.*?)^```$", readme.read(), re.MULTILINE | re.DOTALL)


class FirstProgram(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="iot-readme-")
        cls.addClassCleanup(directory.cleanup)
        cls.work = directory.name
        program = next(text for language, text in blocks() if language == "c")
        demo.write(cls.work, "hello.c", program)
        cls.build()

        secret = base64.b64encode(os.urandom(16)).decode()
        demo.write(cls.work, "device_info.json", json.dumps({
            "auth_mode": "KEY", "region": "china", "productId": demo.PRODUCT, "deviceName": demo.DEVICE,
            "key_deviceinfo": {"deviceSecret": secret}}))
        config = demo.hub_config(cls.work, secret) + "\n[options]\necho_to_publisher = true\n"
        hub_file = demo.write(cls.work, "hub.toml", config)
        cls.hub = demo.Program("hub", [HUB, "serve", "--config", hub_file])
        cls.addClassCleanup(cls.hub.__exit__, None, None, None)
        cls.ports = demo.ready_ports(cls.hub)
        cls.ca_file = demo.write(cls.work, "ca.pem", demo.run([HUB, "ca", "--config", hub_file]))

    @classmethod
    def build(cls):
        os.makedirs(os.path.join(cls.work, "output"))
        os.symlink(OUTPUT, os.path.join(cls.work, "output", "release"))
        line = next(text for _, text in blocks() if text.startswith("cc hello.c"))
        subprocess.run(shlex.split(line.replace("\\\n", " ")), cwd=cls.work, check=True)

    def run_at(self, endpoint):
        env = dict(os.environ, QCLOUD_IOT_ENDPOINT=endpoint, QCLOUD_IOT_CA_FILE=self.ca_file)
        return subprocess.run(["./hello"], cwd=self.work, env=env, capture_output=True, text=True, timeout=LIMIT_S,
                              check=False)

    def receives_over(self, scheme):
        done = self.run_at(f"{scheme}://{self.ports[scheme]}")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(f"{demo.TOPIC}: hello\n", done.stdout)

    def test_ws(self):
        self.receives_over("ws")

    def test_wss(self):
        self.receives_over("wss")

    def test_mqtt(self):
        self.receives_over("mqtt")

    def test_mqtts(self):
        self.receives_over("mqtts")

    def test_without_a_server_it_fails(self):
        done = self.run_at(f"ws://{self.ports['admin']}")  # answers HTTP, but no upgrade
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("failed: -", done.stdout)


if __name__ == "__main__":
    counted.run()
