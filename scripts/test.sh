#!/usr/bin/env bash
# Builds and runs all tests, or those whose name contains the filter: scripts/test.sh [--full] [filter]
#
# A plain run is the quick subset that every change has to pass. --full sets IOT_FULL=1 for all steps: every configuration
# of the libraries, further compilers, and what else takes long.
#
# A step is one command. Its results are the lines "test result: ok. N passed; M failed" (cargo) or "N passed, N failed"
# that it prints; a step without such a line counts as one test that passes or fails by its exit status.
# A new test program is an executable file in tests/steps/. All of them find what was built by these variables:
#   IOT_OUTPUT    output tree of the default build     IOT_HUB       the program iot-hub-emulator
#   IOT_VARIANTS  directory for further configurations (scripts/build_config.sh), kept from run to run
#   IOT_FULL      1 in a full run, not set otherwise
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

unset IOT_FULL
if [[ ${1:-} == --full ]]; then
    export IOT_FULL=1
    shift
fi
if [[ $# -gt 1 || ${1:-} == -* ]]; then
    echo "usage: scripts/test.sh [--full] [filter]" >&2
    exit 2
fi
filter=${1:-}
passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
IOT_OUTPUT=$(realpath -m "${OUTPUT_DIR:-output}")/release
# The tests wait more than they compute.
export RUST_TEST_THREADS=8
export IOT_OUTPUT IOT_HUB=$target/tool/iot-hub-emulator IOT_VARIANTS=$target/variants

main() {
    scripts/setup.sh build test || exit 1
    if [[ -n ${IOT_FULL:-} ]]; then scripts/setup.sh full cross bench; fi
    if [[ -z $filter ]]; then
        step "formatting and lints" scripts/lint.sh
    fi
    step "hub emulator" cargo build --locked -p iot-hub-emulator --profile tool
    step "libraries and samples" ./cmake_build.sh
    step "cargo test" cargo test --locked --workspace --no-fail-fast -- "$filter"
    step "cargo test, certificate devices" cargo test --locked -p iot_sdk -p iot_platform --lib --no-fail-fast \
        --features iot_sdk/auth_mode_cert,iot_platform/auth_mode_cert -- "$filter"
    local program
    for program in tests/steps/*"$filter"*; do
        if [[ -f $program && -x $program ]]; then step "${program##*/}" "$program"; fi
    done
    echo "$passed passed, $failed failed"
    [[ $failed -eq 0 && $passed -gt 0 ]]
}

# Runs a command and adds its results to the totals.
step() {
    local name=$1 status=0 good bad lines start=$SECONDS
    shift
    echo "== $name"
    "$@" 2>&1 | tee "$log" || status=1
    read -r good bad lines < <(results)
    if [[ $lines -eq 0 ]]; then good=$((1 - status)); fi
    if [[ $status -ne 0 && $bad -eq 0 ]]; then bad=1; fi
    passed=$((passed + good))
    failed=$((failed + bad))
    echo "== $name: $good passed, $bad failed, $((SECONDS - start)) s"
}

# Passed tests, failed tests and result lines in the log.
results() {
    awk '
        /^test result: / { good += $4; bad += $6; lines++ }
        /^[0-9]+ passed, [0-9]+ failed/ { good += $1; bad += $3; lines++ }
        END { print good + 0, bad + 0, lines + 0 }' "$log"
}

main
