#!/usr/bin/env python3
"""Writes the public headers and a config.h with the given macros into a directory, without CMake and without libraries:
scripts/config_h.py <directory> [MACRO ...]

For checks of headers in configurations whose libraries do not exist (yet).
"""

import os
import re
import shutil
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def write(directory, macros):
    with open(os.path.join(ROOT, "cmake", "config.h.in"), encoding="utf-8") as template:
        names = re.findall(r"^#cmakedefine (\w+)$", template.read(), re.MULTILINE)
    unknown = sorted(set(macros) - set(names))
    if unknown:
        sys.exit(f"config_h: no macro of config.h: {' '.join(unknown)}")
    shutil.copytree(os.path.join(ROOT, "include"), directory, dirs_exist_ok=True)
    lines = [f"#define {name}" if name in macros else f"/* #undef {name} */" for name in names]
    with open(os.path.join(directory, "config.h"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__.splitlines()[1])
    write(sys.argv[1], set(sys.argv[2:]))
