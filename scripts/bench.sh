#!/usr/bin/env bash
# Runs the benchmarks of benches/: each executable there prints its own figures.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t benches < <(find benches -maxdepth 1 -type f -perm -u+x | sort)
if [[ ${#benches[@]} -eq 0 ]]; then
    echo "bench: there are no programs in benches/" >&2
    exit 1
fi
scripts/setup.sh build test
./cmake_build.sh
cargo build --locked -p iot-hub-emulator --profile tool
for bench in "${benches[@]}"; do
    echo "== ${bench##*/}"
    "$bench"
done
