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

UNWIND_TABLES = (".eh_frame", ".rela.eh_frame", ".rel.eh_frame", ".gcc_except_table*", ".ARM.exidx*", ".ARM.extab*")

# Code that takes the place of functions, for the machines that readelf names.
RETURN_OK = {
    "Advanced Micro Devices X86-64": bytes.fromhex("31c0c3"),  # xor eax, eax; ret
    "Intel 80386": bytes.fromhex("31c0c3"),
    "ARM": bytes.fromhex("0000a0e31eff2fe1"),  # mov r0, #0; bx lr
    "AArch64": bytes.fromhex("00008052c0035fd6"),  # mov w0, #0; ret
}
TRAP = {
    "Advanced Micro Devices X86-64": bytes.fromhex("0f0b"),  # ud2
    "Intel 80386": bytes.fromhex("0f0b"),
    "AArch64": bytes.fromhex("00000000"),  # udf #0
    "ARM": bytes.fromhex("f000f0e7"),  # udf #0
}

# `impl Display for DisplayBacktrace` in std.
PRINTS_BACKTRACE = re.compile(r"backtrace.*DisplayBacktrace.*Display3fmt")
# Functions of core, alloc and std that only ever panic.
PANICS = re.compile(
    r"^\.text\.(unlikely\.)?_RI?Nv(Nt|Nv)*Cs\w+?_("
    r"4core9panicking\d|4core6option1\d(unwrap|expect)_failed|4core6result13unwrap_failed|4core4cell\d+panic_already_"
    r"|4core3str\d+slice_error_fail|4core5slice5index16slice_index_fail|4core5slice20copy_from_slice_impl17len_mismatch_fail"
    r"|5alloc7raw_vec17capacity_overflow|3std9panicking15panic_with_hook|3std6thread5local18panic_access_error)")
# What the functions above would have printed, and std when memory is at an end: nobody else asks for these texts.
DESCRIBES_PANIC = re.compile(
    r"^\.text\.(unlikely\.)?_R(NvX\w*(3std2io5errorNtB\w_5Error|5alloc6stringNtB\w_13FromUtf8Error)\w*4core3fmt5Debug3fmt"
    r"|NvNtCs\w+?_3std5alloc24default_alloc_error_hook|NvYNtNtNtNtCs\w+?_3std3sys5stdio4unix6Stderr\w*5Write9write_fmt)")

# Names of source files among texts that end with a NUL: the places of panics. Nobody else asks for them.
PLACES = re.compile(rb"(?<![^\0])[^\0]*/[^\0]*\.rs(?=\0)")


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
    parser.add_argument("--minsize", action="store_true", help="nothing unwinds in this library: a panic may end at once")
    parser.add_argument("--keep-debug", action="store_true", help="keep debug information and local names")
    return parser.parse_args(argv)


class PackError(Exception):
    pass


def pack(args):
    listed = read_symbols(args.symbols, args.archive)
    wanted = wanted_symbols(args, listed)
    check_list(wanted, set(listed), defined_symbols(args, args.input))

    with tempfile.TemporaryDirectory(dir=os.path.dirname(args.out)) as work:
        api = write_lines(os.path.join(work, "api"), wanted)
        packed = os.path.join(work, f"iot_{args.archive}.o")
        archive = os.path.join(work, "archive.a")
        linked = link_all(args, wanted, work)
        weak = [f"--weaken-symbols={api}"] if args.archive == "platform" else []
        strip = [] if args.keep_debug else ["--strip-unneeded"]
        tool(args, "objcopy", f"--keep-global-symbols={api}", *weak, *strip, *DROP, linked, packed)
        check_object(args, wanted, packed)
        tool(args, "ar", "crD", archive, packed)
        replace_if_different(archive, args.out)


def wanted_symbols(args, listed):
    names = config_names(args.config) | set(args.define)
    return {symbol for symbol, condition in listed.items() if holds(condition, names)}


def link_all(args, wanted, work):
    """The object with all that the interface reaches, its inner symbols still there."""
    linked, cut = os.path.join(work, "linked.o"), os.path.join(work, "cut.o")
    link(args, wanted, [args.input, *args.libraries], linked)
    if not args.keep_debug and cut_panics(args, linked, cut):
        link(args, wanted, [cut], linked)
    return linked


def link(args, wanted, sources, linked):
    """One relocatable object of all that the interface reaches."""
    roots = [word for symbol in sorted(wanted) for word in ("-u", symbol)]
    tool(args, "ld", "-r", "--force-group-allocation", "--gc-sections", *roots, "-o", linked, *sources)


def cut_panics(args, linked, cut):
    """Shortens what happens after a panic; True if there was something to cut.

    After a panic the Rust standard library can print the calls that led there (RUST_BACKTRACE). The readers of debug
    information that this takes are a third of the SDK, and a release archive has no debug information to read: the
    function that prints a backtrace returns at once. With --minsize a panic ends the program at once, without its message, the place
    in it and all that formats it, and tables for unwinding are dropped.
    """
    options, kind = [], machine(args, linked)
    if kind == "ARM" and is_thumb(args, linked):
        kind = "Thumb"
    for pattern, code in [(PRINTS_BACKTRACE, RETURN_OK), *([(PANICS, TRAP), (DESCRIBES_PANIC, RETURN_OK)] if args.minsize else [])]:
        options += replace_functions(args, linked, pattern, code.get(kind))
    if args.minsize:
        options += forget_places(args, linked) + [f"--remove-section={name}" for name in UNWIND_TABLES]
        if "_Unwind_Resume" in undefined_symbols(args, linked):
            # Never called, so that a firmware need not import it.
            options.append("--redefine-sym=_Unwind_Resume=abort")
    if options:
        tool(args, "objcopy", *options, linked, cut)
    return bool(options)


def replace_functions(args, linked, pattern, code):
    """Options of objcopy that put `code`, if there is any for this machine, in the place of functions."""
    options = []
    for name, size in code_sections(args, linked):
        if code and pattern.search(name):
            with tempfile.NamedTemporaryFile(dir=os.path.dirname(linked), delete=False) as body:
                # Of the old size, so that unwind tables still fit where they are kept.
                body.write(code if args.minsize else code.ljust(size, b"\0"))
            options += ["--update-section", f"{name}={body.name}", f"--remove-relocations={name}"]
    return options


def forget_places(args, linked):
    """Options of objcopy that make the names of source files empty, so that the linker of the firmware merges them into one, and
    drop the relocations of the places with such a name."""
    options = []
    headers = tool(args, "readelf", "--wide", "--section-headers", linked)
    for section in re.findall(r" (\.rodata\.str1\.\d+) +PROGBITS", headers):
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(linked), delete=False) as body:
            tool(args, "objcopy", "--dump-section", f"{section}={body.name}", linked, os.devnull)
            texts = body.read()
            body.seek(0)
            body.write(PLACES.sub(lambda place: bytes(len(place[0])), texts))
        options += ["--update-section", f"{section}={body.name}"]
        names = {place.start() for place in PLACES.finditer(texts)}
        options += [f"--remove-relocations={source}" for source, target, offset in lone_pointers(args, linked)
                    if target == section and offset in names]
    return options


def lone_pointers(args, path):
    """Constants with one pointer: their section, the section it points to, and the offset there. Where offsets stand with the
    relocations, that is: not on 32-bit machines."""
    for source, entry in re.findall(r"^Relocation section '\.rela(\.data\.rel\.ro\.\S+)' at .* contains 1 entry:\n.*\n(.*)$",
                                    tool(args, "readelf", "--wide", "--relocs", path), re.MULTILINE):
        match = re.search(r" (\.\S+) \+ (\w+)$", entry)
        if match:
            yield source, match.group(1), int(match.group(2), 16)


def machine(args, path):
    return re.search(r"Machine: +(.*)", tool(args, "readelf", "--file-header", path)).group(1)


def is_thumb(args, path):
    """Whether the function to cut is in ARM's other instruction set; its address is odd then."""
    symbols = (line.split() for line in tool(args, "readelf", "--wide", "--symbols", path).splitlines())
    return any(int(words[1], 16) % 2 for words in symbols
               if len(words) == 8 and words[3] == "FUNC" and PRINTS_BACKTRACE.search(words[7]))


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
