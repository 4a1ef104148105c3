#!/usr/bin/env python3
"""What the two archives of a build consist of, as rows of a table: bytes by origin.

Every function has a section of its own, so the sections of the packed object, before its inner names are stripped, tell
where code comes from. Constants and unwind tables are not told apart.
"""

import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import pack_archive  # noqa: E402

# The first pattern that fits a demangled function name decides; `<A as B>::f` belongs to A.
CODE = [
    ("SDK", r"^(<&?)?iot_sdk|^iot_(log|guard)|^(IOT|LITE|utils)_"),
    ("SDK: standard library, formatting", r"(core|alloc|std)::(fmt|num|str|string|char|unicode)\b|fmt::|Display|Debug"),
    ("SDK: standard library, rest", r"\b(core|alloc|std|std_detect|compiler_builtins|__rustc)(::|$)|rust_"),
    ("SDK: WebSocket (`tungstenite`, `httparse`)", r"\b(tungstenite|httparse|http|utf8)::"),
    ("SDK: packets (`mqttbytes`, `bytes`)", r"\b(mqttbytes|bytes)::"),
    ("SDK: digests and encodings", r"\b(sha1|sha2|hmac|digest|base64|hex|zeroize|block_buffer|hybrid_array|memchr)::"),
]
PORT = [
    ("Mbed TLS: protocol", r"^(mbedtls_)?(ssl|tls)_|^mbedtls_ssl"),
    ("Mbed TLS: certificates and keys", r"^(mbedtls_)?(x509|pk|pem|asn1|oid|pkwrite|pkparse|base64)"),
    ("port", r"iot_platform|^(<.*)?core::|^core|compiler_builtins|^HAL_|^iot_|^rust_|__rustc"),
    ("Mbed TLS: cryptography", r""),
]
ORDER = [*(name for name, _ in CODE), "port", "Mbed TLS: protocol", "Mbed TLS: certificates and keys", "Mbed TLS: cryptography",
         "constants and data", "unwind tables"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("builds", nargs="+", metavar="HEADER=TREE=SDK=PORT[=minsize]",
                        help="heading, output tree, the two libraries that cargo built")
    args = parser.parse_args()
    columns = {}
    for build in args.builds:
        heading, *words = build.split("=")
        columns[heading] = parts(*words)
    print("| part | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1))
    for name in ORDER:
        print(f"| {name} | " + " | ".join(str(column[name]) for column in columns.values()) + " |")
    print("| all | " + " | ".join(str(sum(column.values())) for column in columns.values()) + " |")


def parts(tree, sdk, port, minsize=""):
    sizes = collections.Counter()
    for archive, library, groups in (("sdk", sdk, CODE), ("platform", port, PORT)):
        with tempfile.TemporaryDirectory() as work:
            args = pack_archive.parse_arguments([
                "--archive", archive, "--symbols", os.path.join(ROOT, "scripts", "api_symbols.txt"), "--config",
                os.path.join(tree, "include", "config.h"), "--define", "MQTT_COMM_ENABLED", "--define", "MQTT_DEVICE_SHADOW",
                "--input", library, "--out", os.path.join(work, "unused.a"), *(["--minsize"] if minsize else [])])
            wanted = pack_archive.wanted_symbols(args, pack_archive.read_symbols(args.symbols, archive))
            linked = pack_archive.link_all(args, wanted, work)
            sizes.update(by_origin(pack_archive.tool(args, "readelf", "--wide", "--section-headers", linked), groups))
    return sizes


def by_origin(headers, groups):
    found = re.findall(r"^ *\[ *\d+\] (\.\S+) +(\w+) +\w+ \w+ (\w+) \w+ +(W?A\w*) ", headers, re.MULTILINE)
    names = demangled([section for section, *_ in found])
    sizes = collections.Counter()
    for (section, _, size, _), name in zip(found, names):
        if section.startswith((".eh_frame", ".gcc_except_table")):
            group = "unwind tables"
        elif section.startswith(".text"):
            group = next((group for group, pattern in groups if re.search(pattern, name)), groups[0][0])
        else:
            group = "constants and data"
        sizes[group] += int(size, 16)
    return sizes


def demangled(sections):
    names = "\n".join(re.sub(r"^\.text\.(unlikely\.)?", "", section) for section in sections)
    done = subprocess.run(["c++filt"], input=names, capture_output=True, text=True, check=True)
    return [re.sub(r"\[[0-9a-f]{8,}\]", "", name) for name in done.stdout.split("\n")]


if __name__ == "__main__":
    main()
