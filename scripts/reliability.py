#!/usr/bin/env python3
"""Writes docs/reliability.md: under which circumstances the SDK and its hub are tested, by which test, and how often.

usage: scripts/reliability.py [--check]    --check compares instead, and says what differs

Two sources: the table of defects in docs/deviations.md, and comments above the tests themselves:

    // covers: <part> / <circumstance> | <transports> | <count>
    #[test]
    fn the_test() {

Anywhere in a step (tests/steps/) the same with `#` is a row for the step. A count that the test computes is asserted there; here stands what it asserts.
"""

import difflib
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOCUMENT = os.path.join(ROOT, "docs", "reliability.md")
SOURCES = ["tests/**/*.rs", "src/**/*.rs", "emulator/tests/**/*.rs", "platform/**/*.rs"]
STEPS = "tests/steps/*"
COVERS = re.compile(r"^\s*(?://|#) covers: (.*)$")
FUNCTION = re.compile(r"^\s*(?:pub )?fn (\w+)\(")
PARTS = ["Link", "Connecting", "Server", "Time", "Memory", "Threads", "Hub"]

INTRODUCTION = """# Reliability

Written by `scripts/reliability.py` from comments in the tests and the table of defects in [deviations.md](deviations.md). Do not edit.

"tcp", "tls", "ws" and "wss" are the transports that a test runs over; "-" means that none matters. Counts are sessions or cases of one
run of `./cmake_build.sh test`; where a second one is given, it is that of `./cmake_build.sh test --full`.
"""


def main():
    now = document()
    if sys.argv[1:] != ["--check"]:
        with open(DOCUMENT, "w", encoding="utf-8") as file:
            file.write(now)
        return 0
    committed = read(DOCUMENT) if os.path.exists(DOCUMENT) else ""
    print("".join(difflib.unified_diff(committed.splitlines(True), now.splitlines(True), "docs/reliability.md", "now")), end="")
    if committed != now:
        print("docs/reliability.md is out of date: scripts/reliability.py")
    return committed != now


def document():
    files = sorted({path for pattern in [*SOURCES, STEPS] for path in glob.glob(os.path.join(ROOT, pattern), recursive=True) if os.path.isfile(path)})
    tests, rows = {}, {part: [] for part in PARTS}
    for path in files:
        name = os.path.relpath(path, ROOT)
        is_step = os.path.dirname(name) == os.path.dirname(STEPS)
        found, covered = read_tests(read(path), name, os.path.basename(name) if is_step else None)
        for test in found:
            tests.setdefault(test, name)
        for part, *row in covered:
            if part not in rows:
                sys.exit(f"{name}: no part is called {part}")
            rows[part].append(row)
    text = INTRODUCTION
    for part, lines in rows.items():
        if lines:
            text += f"\n## {part}\n\n| circumstance | over | test | count |\n|---|---|---|---|\n"
            text += "".join(f"| {what} | {over} | `{test}` ({name}) | {count} |\n" for what, over, count, test, name in sorted(lines))
    text += "\n## Defects of the original\n\nWhat they were is in [deviations.md](deviations.md).\n\n| # | test |\n|---|---|\n"
    defects = defect_rows(tests)
    if [number for number, _ in defects] != list(range(1, len(defects) + 1)):
        sys.exit("docs/deviations.md: the defects are not numbered one by one")
    text += "".join(f"| {number} | {', '.join(cells)} |\n" for number, cells in defects)
    total = sum(map(len, rows.values()))
    return text + f"\n{total} circumstances, {len(defects)} defects.\n"


def read_tests(text, name, step=None):
    """Names of the tests in a source, and rows (part, circumstance, transports, count, test, file) of its comments; all rows of
    a step are its own."""
    tests, rows, waiting, is_test = [], [], [], False
    for line in text.splitlines():
        covers, function = COVERS.match(line), FUNCTION.match(line)
        if covers:
            cells = [cell.strip() for cell in covers[1].split("|")]
            part, slash, what = cells[0].partition(" / ")
            if len(cells) != 3 or not slash or not all(cells):
                sys.exit(f"{name}: cannot read: {line.strip()}")
            waiting.append((part, what, *cells[1:]))
        elif "#[test]" in line:
            is_test = True
        elif function:
            if is_test:
                tests.append(function[1])
            elif waiting:
                sys.exit(f"{name}: {function[1]} covers something and is no test")
            rows += [(*row, function[1], name) for row in waiting]
            waiting, is_test = [], False
    if step:
        rows = [(*row, step, name) for row in waiting]
    return tests, rows


def defect_rows(tests):
    """Number of each defect, and its tests with the files they are in."""
    rows = []
    for line in read(os.path.join(ROOT, "docs", "deviations.md")).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0].isdigit():
            names = re.findall(r"`(\w+)`", cells[3])
            missing = [test for test in names if test not in tests]
            if missing or not names:
                sys.exit(f"docs/deviations.md: defect {cells[0]} has no test {', '.join(missing)}")
            rows.append((int(cells[0]), [f"`{test}` ({tests[test]})" for test in names]))
    return rows


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


if __name__ == "__main__":
    sys.exit(main())
