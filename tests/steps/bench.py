#!/usr/bin/env python3
"""benches/bench.py --quick: every contender builds, does every task and appears in the document. No speed is asserted.

Takes minutes and is part of a full run only (IOT_FULL=1). IOT_OUTPUT names another output tree, IOT_HUB another hub.
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUTPUT = os.path.abspath(os.environ.get("IOT_OUTPUT", os.path.join(ROOT, "output", "release")))
TARGET = os.path.abspath(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")))
HUB = os.path.abspath(os.environ.get("IOT_HUB", os.path.join(TARGET, "tool", "iot-hub-emulator")))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.dirname(HERE), os.path.join(ROOT, "benches")]
import contenders  # noqa: E402
import counted  # noqa: E402
import metrics  # noqa: E402

LIMIT_S = 1200


@unittest.skipUnless(os.environ.get("IOT_FULL"), "part of a full run: IOT_FULL=1")
class QuickRun(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory(prefix="iot-bench-step-") as directory:
            path = os.path.join(directory, "performance.md")
            command = [os.path.join(ROOT, "benches", "bench.py"), "--quick", "--sdk", OUTPUT, "--hub", HUB,
                       "--rust-target", os.path.join(TARGET, "bench"), "--out", path]
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S,
                                  check=False)
            if done.returncode != 0:
                raise AssertionError(done.stderr)
            with open(path, encoding="utf-8") as document:
                cls.text = document.read()

    def table(self, title):
        """Rows of cells below a heading, the head first."""
        section = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)", self.text, re.MULTILINE | re.DOTALL)
        self.assertIsNotNone(section, title)
        lines = [line for line in section.group(1).splitlines() if line.startswith("|") and not line.startswith("|---")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]

    def test_every_contender_that_is_installed_has_its_column(self):
        for one in (contenders.OURS, contenders.FLOOR, *contenders.PEERS):
            if one.header and not contenders.has_header(one.header):
                continue
            for transport in one.transports:
                for broker in ("mosquitto", "hub"):
                    self.assertIn(one.name, self.table(f"With {broker} over {transport}")[0])

    def test_every_figure_of_ours_is_there(self):
        shown = [*metrics.TIMED, *metrics.COUNTED, *metrics.many_metrics(metrics.QUICK)]
        for transport in contenders.OURS.transports:
            here = {row[0]: row[1] for broker in ("mosquitto", "hub")
                    for row in self.table(f"With {broker} over {transport}")[1:]}
            for metric in shown:
                if metric.key.startswith("instructions_further") and transport == "wss":
                    continue  # not measured there
                self.assertRegex(here.get(metric.title, ""), r"^-?[\d,.]+$", f"{metric.title} over {transport}")

    def test_every_goal_has_a_verdict(self):
        rows = self.table("Goals")[1:]
        self.assertGreater(len(rows), 20)
        for row in rows:
            self.assertIn(row[-1], ("reached", "not reached"), row)

    def test_a_message_takes_one_system_call_and_no_allocation(self):
        rows = {row[0]: row[1] for row in self.table("With mosquitto over tcp")}
        self.assertEqual(rows["system calls per QoS 0 message"], "1.00")
        self.assertEqual(rows["allocations per QoS 0 message"], "0.00")


counted.run()
