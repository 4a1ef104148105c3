#!/usr/bin/env python3
"""Build one of the two Rust packages as a static library with cargo, and pack it (pack_archive.py).

Configurations that share a target directory overwrite each other's library there, so a lock is held until ours is
packed.

A release archive depends on the sources, the options and the compilers alone: names of directories that compilers would
put into it are replaced. Archives with debug information keep them, for the debugger.

IOT_SANITIZER=address or thread in the environment is for tests/steps/sanitizers.py: the archive, the standard library in it
included, is then compiled for that sanitizer. What its C parts need for it stands in CFLAGS.
"""

import argparse
import fcntl
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
import pack_archive  # noqa: E402

# A little less inlining than opt-level 3 brings: 8 % of the SDK for 2 % more instructions (docs/decisions.md).
INLINING = ["-Cllvm-args=-inline-threshold=150"]

# Of a small build: SHA-1 without a second version for processors that have instructions for it. It is computed when a client connects.
SMALL_DIGESTS = ["--cfg", 'sha1_backend="soft"']

# The standard library compiled with the package, so that what the package does not need is left out: panics then end the
# program without their texts and places. These options of cargo and rustc are not stable.
OWN_STD = {
    "crates": {"sdk": "std,panic_abort", "platform": "core"},
    "flags": ["-Zunstable-options", "-Cpanic=immediate-abort", "-Zlocation-detail=none"],
}

SANITIZER = os.environ.get("IOT_SANITIZER")
# As little optimization as a test can bear: places in reports are true then. The standard library is compiled too, because
# ThreadSanitizer takes what it does not see for races.
SANITIZED = {
    "crates": {"sdk": "std,panic_unwind", "platform": "core"},
    "flags": {
        # Globals are listed by each object for itself: the tables that linkers merge do not survive packing.
        "address": ["-Zsanitizer=address", "-Cforce-frame-pointers=yes", "-Cllvm-args=-asan-globals-live-support=0"],
        "thread": ["-Zsanitizer=thread", "-Cforce-frame-pointers=yes"],
    },
    "profile": {"DEBUG": "line-tables-only", "LTO": "off", "CODEGEN_UNITS": "16", "OPT_LEVEL": "1"},
}
PACKAGES = {"sdk": "iot_sdk", "platform": "iot_platform"}


def main():
    args = parse_arguments()
    if (args.own_std or SANITIZER) and not args.target:
        args.target = rustc_says("host")  # without a target the flags would be those of build scripts too
    os.makedirs(args.target_dir, exist_ok=True)
    os.makedirs(os.path.dirname(args.out), exist_ok=True)
    with open(os.path.join(args.target_dir, "iot-archives.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        build(args)
        pack_archive.main(pack_arguments(args))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--archive", choices=sorted(PACKAGES), required=True)
    parser.add_argument("--source", required=True, help="directory of the workspace")
    parser.add_argument("--target-dir", required=True, help="cargo's target directory")
    parser.add_argument("--profile", required=True, help="cargo profile")
    parser.add_argument("--features", required=True, help="cargo features, separated by commas")
    parser.add_argument("--target", help="Rust target, when it is not the host")
    parser.add_argument("--cc", required=True, help="C compiler for that target")
    parser.add_argument("--cflags", default="", help="its flags, for the C parts")
    parser.add_argument("--tool-prefix", required=True, help="of ld, objcopy, readelf and ar")
    parser.add_argument("--debug-info", action="store_true")
    parser.add_argument("--minsize", action="store_true", help="a panic may end at once")
    parser.add_argument("--own-std", action="store_true", help="compile the standard library too (needs rust-src)")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="environment of the build")
    parser.add_argument("--config", required=True, help="config.h of this build")
    parser.add_argument("--define", action="append", default=[], help="further name for the conditions of the list")
    parser.add_argument("--out", required=True, help="archive to write")
    return parser.parse_args()


def build(args):
    features = [feature for feature in args.features.split(",") if feature]
    if args.archive == "platform":
        features.append("staticlib")
    command = ["cargo", "rustc", "--locked", "--lib", "--crate-type", "staticlib"]
    command += ["--package", PACKAGES[args.archive], "--profile", args.profile, "--target-dir", args.target_dir]
    command += ["--no-default-features", "--features", ",".join(features)]
    if args.own_std:
        command += [f"-Zbuild-std={OWN_STD['crates'][args.archive]}", "-Zbuild-std-features=optimize_for_size"]
    elif SANITIZER:
        command += [f"-Zbuild-std={SANITIZED['crates'][args.archive]}"]
    if args.target:
        command += ["--target", args.target]
    if args.profile == "release" and not SANITIZER:
        command += ["--", *INLINING]
    status = subprocess.run(command, cwd=args.source, env=environment(args), check=False).returncode
    if status != 0:
        sys.exit(f"build_archive: cargo failed for {PACKAGES[args.archive]}")


def environment(args):
    env = dict(os.environ)
    env.update(setting.split("=", 1) for setting in args.env)
    target = args.target or rustc_says("host")
    under = target.replace("-", "_")
    cflags = [env.get(f"CFLAGS_{under}", env.get("CFLAGS", "")), args.cflags]
    flags = env["CARGO_ENCODED_RUSTFLAGS"].split("\x1f") if env.get("CARGO_ENCODED_RUSTFLAGS") else \
        env.get("RUSTFLAGS", "").split()
    if SANITIZER:
        env["RUSTC_BOOTSTRAP"] = "1"
        env["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(flags + SANITIZED["flags"][SANITIZER])
        env.update({f"CARGO_PROFILE_{args.profile.upper()}_{name}": value for name, value in SANITIZED["profile"].items()})
    elif args.debug_info:
        env[f"CARGO_PROFILE_{args.profile.upper()}_DEBUG"] = "2"
    else:
        prefixes = neutral_prefixes(args, env)
        cflags += [f"-ffile-prefix-map={path}={name}" for path, name in prefixes]
        flags += [f"--remap-path-prefix={path}={name}" for path, name in prefixes]
        if args.profile == "minsize":
            flags += SMALL_DIGESTS
        if args.own_std:
            env["RUSTC_BOOTSTRAP"] = "1"
            flags += OWN_STD["flags"]
        env["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(flags)
    env[f"CFLAGS_{under}"] = " ".join(filter(None, cflags))
    if args.target:
        env[f"CC_{under}"] = args.cc
        env[f"AR_{under}"] = args.tool_prefix + "ar"
        env[f"CARGO_TARGET_{under.upper()}_LINKER"] = args.cc
        env[f"BINDGEN_EXTRA_CLANG_ARGS_{under}"] = " ".join(f"-isystem{path}" for path in include_path(args))
    else:
        env["CC"] = args.cc
    return env


def neutral_prefixes(args, env):
    """Directories of this machine, and what stands for them in the archive. The last one that fits counts."""
    cargo_home = env.get("CARGO_HOME") or os.path.join(os.path.expanduser("~"), ".cargo")
    # Where the sources of the standard library are installed, the compiler names them instead of this.
    std = os.path.join(rustc("--print", "sysroot").strip(), "lib", "rustlib", "src", "rust")
    return [(cargo_home, "cargo"), (args.source, "iot_sdk"), (args.target_dir, "build"),
            (std, f"/rustc/{rustc_says('commit-hash')}")]


def rustc_says(name):
    return re.search(f"^{name}: (.*)$", rustc("-vV"), re.MULTILINE).group(1)


def rustc(*arguments):
    return subprocess.run(["rustc", *arguments], capture_output=True, text=True, check=True).stdout


def include_path(args):
    """Where the compiler looks for system headers: libclang, which reads them for the bindings, does not know."""
    command = [args.cc, *args.cflags.split(), "-E", "-Wp,-v", "-x", "c", os.devnull]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()
    return [os.path.realpath(line.strip()) for line in lines if line.startswith(" /")]


def pack_arguments(args):
    out_dir = {"dev": "debug"}.get(args.profile, args.profile)
    library = os.path.join(args.target_dir, args.target or "", out_dir, f"lib{PACKAGES[args.archive]}.a")
    words = ["--archive", args.archive, "--config", args.config, "--input", library, "--out", args.out]
    words += ["--symbols", os.path.join(args.source, "scripts", "api_symbols.txt"), "--tool-prefix", args.tool_prefix]
    words += [word for name in args.define for word in ("--define", name)]
    words += [word for library in unwinder(args) for word in ("--with", library)]
    return words + (["--keep-debug"] if args.debug_info or SANITIZER else []) + (["--minsize"] if args.minsize else [])


def unwinder(args):
    """What unwinds the stack for Rust on musl: its standard library brings it along but leaves it out of archives, and
    the one of the C compiler is missing or, behind musl-gcc, made for glibc."""
    if args.archive != "sdk" or "musl" not in (args.target or ""):
        return []
    folder = rustc("--print", "target-libdir", "--target", args.target).strip()
    library = os.path.join(folder, "self-contained", "libunwind.a")
    return [library] if os.path.exists(library) else []


if __name__ == "__main__":
    main()
