#!/usr/bin/env python3
"""Compares the C interface with its committed description, tests/interface.txt: prototypes, layouts, values of enumerators.

A change of the interface then shows in review, where a change of headers alone may hide one. After an intended change:
tests/steps/abi_dump.py --update. The symbols of the archives have a description of their own, scripts/api_symbols.txt.
"""

import difflib
import os
import platform
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import config_h  # noqa: E402

DESCRIPTION = os.path.join(ROOT, "tests", "interface.txt")
MACHINE = "x86_64"
EVERYTHING = {"AT_TCP_ENABLED", "BROADCAST_ENABLED", "COAP_COMM_ENABLED", "GATEWAY_ENABLED", "LOG_UPLOAD", "MULTITHREAD_ENABLED",
              "RRPC_ENABLED"}
# Each is described by what no earlier one has.
CONFIGURATIONS = [{"AUTH_MODE_KEY"}, {"AUTH_MODE_CERT"}, {"AUTH_MODE_KEY", "DEV_DYN_REG_ENABLED"},
                  {"AUTH_MODE_CERT", "DEV_DYN_REG_ENABLED"}]
SOURCE = "".join(f'#include "{name}.h"\n'
                 for name in ("qcloud_iot_export", "qcloud_iot_import", "lite-utils", "utils_getopt"))
# What a header defines: a type with a body, or another name for one.
DEFINITION = re.compile(r"^\} (\w+);|^(?:typedef )?(?:struct|enum) (\w+) \{|^typedef [^;{]*?\(\*(\w+)\)\("
                        r"|^typedef [^;{(]*?(\w+);", re.MULTILINE)


def main():
    if platform.machine() != MACHINE:
        print(f"abi_dump: left out, the description is for {MACHINE}\n0 passed, 0 failed")
        return 0
    now = description()
    if sys.argv[1:] == ["--update"]:
        with open(DESCRIPTION, "w", encoding="utf-8") as file:
            file.write(now)
        return 0
    with open(DESCRIPTION, encoding="utf-8") as file:
        committed = file.read()
    print("".join(difflib.unified_diff(committed.splitlines(True), now.splitlines(True), "tests/interface.txt", "now")), end="")
    print("0 passed, 1 failed" if committed != now else "1 passed, 0 failed")
    return committed != now


def description():
    text = f"# The C interface on {MACHINE}, Linux with glibc; written by tests/steps/abi_dump.py --update.\n"
    described = set()
    for macros in CONFIGURATIONS:
        lines = [line for line in interface(macros | EVERYTHING) if line not in described]
        text += f"\n# {' '.join(sorted(macros))}\n" + "".join(line + "\n" for line in lines)
        described.update(lines)
    return text


def interface(macros):
    with tempfile.TemporaryDirectory(prefix="iot-abi-") as work:
        config_h.write(os.path.join(work, "include"), macros)
        includes = ["-Iinclude", "-Iinclude/exports"]
        with open(os.path.join(work, "all.c"), "w", encoding="utf-8") as file:
            file.write(SOURCE)
        subprocess.run(["gcc", "-std=gnu99", "-g", "-fno-eliminate-unused-debug-types", "-aux-info", "prototypes", *includes,
                        "-c", "all.c"], cwd=work, check=True)
        dwarf = subprocess.run(["readelf", "--debug-dump=info", "all.o"], cwd=work, check=True, capture_output=True, text=True)
        with open(os.path.join(work, "prototypes"), encoding="utf-8") as file:
            return prototypes(file.read()) + types(entries(dwarf.stdout), defined_names(os.path.join(work, "include")))


def prototypes(text):
    """Of the headers' functions, by name; a line is `/* include/file.h:12:NC */ extern int f (int);`."""
    lines = re.findall(r"^/\* include/\S+ \*/ (.*?);", text, re.MULTILINE)
    return sorted(lines, key=lambda line: re.search(r"(\w+) \(", line).group(1))


def defined_names(include):
    names = set()
    for folder in (include, os.path.join(include, "exports")):
        for name in sorted(os.listdir(folder)):
            if name.endswith(".h") and name != "platform.h":  # which names a type of the system
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    names.update(word for words in DEFINITION.findall(file.read()) for word in words if word)
    return names


class Entry:
    def __init__(self, tag):
        self.tag = tag
        self.attributes = {}
        self.children = []


def entries(dwarf):
    """Offset -> entry of the debug information that readelf prints."""
    found, parents = {}, {}
    for line in dwarf.splitlines():
        start = re.match(r" <(\w+)><(\w+)>: Abbrev Number: \d+ \(DW_TAG_(\w+)\)", line)
        attribute = re.match(r"\s+<\w+>\s+DW_AT_(\w+)\s*: (?:\(indirect[^)]*\): |\(data[^)]*\) )?(.*?)\s*$", line)
        if start:
            entry = found[int(start.group(2), 16)] = Entry(start.group(3))
            level = int(start.group(1), 16)
            parents[level] = entry
            if level:
                parents[level - 1].children.append(entry)
        elif attribute and found:
            entry.attributes[attribute.group(1)] = attribute.group(2)
    return found


def types(found, names):
    described = {}
    for entry in found.values():
        name = entry.attributes.get("name")
        if name not in names:
            continue
        if entry.tag == "typedef":
            described[f"typedef {name}"] = [f"typedef {type_name(found, entry)} {name}"]
        elif entry.tag == "enumeration_type":
            described[f"enum {name}"] = [f"enum {name}: {entry.attributes['byte_size']} bytes"] + [
                f"enum {name}: {value.attributes['name']} = {value.attributes['const_value']}" for value in entry.children]
        elif entry.tag == "structure_type" and "byte_size" in entry.attributes:
            described[f"struct {name}"] = [f"struct {name}: {entry.attributes['byte_size']} bytes"] + [
                f"struct {name}: at {member.attributes['data_member_location']}: {type_name(found, member)} "
                f"{member.attributes['name']}" for member in entry.children]
    return [line for key in sorted(described) for line in described[key]]


def type_name(found, entry):
    """Of what the entry refers to."""
    if "type" not in entry.attributes:
        return "void"
    target = found[int(entry.attributes["type"].strip("<>"), 16)]
    if target.tag == "pointer_type":
        return f"{type_name(found, target)} *"
    if target.tag == "const_type":
        return f"{type_name(found, target)} const"
    if target.tag == "array_type":
        bounds = "".join(f"[{int(bound.attributes['upper_bound']) + 1}]" for bound in target.children)
        return f"{type_name(found, target)} {bounds}"
    if target.tag == "subroutine_type":
        parameters = ["..." if child.tag == "unspecified_parameters" else type_name(found, child) for child in target.children]
        return f"{type_name(found, target)} ({', '.join(parameters) or 'void'})"
    return {"structure_type": "struct ", "enumeration_type": "enum "}.get(target.tag, "") + target.attributes["name"]


if __name__ == "__main__":
    sys.exit(main())
