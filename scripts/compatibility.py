#!/usr/bin/env python3
"""Writes docs/compatibility.md: every symbol of the interface, whether the archives have it, and which tests call it.

usage: scripts/compatibility.py [--check]    --check compares instead, and says what differs

The symbols come from the tables of the original interface (../shared/abi), the rest from the sources: a program tests a
symbol when its code names it, itself or through a macro of our headers.
"""

import csv
import difflib
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLES = os.path.join(os.path.dirname(ROOT), "shared", "abi")
DOCUMENT = os.path.join(ROOT, "docs", "compatibility.md")
sys.dont_write_bytecode = True
import pack_archive  # noqa: E402

INTRODUCTION = """# Compatibility

Written by `scripts/compatibility.py` from the tables of the original interface, `scripts/api_symbols.txt` and the sources of
the tests. Do not edit.

* **Delivered** is the condition, in macros of `config.h`, under which the archives have the symbol. `MQTT_COMM_ENABLED`,
  `MQTT_DEVICE_SHADOW`, `OTA_COMM_ENABLED` and `RESOURCE_COMM_ENABLED` stand for the options of that name. "inline" is in the
  header; "no" is declared only: a program that calls it compiles and does not link.
* **Tested by** names the C programs of `tests/c` and `c_samples` that call it, files of Rust tests that do, and `abi_headers`
  for inline functions that `tests/steps/abi_headers.py` runs. That prototypes are right and that programs with
  each function link is tested for all of them (`tests/steps/abi_matrix.py`).
"""


def main():
    if not os.path.isdir(TABLES):
        sys.exit("compatibility: the tables of the interface are not here")
    now = document()
    if sys.argv[1:] != ["--check"]:
        with open(DOCUMENT, "w", encoding="utf-8") as file:
            file.write(now)
        return 0
    committed = read(DOCUMENT)
    print("".join(difflib.unified_diff(committed.splitlines(True), now.splitlines(True), "docs/compatibility.md", "now")), end="")
    if committed != now:
        print("docs/compatibility.md is out of date: scripts/compatibility.py")
    return committed != now


def document():
    delivered = {**pack_archive.read_symbols(os.path.join(ROOT, "scripts", "api_symbols.txt"), "sdk"),
                 **pack_archive.read_symbols(os.path.join(ROOT, "scripts", "api_symbols.txt"), "platform")}
    sections = symbols()
    ours = sorted(set(delivered) - {name for rows in sections.values() for name, _ in rows})
    sections["Additions to the original"] = [(name, "") for name in ours]
    names = {name for rows in sections.values() for name, _ in rows}
    called = callers(names)
    text, total, there, untested = "", 0, 0, []
    for title, rows in sections.items():
        text += f"\n## {title}\n\n| symbol | delivered | tested by |\n|---|---|---|\n"
        for name, kind in rows:
            state = kind or delivered.get(name, "no").replace("always", "yes").replace("||", r"\|\|")
            by = called[name]
            text += f"| `{name}` | {state} | {', '.join(by)} |\n"
            total, there = total + 1, there + (state != "no")
            untested += [name] if state != "no" and not by else []
    text = f"\n{there} of {total} symbols are delivered.\n" + gaps(untested) + text
    return INTRODUCTION + text


def gaps(untested):
    if not untested:
        return "Each of these is called by a test.\n"
    return f"No test calls these {len(untested)} of them: " + ", ".join(f"`{name}`" for name in untested) + ".\n"


def symbols():
    """Header -> names with 'inline' or ''."""
    sections = {}
    for row in table("functions.csv"):
        kind = "" if row["linkage"] == "extern" else "inline"
        sections.setdefault(f"`{os.path.basename(row['header'])}`", []).append((row["symbol"], kind))
    for row in table("globals.csv"):
        sections.setdefault(f"`{os.path.basename(row['header'])}`", []).append((row["symbol"], ""))
    sections["Defined by the original and declared in no header"] = [(row["symbol"], "")
                                                                     for row in table("functions_extra.csv")]
    return sections


def table(name):
    with open(os.path.join(TABLES, name), newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def callers(names):
    """Symbol -> what calls it."""
    called = {name: set() for name in names}
    aliases = macros(names)
    for title, code in test_sources():
        for word in set(re.findall(r"\w+", code)):
            for name in aliases.get(word, ()) if word in aliases else ([word] if word in names else []):
                called[name].add(title)
    for row in table("probes.csv"):
        called.get(row["name"], set()).add("abi_headers")
    return {name: sorted(titles) for name, titles in called.items()}


def macros(names):
    """Macro of our headers -> the symbols that it comes down to."""
    bodies = {}
    for path in glob.glob(os.path.join(ROOT, "include", "**", "*.h"), recursive=True):
        text = without_comments(read(path)).replace("\\\n", " ")
        for macro, body in re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)\([^)]*\)(.*)$", text, re.MULTILINE):
            bodies.setdefault(macro, set()).update(re.findall(r"\w+", body))

    def reached(words, seen):
        return {found for word in words - seen
                for found in ({word} if word in names else reached(bodies.get(word, set()), seen | words))}

    return {macro: reached(words, {macro}) for macro, words in bodies.items()}


def test_sources():
    """Title and code of the programs and files that test."""
    programs = glob.glob(os.path.join(ROOT, "tests", "c", "*.c")) + glob.glob(os.path.join(ROOT, "c_samples", "*", "*.c"))
    for path in sorted(programs):
        yield os.path.basename(path), re.sub(r"^\w[\w *]*?\b\w+(?=\([^;{}]*\)\s*[{;])", "", without_comments(read(path)),
                                             flags=re.MULTILINE)  # neither definitions nor prototypes
    for folder in ("tests", "src", "platform"):
        for path in sorted(glob.glob(os.path.join(ROOT, folder, "**", "*.rs"), recursive=True)):
            code = without_comments(read(path))
            if folder == "src" and not path.endswith("tests.rs"):
                code = code.partition("#[cfg(test)]")[2]
            elif folder == "platform" and f"{os.sep}tests{os.sep}" not in path:
                continue
            yield os.path.relpath(path, ROOT), calls(code)


def calls(code):
    """Of Rust code only what is called or referred to, not what is declared."""
    return re.sub(r"\bfn \w+", "", code)


def without_comments(code):
    """Strings go too: a name in a log line is no call."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"'
    return re.sub(pattern, " ", code, flags=re.DOTALL)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


if __name__ == "__main__":
    sys.exit(main())
