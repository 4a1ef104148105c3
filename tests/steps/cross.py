#!/usr/bin/env python3
"""Builds with cross compilers, compares headers and archives with the tables of the interface, and runs the reference session.

It takes many minutes: only with IOT_FULL or IOT_CROSS. `cross.py arm i686` takes some of the targets. What is not
installed is left out with a line that says so; scripts/setup.sh cross installs it. Programs for the machine's own kind run as
they are, others under QEMU.
"""

import dataclasses
import filecmp
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.dirname(HERE), HERE]
import abi_matrix  # noqa: E402
from configurations import ROOT, Configuration  # noqa: E402

TARGET_DIR = os.path.abspath(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")))
VARIANTS = os.path.abspath(os.environ.get("IOT_VARIANTS", os.path.join(TARGET_DIR, "variants")))
TIME64 = "-D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64"

# The published session over each WebSocket transport, one on a port that the firmware brings, and timers beyond 2038.
SESSIONS = ["reference::key_device_over_wss", "reference::key_device_over_ws",
            "interface::ports::a_port_without_optional_functions_serves_a_session", "ports::timers_keep_to_their_structure"]


@dataclasses.dataclass
class Target:
    name: str
    compiler: str
    cpp_compiler: str  # empty: there is none
    nm: str
    run: list  # programs of which the first that exists runs the target's programs, with its arguments; [] for none
    flags: str = ""  # for programs, not for the archives
    builds_of: str = ""  # name of the target whose archives these programs use


def qemu(machine, root):
    return [[f"qemu-{machine}-static", "-L", root], [f"qemu-{machine}", "-L", root]]


def own(triple):
    """The C library of a cross compiler, for programs that the processor can run."""
    return [[f"/usr/{triple}/lib/ld-linux.so.2", "--library-path", f"/usr/{triple}/lib"]]


I686, ARM, AARCH64 = "i686-linux-gnu", "arm-linux-gnueabihf", "aarch64-linux-gnu"
TARGETS = [
    Target("aarch64", f"{AARCH64}-gcc", f"{AARCH64}-g++", f"{AARCH64}-nm", qemu("aarch64", f"/usr/{AARCH64}")),
    Target("arm", f"{ARM}-gcc", f"{ARM}-g++", f"{ARM}-nm", qemu("arm", f"/usr/{ARM}")),
    Target("arm-time64", f"{ARM}-gcc", f"{ARM}-g++", f"{ARM}-nm", qemu("arm", f"/usr/{ARM}"), TIME64, "arm"),
    Target("i686", f"{I686}-gcc", f"{I686}-g++", f"{I686}-nm", own(I686)),
    Target("i686-time64", f"{I686}-gcc", f"{I686}-g++", f"{I686}-nm", own(I686), TIME64, "i686"),
    Target("x86_64-musl", "musl-gcc", "", "nm", [["env"]], "-static"),
]


def main():
    if not os.environ.get("IOT_FULL") and not os.environ.get("IOT_CROSS"):
        print("cross: left out, it takes long: ./cmake_build.sh test --full cross\n0 passed, 0 failed")
        return False
    if subprocess.run([os.path.join(ROOT, "scripts", "setup.sh"), "cross"], check=False).returncode != 0:
        print("cross: not all cross compilers are here")
    passed = failed = 0
    for target in TARGETS:
        if sys.argv[1:] and target.name not in sys.argv[1:]:
            continue
        good, bad = test(target)
        passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    return failed != 0


def test(target):
    if not shutil.which(target.compiler):
        print(f"-- {target.name}: left out, no {target.compiler}")
        return 0, 0
    start = time.monotonic()
    passed = failed = 0
    for name in ("key", "key-plain"):
        configuration, trouble = build(target, name)
        if trouble:
            print(f"{target.name}: {name} does not build\n{trouble}")
            return passed, failed + 1
        passed += 1
        good, bad = compare(target, configuration)
        passed, failed = passed + good, failed + bad
        if name == "key":
            sizes = ", ".join(f"libiot_{part}.a {os.path.getsize(configuration.archive(part))}" for part in ("sdk", "platform"))
    if target.name == "aarch64":
        good, bad = toolchain_file(target)
        passed, failed = passed + good, failed + bad
    good, bad = sessions(target)
    seconds = time.monotonic() - start
    print(f"-- {target.name}: {passed + good} passed, {failed + bad} failed, {seconds:.0f} s, {sizes} bytes", flush=True)
    return passed + good, failed + bad


def place(target, name):
    """Where the end-to-end tests look for a build too."""
    return os.path.join(VARIANTS, "cross", target.builds_of or target.name, name)


def build(target, name):
    configuration = Configuration(name)
    configuration.directory = place(target, name)
    configuration.tree = os.path.join(configuration.directory, "release")
    configuration.include = os.path.join(configuration.tree, "include")
    options = configuration.options() + [f"-DCOMPILE_TOOLS={target.compiler}"]
    configuration.options = lambda: options
    return configuration, configuration.build()


def compare(target, configuration):
    if not os.path.exists(abi_matrix.CHECKER):
        print("the tables of the interface are not here: only builds and sessions are checked")
        return 0, 0
    numbers, lines = abi_matrix.compare_with_tables(
        configuration, "--cc", target.compiler, "--cxx", target.cpp_compiler, "--nm", target.nm, f"--cflags={target.flags}",
        "--no-run")
    print("".join(line + "\n" for line in lines), end="")
    return numbers


def toolchain_file(target):
    """A toolchain file of CMake gives the same archives as COMPILE_TOOLS."""
    directory = place(target, "toolchain-file")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, "toolchain.cmake")
    with open(path, "w", encoding="utf-8") as file:
        file.write("set(CMAKE_SYSTEM_NAME Linux)\nset(CMAKE_SYSTEM_PROCESSOR aarch64)\n"
                   f"set(CMAKE_C_COMPILER {target.compiler})\n")
    configuration, trouble = build(target, "key")
    command = [os.path.join(ROOT, "scripts", "build_config.sh"), directory, f"-DCMAKE_TOOLCHAIN_FILE={path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if trouble or done.returncode != 0:
        print(f"{target.name} does not build with a toolchain file\n{trouble or done.stdout + done.stderr}")
        return 0, 1
    differ = [part for part in ("sdk", "platform") if not filecmp.cmp(
        configuration.archive(part), os.path.join(directory, "release", "lib", f"libiot_{part}.a"), shallow=False)]
    if differ:
        print(f"{target.name}: a toolchain file gives other archives: {differ}")
    return 1 - bool(differ), int(bool(differ))


def sessions(target):
    run = next((command for command in target.run if shutil.which(command[0])), None)
    if run is None:
        print(f"-- {target.name}: built but not run, no {target.run[0][0]}")
        return 0, 0
    env = {**os.environ, "IOT_CROSS_CC": target.compiler, "IOT_CROSS_CXX": target.cpp_compiler or "g++",
           "IOT_CROSS_FLAGS": target.flags, "IOT_CROSS_RUN": " ".join(run),
           "E2E_BUILD_DIR": os.path.dirname(place(target, "key"))}
    command = ["cargo", "test", "--locked", "--test", "e2e", "--", "--exact", *SESSIONS]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    numbers = re.search(r"^test result: \w+\. (\d+) passed; (\d+) failed", done.stdout, re.MULTILINE)
    passed, failed = map(int, numbers.groups()) if numbers else (0, 1)
    if passed != len(SESSIONS):
        print(done.stdout + done.stderr)
        failed = len(SESSIONS) - passed
    return passed, failed


if __name__ == "__main__":
    sys.exit(main())
