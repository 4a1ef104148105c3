#!/usr/bin/env bash
# Runs the samples and the tests of sessions, services and the C interface with every program under valgrind's memcheck, against
# the libraries as they are delivered. Before that, memcheck has to find the mistakes of tests/c/sanitizer_check.c.
#
# It takes minutes: only with IOT_FULL or IOT_MEMCHECK. `tests/steps/memcheck.sh samples::` takes some of the tests.
# covers: Memory / invalid and uninitialised memory, leaks: every program under valgrind | tcp, tls, ws, wss | full: the samples, the tests of sessions, services and the interface
cd "$(dirname "$0")/../.." || exit 1

if [[ -z ${IOT_FULL:-} && -z ${IOT_MEMCHECK:-} ]]; then
    echo "memcheck: left out, it takes minutes: ./cmake_build.sh test --full memcheck"
    echo "0 passed, 0 failed"
    exit 0
fi
if ! command -v valgrind >/dev/null; then
    echo "memcheck: left out, no valgrind"
    echo "0 passed, 0 failed"
    exit 0
fi

found=99
output=${IOT_OUTPUT:-output/release}
export IOT_CROSS_RUN="valgrind --quiet --error-exitcode=$found --leak-check=full --errors-for-leak-kinds=definite,indirect
    --show-leak-kinds=definite,indirect"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Whether memcheck finds a mistake, and nothing where there is none.
check_mistake() {
    local mistake=$1 expected=$2 status=0
    # shellcheck disable=SC2086  # words
    $IOT_CROSS_RUN "$work/check" $mistake >"$work/log" 2>&1 || status=$?
    if [[ $status -eq $expected ]]; then
        echo "1 passed, 0 failed"
    else
        cat "$work/log"
        echo "memcheck: '$mistake' gave status $status instead of $expected"
        echo "0 passed, 1 failed"
    fi
}

gcc -std=gnu99 -O0 -g "-I$output/include" "-I$output/include/exports" tests/c/sanitizer_check.c -o "$work/check" -pthread \
    -Wl,--start-group "$output"/lib/libiot_sdk.a "$output"/lib/libiot_platform.a -Wl,--end-group || exit 1
check_mistake "" 0
for mistake in beyond freed lost; do check_mistake "$mistake" "$found"; done

# Left out: what runs valgrind itself, counts what a process has, or needs more descriptors than valgrind lets it have.
skip=()
for name in valgrind leave_nothing_behind leave_exactly descriptors_above_1024; do skip+=(--skip "$name"); done
if [[ $# -eq 0 ]]; then set -- samples:: session:: services:: interface::; fi
unset IOT_FULL # the usual versions
cargo test --locked -p iot_sdk --test e2e -- "${skip[@]}" --test-threads 4 "$@"
