#!/usr/bin/env python3
"""What else a firmware links: an Mbed TLS of another version and a second Rust library, both at work during a session.

IOT_OUTPUT names another output tree (default output/release), IOT_HUB another hub (default target/tool/iot-hub-emulator).
"""

import base64
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUTPUT = os.path.abspath(os.environ.get("IOT_OUTPUT", os.path.join(ROOT, "output", "release")))
HUB = os.path.abspath(os.environ.get("IOT_HUB", os.path.join(ROOT, "target", "tool", "iot-hub-emulator")))
SOURCES = os.path.join(ROOT, "tests", "c")
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.dirname(HERE), os.path.join(ROOT, "scripts")]
import counted  # noqa: E402
import demo  # noqa: E402

LIMIT_S = 60
MBEDTLS = ["mbedtls", "mbedx509", "mbedcrypto"]


def path_of(library):
    """Where the compiler finds a library; the name alone when it does not."""
    return subprocess.run(["gcc", f"-print-file-name={library}"], capture_output=True, text=True, check=True).stdout.strip()


@unittest.skipUnless(os.path.isabs(path_of("libmbedtls.a")), "no libmbedtls-dev")
class Neighbours(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="iot-neighbours-")
        cls.addClassCleanup(directory.cleanup)
        cls.work = directory.name
        cls.rust = os.path.join(cls.work, "libneighbour.a")
        subprocess.run(["rustc", "--edition", "2024", "--crate-type", "staticlib", "-C", "opt-level=1", "-C", "panic=unwind",
                        os.path.join(SOURCES, "neighbour.rs"), "-o", cls.rust], check=True)
        cls.secret = base64.b64encode(os.urandom(16)).decode()
        config = demo.hub_config(cls.work, cls.secret) + "\n[options]\necho_to_publisher = true\n"
        hub_file = demo.write(cls.work, "hub.toml", config)
        cls.hub = demo.Program("hub", [HUB, "serve", "--config", hub_file])
        cls.addClassCleanup(cls.hub.__exit__, None, None, None)
        cls.port = demo.ready_ports(cls.hub)["wss"]
        cls.ca_file = demo.write(cls.work, "ca.pem", demo.run([HUB, "ca", "--config", hub_file]))

    def session(self, *libraries):
        program = os.path.join(self.work, self.id())
        command = ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", f"-I{OUTPUT}/include", f"-I{OUTPUT}/include/exports",
                   os.path.join(SOURCES, "neighbours.c"), "-o", program, "-pthread", *libraries]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = subprocess.run([program, f"wss://{self.port}", demo.PRODUCT, demo.DEVICE, self.secret], capture_output=True,
                              text=True, timeout=LIMIT_S, check=False, env=dict(os.environ, QCLOUD_IOT_CA_FILE=self.ca_file))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"(?m)^Mbed TLS [23]\..*, rounds [1-9]\d*, session ok, neighbours ok$")

    def ours(self):
        return [os.path.join(OUTPUT, "lib", "libiot_sdk.a"), os.path.join(OUTPUT, "lib", "libiot_platform.a")]

    def test_ours_before_the_neighbours(self):
        self.session(*self.ours(), self.rust, *(path_of(f"lib{name}.a") for name in MBEDTLS))

    def test_ours_behind_the_neighbours(self):
        self.session(self.rust, *(path_of(f"lib{name}.a") for name in MBEDTLS), *self.ours())

    def test_shared_libraries_of_the_system(self):
        self.session(*self.ours(), self.rust, *(path_of(f"lib{name}.so") for name in MBEDTLS))

    def test_static_program(self):
        self.session("-static", "-Wl,--gc-sections", *self.ours(), self.rust, *(path_of(f"lib{name}.a") for name in MBEDTLS))


if __name__ == "__main__":
    counted.run()
