#!/usr/bin/env bash
# Measures speed and size: builds the default configuration and the hub, then runs benches/. The tables go to
# docs/performance.md and docs/size.md.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
output=$(realpath -m "${OUTPUT_DIR:-output}")

scripts/setup.sh build test
./cmake_build.sh
cargo build --locked -p iot-hub-emulator --profile tool
python3 benches/bench.py --sdk "$output/release" --hub "$target/tool/iot-hub-emulator" --out docs/performance.md
benches/size.sh
