#!/usr/bin/env bash
# Sizes of the archives and of a stripped mqtt_sample, for the default build and for FEATURE_MINSIZE; writes docs/size.md.
set -euo pipefail
cd "$(dirname "$0")/.."

variants=${CARGO_TARGET_DIR:-target}/variants
document=${1:-docs/size.md}
mkdir -p "$variants"
table=$(mktemp)
trap 'rm -f "$table"' EXIT

# Bytes of code and constants, and of data, that an archive's object brings along.
archive_size() {
    size "$1" | awk 'NR == 2 { print $1, $2 + $3 }'
}

# The sample linked again without what it does not reach, and stripped.
sample_size() {
    local out=$1 program=$1/mqtt_sample.stripped
    gcc -Os -std=gnu99 -ffunction-sections -Wl,--gc-sections -s -I"$out/include" -I"$out/include/exports" \
        c_samples/mqtt_sample/mqtt_sample.c -o "$program" -pthread \
        -Wl,--start-group "$out"/lib/libiot_sdk.a "$out"/lib/libiot_platform.a -Wl,--end-group
    stat -c %s "$program"
}

row() {
    local name=$1 options=$2 out=$variants/size-$3
    echo "size: $name" >&2
    # shellcheck disable=SC2086  # the options are words
    if ! scripts/build_config.sh "$out" $options >"$out.log" 2>&1; then
        tail -n 20 "$out.log" >&2
        exit 1
    fi
    local sdk port sample
    sdk=$(archive_size "$out/release/lib/libiot_sdk.a")
    port=$(archive_size "$out/release/lib/libiot_platform.a")
    sample=$(sample_size "$out/release")
    # shellcheck disable=SC2086  # two words each
    printf '| %s | %s | %s | %s | %s | %s |\n' "$name" $sdk $port "$sample"
}

{
    row "default" "" default
    row "no TLS" "-DFEATURE_AUTH_WITH_NOTLS=ON" notls
    row "MINSIZE" "-DFEATURE_MINSIZE=ON" minsize
    row "MINSIZE, no TLS" "-DFEATURE_MINSIZE=ON -DFEATURE_AUTH_WITH_NOTLS=ON" minsize-notls
    row "MINSIZE, no TLS, no WebSocket" \
        "-DFEATURE_MINSIZE=ON -DFEATURE_AUTH_WITH_NOTLS=ON -DFEATURE_WEBSOCKET_MQTT=OFF" minsize-plain
} >"$table"

{
    cat <<'TEXT'
# Size

Written by `benches/size.sh`, which `./cmake_build.sh bench` runs last. Bytes on 64-bit Linux, by GNU `size` and `stat`.

* `libiot_sdk.a` and `libiot_platform.a`: the one object in each, that is everything the archive can bring along. Code includes
  constants; data includes what is zeroed at start.
* `mqtt_sample`: the sample as a user would ship it: `gcc -Os -Wl,--gc-sections -s`, linked dynamically with libc.

`FEATURE_MINSIZE=ON` builds for size and without unwinding; behaviour is the same, but a panic ends the program there instead
of failing the one call.

| build | sdk code | sdk data | port code | port data | mqtt_sample stripped |
|---|---|---|---|---|---|
TEXT
    cat "$table"
    echo
    echo "Built $(date -u +%Y-%m-%d) from $(git describe --always --dirty) by $(rustc --version) and $(gcc --version | head -n 1)."
} >"$document"
cat "$document"
