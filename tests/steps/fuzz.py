#!/usr/bin/env python3
"""Builds the fuzz targets and runs each for a minute, from its seeds on: nothing may crash, and what is asserted holds.

Takes minutes and is part of a full run only (IOT_FULL=1). IOT_FUZZ_S: seconds for each target. What a run finds beyond the
seeds is kept in target/fuzz/corpus, what breaks a target in target/fuzz/artifacts. Two targets run at a time.
"""

import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FUZZ = os.path.join(ROOT, "fuzz")
TARGET = os.path.join(os.path.abspath(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))), "fuzz")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(HERE))
import counted  # noqa: E402

SECONDS = int(os.environ.get("IOT_FUZZ_S", "60"))
BUILD_LIMIT_S = 1800
AT_A_TIME = 2
# Some targets keep small files, which need no disk.
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
# A server of frames must not make the SDK allocate what it only announces.
OPTIONS = {"frames": ["-malloc_limit_mb=1"]}
TARGETS = sorted(os.path.basename(path).removesuffix(".rs") for path in glob.glob(os.path.join(FUZZ, "fuzz_targets", "*.rs")))


def answers(*command, **options):
    try:
        return subprocess.run(command, capture_output=True, check=False, **options).returncode == 0
    except FileNotFoundError:
        return False


def compiler():
    """Arguments of cargo and its environment: the sanitizer and the counters need a nightly compiler, or the word that a
    stable one does as well."""
    environment = {**os.environ, "CARGO_TARGET_DIR": TARGET}
    if answers("cargo", "+nightly", "-V"):
        return ["cargo", "+nightly"], environment
    return ["cargo"], {**environment, "RUSTC_BOOTSTRAP": "1"}


def build():
    """Directory of the programs."""
    cargo, environment = compiler()
    done = subprocess.run([*cargo, "fuzz", "build"], cwd=FUZZ, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=BUILD_LIMIT_S, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stdout[-4000:])
    version = subprocess.run([*cargo[:1], *cargo[1:], "-vV"], capture_output=True, text=True, check=True).stdout
    return os.path.join(TARGET, re.search(r"^host: (.*)$", version, re.MULTILINE)[1], "release")


def run(programs, name):
    """Exit status and output of a run."""
    corpus = os.path.join(TARGET, "corpus", name)
    artifacts = os.path.join(TARGET, "artifacts", name)
    for directory in (corpus, artifacts):
        os.makedirs(directory, exist_ok=True)
    command = [os.path.join(programs, name), f"-max_total_time={SECONDS}", "-timeout=20", "-print_final_stats=1",
               f"-artifact_prefix={artifacts}/", *OPTIONS.get(name, [])]
    words = os.path.join(FUZZ, "dictionaries", f"{name}.dict")
    if os.path.exists(words):
        command.append(f"-dict={words}")
    with tempfile.TemporaryDirectory(prefix="iot-fuzz-", dir=MEMORY) as files:
        # The port compiles some files of Mbed TLS anew, so their constants are there twice.
        environment = {**os.environ, "ASAN_OPTIONS": "detect_odr_violation=0", "TMPDIR": files}
        done = subprocess.run([*command, corpus, os.path.join(FUZZ, "seeds", name)], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=SECONDS + 300, check=False)
    return done.returncode, done.stdout


@unittest.skipUnless(os.environ.get("IOT_FULL"), "part of a full run: IOT_FULL=1")
@unittest.skipUnless(not os.environ.get("IOT_FULL") or answers("cargo", "fuzz", "--version"),
                     "no cargo-fuzz; scripts/setup.sh full installs it")
class Smoke(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        programs = build()
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            cls.runs = dict(zip(TARGETS, pool.map(lambda name: run(programs, name), TARGETS)))

    def check(self, name):
        status, output = self.runs[name]
        executions = re.search(r"number_of_executed_units: (\d+)", output)
        coverage = re.findall(r"cov: (\d+) ft: (\d+)", output)
        self.assertEqual(status, 0, f"{name}\n{summary(output)}")
        edges, features = coverage[-1]
        print(f"{name}: {executions[1]} executions, {edges} edges, {features} features")
        self.assertGreater(int(executions[1]), len(os.listdir(os.path.join(FUZZ, "seeds", name))))


def summary(output):
    """From the failure on, without the compiler's frames."""
    start = re.search(r"panicked at|ERROR:", output)
    return output[start.start() if start else -2000:][:4000]


def add_test(name):
    setattr(Smoke, f"test_{name}", lambda self: self.check(name))


for target in TARGETS:
    add_test(target)

counted.run()
