#!/usr/bin/env python3
"""Compares the headers alone with the tables of the interface: sizes, offsets, values, prototypes, macros.

It needs no libraries, so it also covers configurations of services that are not built yet. A plain run takes the
compiler of the machine and few configurations; IOT_FULL takes all, clang, 32 bits, musl, ARM and AArch64.
"""

import concurrent.futures
import itertools
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import config_h  # noqa: E402

CHECKER = os.path.join(os.path.dirname(ROOT), "shared", "abi", "linkcheck", "check_abi.py")

LOGINS = [("AUTH_MODE_KEY",), ("AUTH_MODE_KEY", "AUTH_WITH_NOTLS"), ("AUTH_MODE_CERT",)]
# The macros that change a layout or hide a declaration of a usual build.
SWITCHES = ["MULTITHREAD_ENABLED", "GATEWAY_ENABLED", "DEV_DYN_REG_ENABLED", "RRPC_ENABLED"]
# With these nothing is left out.
EVERYTHING = ("AT_OS_USED", "AT_TCP_ENABLED", "BROADCAST_ENABLED", "COAP_COMM_ENABLED", "DEV_DYN_REG_ENABLED",
              "GATEWAY_ENABLED", "IOT_DEBUG", "LOG_UPLOAD", "MULTITHREAD_ENABLED", "OTA_MQTT_CHANNEL", "OTA_USE_HTTPS",
              "REMOTE_CONFIG_MQTT", "REMOTE_LOGIN_WEBSOCKET_SSH", "RESOURCE_USE_HTTPS", "RRPC_ENABLED", "SYSTEM_COMM",
              "WEBSOCKET_CLIENT", "WEBSOCKET_MQTT")
FEW = [(), EVERYTHING]
MANY = [tuple(chosen) for size in range(len(SWITCHES) + 1) for chosen in itertools.combinations(SWITCHES, size)]

# The kernel's headers serve both sizes, and only the package gcc-multilib, which goes with no cross compiler, has a link
# to them where -m32 looks.
M32 = "-m32 -idirafter /usr/include/x86_64-linux-gnu"
TIME64 = "-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64"

# Name, C compiler, C++ compiler, flags, whether its programs are only compiled.
NATIVE = ("gcc", "gcc", "g++", "", False)
OTHERS = [
    ("clang", "clang", "clang++", "", False),
    ("gcc 32-bit", "gcc", "g++", M32, False),
    ("gcc 32-bit, 64-bit time", "gcc", "g++", f"{M32} {TIME64}", False),
    ("clang 32-bit", "clang", "clang++", M32, False),
    ("musl", "musl-gcc", "", "", False),
    ("arm", "arm-linux-gnueabihf-gcc", "arm-linux-gnueabihf-g++", "", True),
    ("arm, 64-bit time", "arm-linux-gnueabihf-gcc", "arm-linux-gnueabihf-g++", TIME64, True),
    ("aarch64", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++", "", True),
]


def main():
    if not os.path.exists(CHECKER):
        print("abi_headers: left out, the tables of the interface are not here\n0 passed, 0 failed")
        return False
    jobs = [(NATIVE, login, macros) for login in LOGINS for macros in FEW]
    # As with the original's makefiles: an empty config.h, and the macros on the command line.
    jobs += [(NATIVE, login, EVERYTHING, True) for login in LOGINS]
    if os.environ.get("IOT_FULL"):
        jobs += [(NATIVE, login, macros) for login in LOGINS for macros in MANY[1:]]
        jobs += [(compiler, login, macros) for compiler in OTHERS if is_there(compiler) for login in LOGINS
                 for macros in FEW]
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="iot-headers-") as work, concurrent.futures.ThreadPoolExecutor(2) as workers:
        for name, good, bad, lines in workers.map(lambda job: check(work, *job), jobs):
            print("".join(line + "\n" for line in lines) + f"-- {name}: {good} passed, {bad} failed", flush=True)
            passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    return failed != 0


def is_there(compiler):
    """Whether it can make a program of each language; says so when not."""
    name, cc, cxx, flags, _ = compiler
    for language, command in (("c", cc), ("c++", cxx)):
        if command:
            words = [command, *flags.split(), "-x", language, "-", "-o", os.devnull]
            try:
                done = subprocess.run(words, input="#include <errno.h>\n#include <unistd.h>\nint main(void) { return 0; }\n",
                                      text=True, capture_output=True, check=False)
            except FileNotFoundError:
                done = None
            if done is None or done.returncode != 0:
                print(f"-- {name}: left out, no {command} {flags}".rstrip())
                return False
    return True


def check(work, compiler, login, macros, on_command_line=False):
    toolchain, cc, cxx, flags, compile_only = compiler
    what = "everything" if macros is EVERYTHING else " ".join(macros) or "no service"
    name = f"headers, {toolchain}, {' '.join(login)}, {what}{' on the command line' if on_command_line else ''}"
    with tempfile.TemporaryDirectory(dir=work) as tree:
        config_h.write(tree, set() if on_command_line else {*login, *macros})
        command = [sys.executable, CHECKER, "--headers", tree, "--cc", cc, "--cxx", cxx, f"--cflags={flags}"]
        command += ["--define", ",".join((*login, *macros))] if on_command_line else []
        command += ["--no-run"] if compile_only else []
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    numbers = re.search(r"^(\d+) passed, (\d+) failed$", done.stdout, re.MULTILINE)
    if not numbers:
        return name, 0, 1, [done.stdout + done.stderr]
    lines = [line for line in done.stdout.splitlines() if line.startswith("FAIL ")]
    return name, int(numbers.group(1)), int(numbers.group(2)), lines


if __name__ == "__main__":
    sys.exit(main())
