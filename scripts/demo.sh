#!/usr/bin/env bash
# Builds everything and runs mqtt_sample against a local hub, over wss and over ws.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh build
./cmake_build.sh
target=${CARGO_TARGET_DIR:-target}
cargo build --locked -p iot-hub-emulator --profile tool --target-dir "$target"
exec python3 scripts/demo.py --hub "$target/tool/iot-hub-emulator" --sample "${OUTPUT_DIR:-output}/release/bin/mqtt_sample"
