"""The configurations of the libraries that tests build (scripts/build_config.sh): names, options, and what they contain.

The quick ones have the names and options of tests/e2e/support/sdk.rs, so that both share their builds.
"""

import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

PLAIN = {"AUTH_WITH_NOTLS": "ON"}
CERT = {"AUTH_MODE": "CERT"}
TCP = {"WEBSOCKET_MQTT": "OFF"}
NO_THREADS = {"MULTITHREAD_ENABLED": "OFF"}
NO_GATEWAY = {"GATEWAY_ENABLED": "OFF"}
NO_SHADOW = {"MQTT_DEVICE_SHADOW": "OFF"}
IN_CODE = {"DEBUG_DEV_INFO_USED": "ON"}
MINSIZE = {"MINSIZE": "ON"}
DEBUG = {"BUILD_TYPE": "debug"}
BARE = {**NO_GATEWAY, **NO_SHADOW, "BROADCAST_ENABLED": "OFF", "RRPC_ENABLED": "OFF",
        "REMOTE_CONFIG_MQTT_ENABLED": "OFF", "SYSTEM_COMM_ENABLED": "OFF"}
NO_MQTT = {"MQTT_COMM_ENABLED": "OFF"}  # with the services that need it left on

QUICK = {
    "key": {},
    "cert": CERT,
    "key-plain": PLAIN,
    "key-tcp": TCP,
    "key-tcp-plain": {**TCP, **PLAIN},
    "cert-tcp": {**CERT, **TCP},
    "no-threads": NO_THREADS,
    "key-plain-no-threads": {**PLAIN, **NO_THREADS},
}

# Among them are combinations that the original accepts and cannot build: TLS with a compiler that warns, identity in the code
# with the gateway, threads without the shadow, no MQTT. Others wait for their service (log upload, remote login without
# threads, resources without firmware update), and code extraction is refused.
FULL = {
    **QUICK,
    "cert-no-threads": {**CERT, **NO_THREADS},
    "key-tcp-no-threads": {**TCP, **NO_THREADS},
    "key-tcp-plain-no-threads": {**TCP, **PLAIN, **NO_THREADS},
    "cert-tcp-no-threads": {**CERT, **TCP, **NO_THREADS},
    "key-no-gateway": NO_GATEWAY,
    "cert-no-gateway": {**CERT, **NO_GATEWAY},
    "key-plain-no-gateway": {**PLAIN, **NO_GATEWAY},
    "key-tcp-no-gateway-no-threads": {**TCP, **NO_GATEWAY, **NO_THREADS},
    "cert-tcp-no-gateway-no-threads": {**CERT, **TCP, **NO_GATEWAY, **NO_THREADS},
    "key-in-code": IN_CODE,
    "cert-in-code": {**CERT, **IN_CODE},
    "key-plain-in-code-no-threads": {**PLAIN, **IN_CODE, **NO_THREADS},
    "key-tcp-in-code-no-gateway": {**TCP, **IN_CODE, **NO_GATEWAY},
    "cert-tcp-in-code-no-threads": {**CERT, **TCP, **IN_CODE, **NO_THREADS},
    "key-debug": DEBUG,
    "cert-debug-no-threads": {**CERT, **DEBUG, **NO_THREADS},
    "key-tcp-plain-debug": {**TCP, **PLAIN, **DEBUG},
    "cert-tcp-debug-in-code-no-gateway": {**CERT, **TCP, **DEBUG, **IN_CODE, **NO_GATEWAY},
    "key-no-shadow": NO_SHADOW,
    "cert-no-shadow-no-threads": {**CERT, **NO_SHADOW, **NO_THREADS},
    "key-bare": BARE,
    "cert-tcp-bare": {**CERT, **TCP, **BARE},
    "key-tcp-plain-bare-no-threads": {**TCP, **PLAIN, **BARE, **NO_THREADS},
    "no-mqtt": NO_MQTT,
    "cert-no-mqtt-no-threads": {**CERT, **NO_MQTT, **NO_THREADS},
    "minsize": MINSIZE,
    "cert-minsize-no-threads": {**CERT, **MINSIZE, **NO_THREADS},
}

# Options that say what the archives contain and have no macro in config.h.
WITHOUT_MACRO = ["MQTT_COMM_ENABLED", "MQTT_DEVICE_SHADOW", "OTA_COMM_ENABLED", "RESOURCE_COMM_ENABLED"]


class Configuration:
    def __init__(self, name):
        self.name = name
        self.chosen = FULL[name]
        variants = os.environ.get("IOT_VARIANTS", os.path.join(ROOT, "target", "variants"))
        self.directory = os.path.join(variants, name)
        self.tree = os.path.join(self.directory, self.chosen.get("BUILD_TYPE", "release"))
        self.include = os.path.join(self.tree, "include")

    def options(self):
        return [f"-D{'' if name == 'BUILD_TYPE' else 'FEATURE_'}{name}={value}" for name, value in self.chosen.items()]

    def build(self):
        """None, or the end of the output of a build that failed."""
        os.makedirs(os.path.dirname(self.directory), exist_ok=True)
        with open(self.directory + ".log", "w", encoding="utf-8") as log:
            command = [os.path.join(ROOT, "scripts", "build_config.sh"), self.directory, *self.options()]
            if subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode == 0:
                return None
        with open(self.directory + ".log", encoding="utf-8") as log:
            return "".join(log.readlines()[-20:])

    def archive(self, part):
        return os.path.join(self.tree, "lib", f"libiot_{part}.a")

    def without(self):
        return without(self.chosen)

    def names(self):
        return names(self.include, self.chosen)


def without(chosen):
    """The services of WITHOUT_MACRO that a build with these options lacks."""
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
        options = dict(re.findall(r'^set\(FEATURE_(\w+) +"?(\w+)"?\)', file.read(), re.MULTILINE))
    options.update(chosen)
    return [name for name in WITHOUT_MACRO if options[name] == "OFF"]


def names(include, chosen):
    """The macros of config.h and the services that are in, for the conditions of symbols and samples."""
    with open(os.path.join(include, "config.h"), encoding="utf-8") as file:
        macros = set(re.findall(r"^#define (\w+)$", file.read(), re.MULTILINE))
    return macros | set(WITHOUT_MACRO) - set(without(chosen))
