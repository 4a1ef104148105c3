"""The global symbols of an archive, and those that scripts/api_symbols.txt wants there."""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import pack_archive  # noqa: E402


def globals_of(archive):
    """Name -> (binding, section)."""
    command = ["readelf", "--wide", "--symbols", archive]
    table = {}
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        words = line.split()
        if len(words) >= 8 and words[4] in ("GLOBAL", "WEAK"):
            table[words[7]] = (words[4], words[6])
    return table


def listed(part, names):
    """What the list says for 'sdk' or 'platform' when these names hold."""
    symbols = pack_archive.read_symbols(os.path.join(ROOT, "scripts", "api_symbols.txt"), part)
    return {symbol for symbol, condition in symbols.items() if pack_archive.holds(condition, names)}
