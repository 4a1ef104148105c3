#!/usr/bin/env python3
"""Builds configurations of the libraries and compares headers, archives and links with the tables of the interface.

A plain run takes the configurations that other tests build too, IOT_FULL takes all of tests/configurations.py; names as
arguments choose some. Each stays in IOT_VARIANTS, so that a second run is short.
"""

import concurrent.futures
import csv
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(HERE))
import archive_symbols  # noqa: E402
import configurations  # noqa: E402
from configurations import ROOT, Configuration  # noqa: E402

TABLES = os.path.join(os.path.dirname(ROOT), "shared", "abi")
CHECKER = os.path.join(TABLES, "linkcheck", "check_abi.py")
SHARED_WITH = os.path.join(ROOT, "tests", "e2e", "support", "sdk.rs")


def main():
    names = sys.argv[1:] or list(configurations.FULL if os.environ.get("IOT_FULL") else configurations.QUICK)
    passed, failed = same_names()
    if not os.path.exists(CHECKER):
        print("the tables of the interface are not here: only builds and symbols are checked")
    # Builds wait for each other; meanwhile the other worker compares.
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as workers:
        for name, (good, bad, lines) in zip(names, workers.map(check, names)):
            print("".join(line + "\n" for line in lines) + f"-- {name}: {good} passed, {bad} failed", flush=True)
            passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    return failed != 0


def same_names():
    """A name stands for the same options, in the same order, in the end-to-end tests: else the two would rebuild it in turns."""
    with open(SHARED_WITH, encoding="utf-8") as file:
        theirs = {name: re.findall(r'"([^"]+)"', options) for name, options in
                  re.findall(r'Config\s*\{\s*name: "([\w-]+)",\s*options: &\[([^\]]*)\]', file.read())}
    ours = {name: Configuration(name).options() for name in configurations.QUICK}
    if theirs == ours:
        return 1, 0
    print(f"tests/e2e/support/sdk.rs and tests/configurations.py differ: {theirs} and {ours}")
    return 0, 1


def check(name):
    """Numbers of passed and failed checks, and the lines that explain."""
    configuration = Configuration(name)
    trouble = configuration.build()
    if trouble:
        return 0, 1, [f"{name} does not build:", trouble]
    checks = [compare_symbols(configuration, part) for part in ("sdk", "platform")]
    if os.path.exists(CHECKER):
        checks.append(compare_with_tables(configuration))
    return tuple(map(sum, zip(*(numbers for numbers, _ in checks)))) + ([line for _, lines in checks for line in lines],)


def compare_symbols(configuration, part):
    """The archive's global symbols are those of the list, no more and no less."""
    found = archive_symbols.globals_of(configuration.archive(part))
    defined = {symbol for symbol, (_, section) in found.items() if section != "UND"}
    stray = defined ^ archive_symbols.listed(part, configuration.names())
    if stray:
        return (0, 1), [f"{configuration.archive(part)} and scripts/api_symbols.txt differ: {' '.join(sorted(stray))}"]
    return (1, 0), []


def compare_with_tables(configuration, *options):
    command = [sys.executable, CHECKER, "--headers", configuration.include, "--link", *options]
    command += [word for part in ("sdk", "platform") for word in ("--lib", configuration.archive(part))]
    command += [word for name in configuration.without() for word in ("--without", name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    numbers = re.search(r"^(\d+) passed, (\d+) failed$", done.stdout, re.MULTILINE)
    if not numbers:
        return (0, 1), [done.stdout + done.stderr]
    lines = [line for line in done.stdout.splitlines() if line.startswith("FAIL ")]
    left_out = [line for line in lines if links_with_no_library(line, configuration.names())]
    passed, failed = int(numbers.group(1)), int(numbers.group(2)) - len(left_out)
    return (passed, failed), [f"left out, as the original lacks what it calls: {line.split()[2][:-1]}" if line in left_out
                              else line for line in lines]


def links_with_no_library(line, names):
    """Whether the tables have a sample built where by the same tables the original lacks what it calls: samples that need
    MQTT or the shadow are named for every build with threads."""
    sample = re.match(r"FAIL link \w+: undefined: ([\w ]+)$", line)
    return bool(sample) and all(not in_original(symbol, names) for symbol in sample.group(1).split())


def in_original(symbol, names):
    with open(os.path.join(TABLES, "functions.csv"), newline="", encoding="utf-8") as file:
        condition = next(row["defined_when"] for row in csv.DictReader(file) if row["symbol"] == symbol)
    return archive_symbols.pack_archive.holds(condition, names)


if __name__ == "__main__":
    sys.exit(main())
