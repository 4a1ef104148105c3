"""The programs that are compared: what each needs, how it is built, and how its command line looks (README.md)."""

import base64
import dataclasses
import hashlib
import hmac
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
WARNINGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Werror")
PRODUCT = "BENCH00001"
TOPIC = f"{PRODUCT}/bench/data"
WARM_UP = 100  # of contender.c
SECRET = "AAECAwQFBgcICQoLDA0ODw=="


class BuildError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Contender:
    """`queues`: publish returns before the message is written. `dawdles`: a connect takes it a tenth of a second, asleep.
    `publish`: the function to count instructions in."""

    name: str
    program: str
    transports: tuple
    queues: bool = False
    dawdles: bool = False
    publish: str = ""
    header: str = ""
    library: str = ""
    package: str = ""
    is_peer: bool = True

    def command(self, work, task, server, device="bench", **options):
        """The words that run a task against a server."""
        words = [os.path.join(work, self.program), task, "--url", server.url]
        if server.ca:
            words += ["--ca", server.ca]
        identity = credentials(device)
        for option, value in {**identity, **options}.items():
            words += [f"--{option}", str(value)]
        return words


OURS = Contender("ours", "ours", ("ws", "wss", "tcp"), publish="IOT_MQTT_Publish", is_peer=False)
FLOOR = Contender("floor", "floor", ("ws", "tcp"), is_peer=False)
PEERS = (
    Contender("Paho C", "paho_sync", ("ws", "tcp"), dawdles=True, publish="MQTTClient_publish", header="MQTTClient.h",
              library="paho-mqtt3c", package="libpaho-mqtt-dev"),
    Contender("Paho C, asynchronous", "paho_async", ("ws", "tcp"), queues=True, header="MQTTAsync.h",
              library="paho-mqtt3a", package="libpaho-mqtt-dev"),
    Contender("libmosquitto", "libmosquitto", ("tcp",), publish="mosquitto_publish", header="mosquitto.h",
              library="mosquitto", package="libmosquitto-dev"),
    Contender("rumqttc", "rumqttc", ("ws", "tcp"), queues=True),
)


@dataclasses.dataclass(frozen=True)
class Server:
    """Where a contender connects to; `ca` is the CA file of a server with TLS, `pid` the process."""

    url: str
    ca: str = ""
    pid: int = 0


def credentials(device):
    """Client id, user name and password as the platform wants them; brokers that look at none ignore them."""
    client = PRODUCT + device
    user = f"{client};21010406;bench;4102444800"
    digest = hmac.new(base64.b64decode(SECRET), user.encode(), hashlib.sha256).hexdigest()
    return {"id": client, "user": user, "password": f"{digest};hmacsha256"}


def build(sdk, rust_target, work, progress):
    """Builds what can be built into `work`; the contenders that are there, and why others are not."""
    progress("building the contenders")
    compile_c("ours", work, (f"-I{sdk}/include", f"-I{sdk}/include/exports"), sdk_libraries(sdk))
    compile_c("floor", work)
    for name in ("heap_account", "nagle"):
        run(["gcc", *WARNINGS[1:], "-shared", "-fPIC", f"{HERE}/{name}.c", "-o", f"{work}/{name}.so"])
    build_rust(rust_target, work)
    there, absent = [OURS], []
    for peer in PEERS:
        if peer.header and not has_header(peer.header):
            absent.append(f"{peer.name} ({peer.package} is not installed)")
            continue
        if peer.library:
            compile_c(peer.program, work, libraries=(f"-l{peer.library}",))
        there.append(peer)
    return [*there, FLOOR], absent


def build_rust(target, work):
    """rumqttc and the measure of masking, from a manifest of their own."""
    run(["cargo", "build", "--locked", "--release", "--manifest-path", f"{HERE}/rust/Cargo.toml", "--target-dir", target])
    for program in ("rumqttc", "masking"):
        shutil.copy(f"{target}/release/{program}", f"{work}/{program}")


def compile_c(program, work, options=(), libraries=()):
    run(["gcc", *WARNINGS, *options, f"{HERE}/{program}.c", f"{HERE}/contender.c", "-o", f"{work}/{program}", "-pthread",
         *libraries])


def sdk_libraries(sdk):
    return ("-Wl,--start-group", f"{sdk}/lib/libiot_sdk.a", f"{sdk}/lib/libiot_platform.a", "-Wl,--end-group")


def has_header(header):
    command = ["gcc", "-E", "-x", "c", "-", "-o", os.devnull]
    return subprocess.run(command, input=f"#include <{header}>", text=True, capture_output=True, check=False).returncode == 0


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def stripped_size(contender, sdk, work):
    """Bytes of the program, made small as a product would be, with the peer's own libraries but not those they need."""
    if contender.program == "rumqttc":
        small = f"{work}/rumqttc.small"
        run(["strip", "-o", small, f"{work}/rumqttc"])
        return os.path.getsize(small)
    small = f"{work}/{contender.program}.small"
    options = ("-Os", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-s")
    own = 0
    if contender.program == "ours":
        options += (f"-I{sdk}/include", f"-I{sdk}/include/exports")
        libraries = sdk_libraries(sdk)
    else:
        libraries = (f"-l{contender.library}",) if contender.library else ()
    compile_small = ["gcc", "-std=c99", *options, f"{HERE}/{contender.program}.c", f"{HERE}/contender.c", "-o", small,
                     "-pthread", *libraries]
    run(compile_small)
    if contender.library:
        own = sum(os.path.getsize(path) for path in shared_libraries(small, contender.library))
    return os.path.getsize(small) + own


def shared_libraries(program, library):
    """Files of a library among those that a program loads."""
    lines = [line.split() for line in run(["ldd", program]).splitlines()]
    return [os.path.realpath(words[2]) for words in lines if len(words) > 2 and words[0].startswith(f"lib{library}.")]
