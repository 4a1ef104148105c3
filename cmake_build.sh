#!/usr/bin/env bash
# Builds libraries, headers and samples into output/<build type>. Options: CMakeLists.txt, or -D... after the command.
set -euo pipefail
cd "$(dirname "$0")"

BUILD_DIR=${BUILD_DIR:-build}
OUTPUT_DIR=${OUTPUT_DIR:-output}

usage() {
    cat <<'USAGE'
usage: ./cmake_build.sh [command] [-DOPTION=VALUE ...]
  (none)         build libraries and samples from scratch
  samples        build the samples against the libraries in output
  clean          remove output and build
  code-check     formatting and lints of the sources
  demo           run mqtt_sample against a local hub, over wss and ws
  test [--full] [filter]
                 build and run all tests, or those whose name contains the filter; --full adds what takes long
  bench [--quick] [--out DIRECTORY]
                 measure speed and size, beside other libraries, for docs/ or DIRECTORY; --quick once and briefly, to
                 see that it works
USAGE
}

main() {
    local command=build
    if [[ $# -gt 0 && $1 != -D* ]]; then
        command=$1
        shift
    fi
    case $command in
        build) definitions_only "$@"; clean; configure "$@"; build ;;
        samples) definitions_only "$@"; remove "$BUILD_DIR"; configure -DSAMPLE_ONLY=ON "$@"; build ;;
        clean) no_arguments "$@"; clean ;;
        code-check) no_arguments "$@"; exec scripts/code_check.sh ;;
        demo) no_arguments "$@"; exec scripts/demo.sh ;;
        test) test_arguments "$@"; exec scripts/test.sh "$@" ;;
        bench) exec scripts/bench.sh "$@" ;;
        *) refuse "unknown command '$command'" ;;
    esac
}

configure() {
    local generator=()
    if command -v ninja >/dev/null; then generator=(-G Ninja); fi
    cmake -S . -B "$BUILD_DIR" "${generator[@]}" "-DOUTPUT_DIR=$(realpath -m "$OUTPUT_DIR")" "$@"
}

build() {
    cmake --build "$BUILD_DIR"
}

clean() {
    remove "$BUILD_DIR"
    remove "$OUTPUT_DIR/release"
    remove "$OUTPUT_DIR/debug"
    if [[ -d $OUTPUT_DIR ]]; then rmdir --ignore-fail-on-non-empty "$OUTPUT_DIR"; fi
}

# BUILD_DIR and OUTPUT_DIR may come from the environment: never remove what no build has written.
remove() {
    if [[ -d $1 && ! -e $1/CMakeCache.txt && ! -e $1/CMakeFiles && ! -e $1/include/config.h ]]; then
        rmdir --ignore-fail-on-non-empty "$1"
        [[ ! -d $1 ]] || refuse "$1 is not empty and no build directory: not removed"
    fi
    rm -rf "$1"
}

definitions_only() {
    local argument
    for argument in "$@"; do
        [[ $argument == -D?*=* ]] || refuse "unexpected '$argument'"
    done
}

test_arguments() {
    if [[ ${1:-} == --full ]]; then shift; fi
    [[ $# -le 1 && ${1:-} != -* ]] || refuse "test takes --full and one filter"
}

no_arguments() {
    [[ $# -eq 0 ]] || refuse "unexpected '$1'"
}

refuse() {
    echo "cmake_build.sh: $1" >&2
    usage >&2
    exit 2
}

main "$@"
