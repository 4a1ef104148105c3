#!/usr/bin/env bash
# Builds one configuration beside others: scripts/build_config.sh <directory> [-DOPTION=VALUE ...]
# The result is <directory>/release (or debug) with bin, include and lib; <directory>/build is the build directory.
# A second call with the same options is incremental, and all configurations share cargo's target directory. BUILD_TARGET
# names a part of the build, such as `libraries`.
set -euo pipefail

if [[ $# -lt 1 || $1 == -* ]]; then
    echo "usage: scripts/build_config.sh <directory> [-DOPTION=VALUE ...]" >&2
    exit 2
fi
directory=$(realpath -m "$1")
shift
generator=()
if command -v ninja >/dev/null; then generator=(-G Ninja); fi

# Another test run may be at it, and cmake knows no locks.
mkdir -p "$directory"
exec 9>"$directory.lock"
flock 9
# Options of an earlier call would stay in force, and so would flags from the environment.
options="$*${CFLAGS:+ CFLAGS=$CFLAGS}${LDFLAGS:+ LDFLAGS=$LDFLAGS}"
if [[ ! -e $directory/options || $(<"$directory/options") != "$options" ]]; then
    rm -rf "$directory/build"
    printf '%s\n' "$options" >"$directory/options"
fi
cmake -S "$(dirname "$0")/.." -B "$directory/build" "${generator[@]}" "-DOUTPUT_DIR=$directory" "$@"
cmake --build "$directory/build" ${BUILD_TARGET:+--target "$BUILD_TARGET"}
