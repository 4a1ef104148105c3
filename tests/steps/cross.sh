#!/usr/bin/env bash
# Builds with the cross compilers that are on this machine, and runs the sample against the hub where it can run. It takes
# many minutes, so it waits to be asked: IOT_CROSS=1 ./cmake_build.sh test cross
# setup.sh installs none of them; for all: gcc-aarch64-linux-gnu, musl-tools, qemu-user-static.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

variants=${IOT_VARIANTS:-${CARGO_TARGET_DIR:-target}/variants}
hub=${IOT_HUB:-${CARGO_TARGET_DIR:-target}/tool/iot-hub-emulator}
passed=0
failed=0

main() {
    if [[ -z ${IOT_CROSS:-} ]]; then
        echo "cross: left out, IOT_CROSS is not set"
        echo "0 passed, 0 failed"
        return
    fi
    mkdir -p "$variants"
    cross aarch64-linux-gnu-gcc qemu-aarch64-static -L /usr/aarch64-linux-gnu
    cross musl-gcc env
    echo "$passed passed, $failed failed"
    [[ $failed -eq 0 ]]
}

# cross <compiler> <command that runs its programs>...
cross() {
    local compiler=$1 out=$variants/cross-$1
    shift
    if ! command -v "$compiler" >/dev/null; then
        echo "-- $compiler: left out, not installed"
        return
    fi
    echo "-- $compiler"
    if ! scripts/build_config.sh "$out" "-DCOMPILE_TOOLS=$compiler" >"$out.log" 2>&1; then
        tail -n 20 "$out.log"
        failed=$((failed + 1))
        return
    fi
    passed=$((passed + 1))
    if ! command -v "$1" >/dev/null; then
        echo "-- $1: left out, not installed"
    elif session "$out" "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

# The demo with a sample that a script starts.
session() {
    local out=$1
    shift
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$*" "$out/release/bin/mqtt_sample" >"$out/mqtt_sample"
    chmod +x "$out/mqtt_sample"
    python3 scripts/demo.py --hub "$hub" --sample "$out/mqtt_sample" | tail -n 1
}

main
