#!/usr/bin/env bash
# Sizes of the archives and of a stripped mqtt_sample, for the default build and for FEATURE_MINSIZE. docs/size.md explains.
set -euo pipefail
cd "$(dirname "$0")/.."

variants=${CARGO_TARGET_DIR:-target}/variants
mkdir -p "$variants"

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

printf '%-34s %10s %10s %10s %10s %12s\n' configuration sdk:text sdk:data port:text port:data mqtt_sample
row() {
    local name=$1 out=$variants/size-$2
    shift 2
    if ! scripts/build_config.sh "$out" "$@" >"$out.log" 2>&1; then
        tail -n 20 "$out.log" >&2
        exit 1
    fi
    local sdk port
    sdk=$(archive_size "$out/release/lib/libiot_sdk.a")
    port=$(archive_size "$out/release/lib/libiot_platform.a")
    # shellcheck disable=SC2086  # two words each
    printf '%-34s %10s %10s %10s %10s %12s\n' "$name" $sdk $port "$(sample_size "$out/release")"
}

row "default" default
row "MINSIZE" minsize -DFEATURE_MINSIZE=ON
row "MINSIZE, no TLS" minsize-notls -DFEATURE_MINSIZE=ON -DFEATURE_AUTH_WITH_NOTLS=ON
row "MINSIZE, no TLS, no WebSocket" minsize-plain -DFEATURE_MINSIZE=ON -DFEATURE_AUTH_WITH_NOTLS=ON \
    -DFEATURE_WEBSOCKET_MQTT=OFF
