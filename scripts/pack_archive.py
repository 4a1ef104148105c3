#!/usr/bin/env python3
"""Pack a Rust static library into an archive whose only global symbols are the C interface.

The library is linked into one relocatable object, everything that no interface function reaches is dropped, and every
other symbol becomes local. A firmware can then link its own Mbed TLS or a second Rust library beside ours.

scripts/api_symbols.txt says which symbols the interface has under which condition. A listed symbol that the library
lacks, and an interface name that the library exports but the list lacks, are errors.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

API_NAME = re.compile(r"^(HAL_|IOT_|LITE_|utils_|g_log_|at_|QCLOUD_)")
# Names that would betray a hole in the link: they have to be resolved inside the object.
INNER_NAME = re.compile(r"^(_ZN|_R[A-Z]|__rust|rust_|mbedtls_|psa_|iot_)")

# Bitcode that the Rust toolchain embeds: it would make nm and ar blind where the LLVM plugin is installed.
DROP = ["--remove-section=.llvmbc", "--remove-section=.llvmcmd", "--remove-section=.comment"]

# `impl Display for DisplayBacktrace` in std, and code for `return Ok(())` from it, for the machines that readelf names.
PRINTS_BACKTRACE = re.compile(r"backtrace.*DisplayBacktrace.*Display3fmt")
RETURN_OK = {
    "Advanced Micro Devices X86-64": bytes.fromhex("31c0c3"),  # xor eax, eax; ret
    "Intel 80386": bytes.fromhex("31c0c3"),
    "AArch64": bytes.fromhex("00008052c0035fd6"),  # mov w0, #0; ret
}


def main(argv=None):
    args = parse_arguments(argv)
    try:
        pack(args)
    except PackError as error:
        sys.exit(f"pack_archive: {os.path.basename(args.out)}: {error}")


def parse_arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--archive", choices=["sdk", "platform"], required=True, help="which part of the list")
    parser.add_argument("--symbols", required=True, metavar="FILE", help="api_symbols.txt")
    parser.add_argument("--config", required=True, metavar="FILE", help="config.h of this build")
    parser.add_argument("--define", action="append", default=[], help="further name for the conditions")
    parser.add_argument("--input", required=True, metavar="FILE", help="static library that cargo built")
    parser.add_argument("--out", required=True, metavar="FILE", help="archive to write")
    parser.add_argument("--tool-prefix", default="", help="of ld, objcopy, readelf and ar, such as arm-linux-gnueabihf-")
    parser.add_argument("--with", dest="libraries", action="append", default=[], metavar="LIBRARY",
                        help="further static library that goes into the object")
    parser.add_argument("--keep-debug", action="store_true", help="keep debug information and local names")
    return parser.parse_args(argv)


class PackError(Exception):
    pass


def pack(args):
    names = config_names(args.config) | set(args.define)
    listed = read_symbols(args.symbols, args.archive)
    wanted = {symbol for symbol, condition in listed.items() if holds(condition, names)}
    check_list(wanted, set(listed), defined_symbols(args, args.input))

    with tempfile.TemporaryDirectory(dir=os.path.dirname(args.out)) as work:
        api = write_lines(os.path.join(work, "api"), wanted)
        linked = os.path.join(work, "linked.o")
        packed = os.path.join(work, f"iot_{args.archive}.o")
        archive = os.path.join(work, "archive.a")
        link(args, wanted, [args.input, *args.libraries], linked)
        cut = os.path.join(work, "cut.o")
        if not args.keep_debug and cut_backtraces(args, linked, cut):
            link(args, wanted, [cut], linked)
        weak = [f"--weaken-symbols={api}"] if args.archive == "platform" else []
        strip = [] if args.keep_debug else ["--strip-unneeded"]
        tool(args, "objcopy", f"--keep-global-symbols={api}", *weak, *strip, *DROP, linked, packed)
        check_object(args, wanted, packed)
        tool(args, "ar", "crD", archive, packed)
        replace_if_different(archive, args.out)


def link(args, wanted, sources, linked):
    """One relocatable object of all that the interface reaches."""
    roots = [word for symbol in sorted(wanted) for word in ("-u", symbol)]
    tool(args, "ld", "-r", "--force-group-allocation", "--gc-sections", *roots, "-o", linked, *sources)


def cut_backtraces(args, linked, cut):
    """Makes the function that prints a backtrace return at once; True if there is one.

    After a panic the Rust standard library can print the calls that led there (RUST_BACKTRACE). The readers of debug
    information that this takes are a third of the SDK, and a release archive has no debug information to read.
    """
    done = RETURN_OK.get(machine(args, linked))
    section = next(((name, size) for name, size in code_sections(args, linked) if PRINTS_BACKTRACE.search(name)), None)
    if done is None or section is None:
        return False
    name, size = section
    code = cut + ".code"
    with open(code, "wb") as file:
        file.write(done.ljust(size, b"\0"))  # of the old size, so that unwind tables still fit
    tool(args, "objcopy", "--update-section", f"{name}={code}", f"--remove-relocations={name}", linked, cut)
    return True


def machine(args, path):
    return re.search(r"Machine: +(.*)", tool(args, "readelf", "--file-header", path)).group(1)


def code_sections(args, path):
    for line in tool(args, "readelf", "--wide", "--section-headers", path).splitlines():
        match = re.match(r" *\[ *\d+\] (\.text\S*) +PROGBITS +\w+ \w+ (\w+)", line)
        if match:
            yield match.group(1), int(match.group(2), 16)


def config_names(path):
    with open(path, encoding="utf-8") as lines:
        return {match.group(1) for match in (re.match(r"\s*#define\s+(\w+)\s*$", line) for line in lines) if match}


def read_symbols(path, archive):
    """Symbol -> condition, for one archive."""
    listed = {}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            words = line.split("#")[0].split(None, 2)
            if not words:
                continue
            if len(words) != 3 or words[0] not in ("sdk", "platform"):
                raise PackError(f"{path}:{number}: expected 'sdk|platform SYMBOL CONDITION'")
            if words[0] == archive and listed.setdefault(words[1], words[2].strip()) != words[2].strip():
                raise PackError(f"{path}:{number}: {words[1]} is listed twice")
    return listed


def holds(condition, names):
    """Value of an expression of names, !, &&, || and parentheses; `always` is true."""
    if condition == "always":
        return True
    tokens = re.findall(r"&&|\|\||[!()]|\w+", condition)
    if "".join(tokens) != re.sub(r"\s+", "", condition):
        raise PackError(f"cannot read the condition '{condition}'")
    python = {"&&": "and", "||": "or", "!": "not", "(": "(", ")": ")"}
    expression = " ".join(python.get(token) or str(token in names) for token in tokens)
    try:
        return bool(eval(expression, {"__builtins__": {}}))  # only the words above can occur
    except SyntaxError:
        raise PackError(f"cannot read the condition '{condition}'") from None


def check_list(wanted, listed, defined):
    if not wanted:
        raise PackError("the list has no symbol for this configuration")
    missing = sorted(wanted - defined)
    if missing:
        raise PackError("listed, but the library lacks: " + " ".join(missing))
    unlisted = sorted(symbol for symbol in defined - listed if API_NAME.match(symbol))
    if unlisted:
        raise PackError("exported, but not in api_symbols.txt: " + " ".join(unlisted))


def check_object(args, wanted, packed):
    stray = sorted(defined_symbols(args, packed) ^ wanted)
    if stray:
        raise PackError("global symbols differ from the list: " + " ".join(stray))
    holes = sorted(symbol for symbol in undefined_symbols(args, packed) if INNER_NAME.match(symbol))
    if holes:
        raise PackError("left undefined: " + " ".join(holes))


def defined_symbols(args, path):
    return {name for name, section in global_symbols(args, path) if section != "UND"}


def undefined_symbols(args, path):
    return {name for name, section in global_symbols(args, path) if section == "UND"}


def global_symbols(args, path):
    """Names and sections, by readelf: where the LLVM plugin of GNU nm is installed, nm sees nothing in Rust objects."""
    for line in tool(args, "readelf", "--wide", "--symbols", path).splitlines():
        words = line.split()  # number, value, size, type, binding, visibility, section, name
        if len(words) >= 8 and words[4] in ("GLOBAL", "WEAK"):
            yield words[7], words[6]


def tool(args, name, *arguments):
    command = [args.tool_prefix + name, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise PackError(f"cannot run {command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        raise PackError(f"{command[0]} failed:\n{done.stderr.strip()}")
    return done.stdout


def write_lines(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in sorted(lines)))
    return path


def replace_if_different(new, old):
    """Leave an equal archive untouched, so that nothing is linked again for it."""
    if os.path.exists(old):
        with open(new, "rb") as left, open(old, "rb") as right:
            if left.read() == right.read():
                return
    os.replace(new, old)


if __name__ == "__main__":
    main()
