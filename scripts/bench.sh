#!/usr/bin/env bash
# Measures speed and size: builds the default configuration and the hub, then runs benches/ (benches/README.md). The tables go
# to docs/performance.md and docs/size.md. With --quick everything is done once and briefly, and the tables are printed only.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
output=$(realpath -m "${OUTPUT_DIR:-output}")
compare=(benches/bench.py --sdk "$output/release" --hub "$target/tool/iot-hub-emulator" --rust-target "$target/bench")

scripts/setup.sh build test bench
./cmake_build.sh
cargo build --locked -p iot-hub-emulator --profile tool
if [[ ${1:-} == --quick ]]; then
    "${compare[@]}" --quick
else
    "${compare[@]}" --out docs/performance.md
    benches/size.sh
fi
