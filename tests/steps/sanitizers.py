#!/usr/bin/env python3
"""Runs tests of the C interface against libraries compiled for sanitizers: AddressSanitizer with UndefinedBehaviorSanitizer,
then ThreadSanitizer.

The SDK, the Rust standard library, the port, Mbed TLS and the C programs are all compiled for the sanitizer
(IOT_SANITIZER, scripts/build_archive.py). The tests are those of tests/e2e. A program ends at the first finding, with a
status that no test expects; and each finding is a file, so none is overlooked in a program whose end nobody waits for.

It takes many minutes: only with IOT_FULL or IOT_SANITIZERS. `sanitizers.py thread` takes one of the two. Further
arguments take the tests whose names contain one of them.
"""

# covers: Memory / invalid memory, leaks, undefined behaviour of C: AddressSanitizer and UndefinedBehaviorSanitizer | tcp, tls, ws, wss | full: the tests of the interface, services, faults, ports and peers
# covers: Threads / data races and orders of locks: ThreadSanitizer | tcp, ws | full: the storm for 60 s, the tests of threads and callbacks

import dataclasses
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGET_DIR = os.path.abspath(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")))
VARIANTS = os.path.abspath(os.environ.get("IOT_VARIANTS", os.path.join(TARGET_DIR, "variants")))
HUB = os.path.join(TARGET_DIR, "tool", "iot-hub-emulator")
FOUND = 99  # exit status of a program with a finding


@dataclasses.dataclass
class Part:
    """Tests of tests/e2e that run together."""
    tests: list  # beginnings or parts of their names
    without: list = dataclasses.field(default_factory=list)
    at_once: int = 4
    full: bool = False  # in their long versions


@dataclasses.dataclass
class Sanitizer:
    name: str  # as -fsanitize and -Zsanitizer have it
    runtime: str  # as rustc calls it
    cflags: str
    options: dict  # environment of the programs
    mistakes: dict  # of tests/c/sanitizer_check.c, and what is said about each
    parts: list


COMMON = f"exitcode={FOUND}"
STORM = "faults::storm::"

# Tests that say nothing here: they run programs under valgrind or strace, compare what a process takes with what it took
# before (a sanitizer keeps freed memory back), or count calls of the release build.
OTHER_TOOLS = ["valgrind", "leave_nothing_behind", "leave_exactly", "counts::"]
# A timer that interrupts each call confuses the leak checker at the end of the program.
CONFUSING = ["signals_interrupt_nothing"]

SANITIZERS = [
    Sanitizer(
        "address", "asan", "-fsanitize=address,undefined -fno-sanitize-recover=undefined",
        # Tables that gcc makes for a switch are merged by the linker, which looks like two definitions of one variable.
        {"ASAN_OPTIONS": f"{COMMON}:detect_odr_violation=0:strict_string_checks=1:detect_stack_use_after_return=1",
         "UBSAN_OPTIONS": f"{COMMON}:print_stacktrace=1"},
        {"beyond": "heap-buffer-overflow", "freed": "heap-use-after-free", "lost": "detected memory leaks",
         "overflow": "signed integer overflow"},
        [Part(["interface::", "services::", "faults::", "peers::", "ports::", "session::"], OTHER_TOOLS + CONFUSING)]),
    Sanitizer(
        "thread", "tsan", "-fsanitize=thread",
        {"TSAN_OPTIONS": f"{COMMON}:halt_on_error=1:second_deadlock_stack=1"},
        {"race": "data race"},
        [Part([STORM], full=True),
         Part(["::threads::", "::callbacks::", "multi_thread", "multi_client"], OTHER_TOOLS)]),
]


def main():
    if not os.environ.get("IOT_FULL") and not os.environ.get("IOT_SANITIZERS"):
        print("sanitizers: left out, it takes long: ./cmake_build.sh test --full sanitizers\n0 passed, 0 failed")
        return False
    names = [sanitizer.name for sanitizer in SANITIZERS]
    chosen = sys.argv[1] if sys.argv[1:] and sys.argv[1] in names else None
    only = sys.argv[1 + bool(chosen):]
    passed = failed = 0
    for sanitizer in SANITIZERS:
        if chosen in (None, sanitizer.name):
            good, bad = test(sanitizer, only)
            passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    return failed != 0


def test(sanitizer, only):
    missing = what_is_missing(sanitizer)
    if missing:
        print(f"-- {sanitizer.name}: left out, no {missing}")
        return 0, 0
    start = time.monotonic()
    place = os.path.join(VARIANTS, "sanitizer", sanitizer.name)
    reports = os.path.join(place, "reports")
    shutil.rmtree(reports, ignore_errors=True)
    os.makedirs(reports)
    env = environment(sanitizer, place, reports)
    tree, trouble = build(place, env)
    if trouble:
        print(f"{sanitizer.name}: does not build\n{trouble}")
        return 0, 1
    print(f"-- {sanitizer.name}: built in {time.monotonic() - start:.0f} s", flush=True)
    passed, failed = check_mistakes(sanitizer, tree, env, reports)
    for part in sanitizer.parts:
        good, bad = run(part, only, env, reports)
        passed, failed = passed + good, failed + bad
    print(f"-- {sanitizer.name}: {passed} passed, {failed} failed, {time.monotonic() - start:.0f} s", flush=True)
    return passed, failed


def what_is_missing(sanitizer):
    if not runtime(sanitizer):
        return f"runtime of {sanitizer.name} with this rustc"
    if not os.path.exists(os.path.join(rustc("--print", "sysroot"), "lib", "rustlib", "src", "rust", "library", "Cargo.lock")):
        return "sources of Rust's standard library: rustup component add rust-src"
    return None


def runtime(sanitizer):
    found = glob.glob(os.path.join(rustc("--print", "target-libdir"), f"librustc-*_rt.{sanitizer.runtime}.a"))
    return found[0] if found else None


def rustc(*arguments):
    return subprocess.run(["rustc", *arguments], capture_output=True, text=True, check=True).stdout.strip()


def environment(sanitizer, place, reports):
    """What the builds and the tests get. gcc's own runtime stays out of the programs: one is enough."""
    cflags = f"{sanitizer.cflags} -fno-omit-frame-pointer -g"
    link = (f"-nodefaultlibs -Wl,--whole-archive,{runtime(sanitizer)},--no-whole-archive "
            "-lgcc_s -lgcc -lc -lm -ldl -lrt -lpthread")
    options = {name: f"{value}:log_path={reports}/finding" for name, value in sanitizer.options.items()}
    # Most programs start with an environment of their own.
    runner = " ".join(["env", *(f"{name}={value}" for name, value in options.items())])
    return {**os.environ, **options, "IOT_SANITIZER": sanitizer.name, "CFLAGS": cflags, "LDFLAGS": link, "CARGO_TARGET_DIR": TARGET_DIR,
            "E2E_BUILD_DIR": place, "IOT_CROSS_FLAGS": f"{cflags} {link}", "IOT_CROSS_RUN": runner,
            "IOT_HUB_EMULATOR": HUB}


def build(place, env):
    """The default configuration; the tests build others as they need them."""
    hub = ["cargo", "build", "--locked", "-p", "iot-hub-emulator", "--profile", "tool"]
    key = [os.path.join(ROOT, "scripts", "build_config.sh"), os.path.join(place, "key")]
    for command, environ in ((hub, None), (key, env)):
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return None, done.stdout + done.stderr
    return os.path.join(place, "key", "release"), None


def check_mistakes(sanitizer, tree, env, reports):
    """Each mistake must be found, and none where there is none."""
    program = os.path.join(tree, "..", "sanitizer_check")
    includes = [f"-I{tree}/include", f"-I{tree}/include/exports"]
    subprocess.run(["gcc", "-std=gnu99", "-O0", *env["IOT_CROSS_FLAGS"].split(), *includes,
                    os.path.join(ROOT, "tests", "c", "sanitizer_check.c"), "-o", program,
                    f"-L{tree}/lib", "-liot_sdk", "-liot_platform"], check=True)
    passed = failed = 0
    for mistake, text in {"": None, **sanitizer.mistakes}.items():
        done = subprocess.run([*env["IOT_CROSS_RUN"].split(), program, *filter(None, [mistake])],
                              capture_output=True, text=True, check=False)
        found = take_findings(reports)
        good = (done.returncode, found) == (0, []) if text is None else \
            done.returncode == FOUND and len(found) == 1 and text in found[0]
        if not good:
            print(f"{sanitizer.name}: '{mistake}' of sanitizer_check gave status {done.returncode}\n"
                  + "".join(found) + done.stdout + done.stderr)
        passed, failed = passed + good, failed + (not good)
    return passed, failed


def run(part, only, env, reports):
    tests = [name for name in test_names() if any(word in name for word in part.tests)
             and not any(word in name for word in part.without) and (not only or any(word in name for word in only))]
    if not tests:
        return 0, 0
    env = {name: value for name, value in env.items() if name != "IOT_FULL"}
    if part.full:
        env["IOT_FULL"] = "1"
    command = [test_program(), "--exact", *tests, "--test-threads", str(part.at_once)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    numbers = re.search(r"^test result: \w+\. (\d+) passed; (\d+) failed", done.stdout, re.MULTILINE)
    passed, failed = map(int, numbers.groups()) if numbers else (0, 1)
    findings = take_findings(reports)
    for text in [*findings, *([done.stdout, done.stderr] if failed else [])]:
        print("".join(f"   {line}\n" for line in text.splitlines()), end="")
    print(f"   {passed} passed, {failed} failed, {len(findings)} findings", flush=True)
    return passed, failed + len(findings)


def take_findings(reports):
    """The findings since the last call."""
    texts = []
    for name in sorted(os.listdir(reports)):
        path = os.path.join(reports, name)
        with open(path, encoding="utf-8", errors="replace") as file:
            texts.append(file.read())
        os.remove(path)
    return texts


def test_names():
    listed = subprocess.run([test_program(), "--list"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return re.findall(r"^(.*): test$", listed, re.MULTILINE)


def test_program():
    """Built without the environment of the sanitizer, which is not for cargo."""
    command = ["cargo", "test", "--locked", "--test", "e2e", "--no-run", "--message-format=json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "e2e":
            return message["executable"]
    raise RuntimeError("cargo built no e2e")


if __name__ == "__main__":
    sys.exit(main())
