#!/usr/bin/env bash
# Sizes of the archives and of a stripped mqtt_sample, for the default build and for FEATURE_MINSIZE, and what the archives
# consist of; writes docs/size.md. Needs rust-src.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
variants=$target/variants
document=${1:-docs/size.md}
mkdir -p "$variants"
rustup component add rust-src
work=$(mktemp -d)
trap 'jobs -p | xargs -r kill; rm -rf "$work"' EXIT

# Bytes of code and constants, and of data, that an archive's object brings along.
archive_size() {
    size "$1" | awk 'NR == 2 { print $1, $2 + $3 }'
}

# The sample linked again without what it does not reach, and stripped; further words are options for the linker.
sample_size() {
    local out=$1 program=$1/mqtt_sample.stripped
    gcc -Os -std=gnu99 -ffunction-sections -Wl,--gc-sections -s "${@:2}" -I"$out/include" -I"$out/include/exports" \
        c_samples/mqtt_sample/mqtt_sample.c -o "$program" -pthread \
        -Wl,--start-group "$out"/lib/libiot_sdk.a "$out"/lib/libiot_platform.a -Wl,--end-group
    stat -c %s "$program"
}

# The libraries that cargo built for the last row: the next one overwrites them.
keep_libraries() {
    local directory=$variants/size-$1-libraries
    mkdir -p "$directory"
    cp "$CARGO_TARGET_DIR/$2/libiot_sdk.a" "$CARGO_TARGET_DIR/$3/libiot_platform.a" "$directory"
}

row() {
    local name=$1 options=$2 out=$variants/size-$3
    echo "size: $name" >&2
    # shellcheck disable=SC2086  # the options are words
    if ! BUILD_TARGET=libraries scripts/build_config.sh "$out" $options >"$out.log" 2>&1; then
        tail -n 20 "$out.log" >&2
        exit 1
    fi
    local sdk port sample packed
    sdk=$(archive_size "$out/release/lib/libiot_sdk.a")
    port=$(archive_size "$out/release/lib/libiot_platform.a")
    sample=$(sample_size "$out/release")
    packed=$(sample_size "$out/release" -Wl,-z,noseparate-code,-z,pack-relative-relocs)
    # shellcheck disable=SC2086  # two words each
    printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$name" $sdk $port "$sample" "$packed"
}

# One column of the second table: heading, row, and whether it is MINSIZE.
column() {
    printf '%s=%s=%s=%s%s' "$1" "$variants/size-$2/release" "$variants/size-$2-libraries/libiot_sdk.a" \
        "$variants/size-$2-libraries/libiot_platform.a" "$3"
}

no_tls=-DFEATURE_AUTH_WITH_NOTLS=ON
minsize=-DFEATURE_MINSIZE=ON
own_std="$minsize -DFEATURE_MINSIZE_STD=ON"
no_services="-DFEATURE_SYSTEM_COMM_ENABLED=OFF -DFEATURE_MQTT_DEVICE_SHADOW=OFF -DFEATURE_GATEWAY_ENABLED=OFF
    -DFEATURE_BROADCAST_ENABLED=OFF -DFEATURE_RRPC_ENABLED=OFF -DFEATURE_REMOTE_CONFIG_MQTT_ENABLED=OFF"
host=$(rustc -vV | sed -n 's/^host: //p')

release_rows() {
    row "default" "" default
    keep_libraries default release platform
    row "default, no services" "$no_services" bare
    row "no TLS" "$no_tls" notls
}

minsize_rows() {
    row "MINSIZE" "$minsize" minsize
    keep_libraries minsize minsize minsize
    row "MINSIZE, no TLS" "$minsize $no_tls" minsize-notls
    row "MINSIZE, no TLS, no services" "$minsize $no_tls $no_services" minsize-notls-bare
    row "MINSIZE, no TLS, no WebSocket" "$minsize $no_tls -DFEATURE_WEBSOCKET_MQTT=OFF" minsize-plain
}

own_std_rows() {
    row "MINSIZE_STD" "$own_std" minstd
    keep_libraries minstd "$host/minsize" "$host/minsize"
    row "MINSIZE_STD, no TLS" "$own_std $no_tls" minstd-notls
    row "MINSIZE_STD, no TLS, no services" "$own_std $no_tls $no_services" minstd-notls-bare
}

# Most of a build is one long compilation, so two are made at a time, each with a target directory of its own.
CARGO_TARGET_DIR=$target/size minsize_rows >"$work/minsize" &
minsize_build=$!
export CARGO_TARGET_DIR=$target
release_rows >"$work/release"
own_std_rows >"$work/own_std"
wait "$minsize_build"
python3 benches/size_parts.py "$(column default default "")" "$(column MINSIZE minsize =minsize)" \
    "$(column MINSIZE_STD minstd =minsize)" >"$work/parts"

{
    cat <<'TEXT'
# Size

Written by `benches/size.sh`, which `./cmake_build.sh bench` runs last. Bytes on 64-bit Linux, by GNU `size` and `stat`.

* `libiot_sdk.a` and `libiot_platform.a`: the one object in each, that is everything the archive can bring along. Code includes
  constants; data includes what is zeroed at start.
* `mqtt_sample`: the sample as a user would ship it: `gcc -Os -Wl,--gc-sections -s`, linked dynamically with libc. A program that
  uses a service brings its code along. *Packed*: with `-Wl,-z,noseparate-code,-z,pack-relative-relocs` as well, which binutils 2.38
  and glibc 2.36 know.

The goals: a build with `FEATURE_MINSIZE` of at most 487 KB with TLS and 160 KB (163,840 bytes) without, services and WebSocket
included, in the column of the stripped sample.

`FEATURE_MINSIZE=ON` builds for size and without unwinding; behaviour is the same, but a panic, which would be a defect of the SDK,
ends the program there, by an illegal instruction and without a text, instead of failing the one call; nor is there a text where
memory is at its very end. Debuggers cannot see
through the frames of the SDK.

`FEATURE_MINSIZE_STD=ON` in addition compiles Rust's standard library with the SDK, without the texts and places of panics. It needs
`rustup component add rust-src`, and the network when it runs first. It uses options of cargo and rustc that are not stable, by
`RUSTC_BOOTSTRAP`: try a new compiler before you rely on it.

| build | sdk code | sdk data | port code | port data | mqtt_sample stripped | packed |
|---|---|---|---|---|---|---|
TEXT
    cat "$work/release" "$work/minsize" "$work/own_std"
    cat <<'TEXT'

## Parts

All bytes of the two archives by origin (`benches/size_parts.py`). With MINSIZE the names of source files among the constants are
empty, some 6 KB, which the linker of a program merges away.

TEXT
    cat "$work/parts"
    echo
    echo "Built $(date -u +%Y-%m-%d) from $(git describe --always --dirty) by $(rustc --version) and $(gcc --version | head -n 1)."
} >"$document"
cat "$document"
