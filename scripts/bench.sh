#!/usr/bin/env bash
# Measures speed and size: builds the default configuration and the hub, then runs benches/ (benches/README.md). When all is
# measured, performance.md and size.md go to docs/, or to the directory behind --out. With --quick everything but size is done
# once and briefly, and the tables are only printed unless there is --out.
set -euo pipefail
cd "$(dirname "$0")/.."

quick='' out=''
while [[ $# -gt 0 ]]; do
    case $1 in
        --quick) quick=yes ;;
        --out) out=${2:?--out takes a directory}; shift ;;
        *) echo "usage: scripts/bench.sh [--quick] [--out DIRECTORY]" >&2; exit 2 ;;
    esac
    shift
done

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
output=$(realpath -m "${OUTPUT_DIR:-output}")
documents=$(mktemp -d)
trap 'rm -rf "$documents"' EXIT
compare=(benches/bench.py --sdk "$output/release" --hub "$target/tool/iot-hub-emulator" --rust-target "$target/bench"
    --out "$documents/performance.md")

scripts/setup.sh build test bench
./cmake_build.sh
cargo build --locked -p iot-hub-emulator --profile tool
if [[ -n $quick ]]; then
    "${compare[@]}" --quick
else
    "${compare[@]}"
    benches/size.sh "$documents/size.md"
    out=${out:-docs}
fi
if [[ -n $out ]]; then
    mkdir -p "$out"
    cp "$documents"/*.md "$out"
fi
