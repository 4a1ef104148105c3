#!/usr/bin/env bash
# Runs the unit tests of the SDK under Miri, with the default port below them, as far as both are Rust. Random and exhaustive
# tests are shorter there (cfg!(miri)). A finding ends the run.
#
# It takes minutes: only with IOT_FULL or IOT_MIRI. `tests/steps/miri.sh client::` takes some of the tests.
# covers: Memory / undefined behaviour: unit tests of codec, session, services and their C boundary under Miri | - | full: all that need neither C nor sockets
cd "$(dirname "$0")/../.." || exit 1

# Tests that go beyond what Miri can do or see:
without=(
    ffi::log getopt::tests::mistakes formatted      # C: functions with a variable number of arguments
    every_alignment_is_kept                         # Miri's malloc aligns a block to no more than its size
    downlink client::run                            # sockets of the port
    without_a_waiter loop_thread                    # C: src/hal/optional.c and platform/c/port.c
    key_is_zeroed_when_dropped                      # looks at memory through /proc
    connection_id_has_the_distribution section_     # too many cases, or too large ones, of code without unsafe
    a_header_of_16_kib many_lines_are_accepted lengths_at_the_edges lists_of_any_length mutilated_messages
    fifty_days_of_uptime defect_19_an_outage_of_a_day all_short_filters_agree unreleased_messages_are_bounded
)

if [[ -z ${IOT_FULL:-} && -z ${IOT_MIRI:-} ]]; then
    echo "miri: left out, it takes minutes: ./cmake_build.sh test --full miri"
    echo "0 passed, 0 failed"
    exit 0
fi
if ! cargo +nightly miri --version >/dev/null 2>&1; then
    echo "miri: left out, no Miri: rustup toolchain install nightly --component miri,rust-src"
    echo "0 passed, 0 failed"
    exit 0
fi
# The heap keeps the port's address in front of a block with a large alignment (src/hal/heap.rs), as the standard library's own
# allocator does on Windows. Of the two models of aliasing only Tree Borrows lets an allocator look there.
export MIRIFLAGS="-Zmiri-tree-borrows -Zmiri-disable-isolation ${MIRIFLAGS:-}"
skip=()
for name in "${without[@]}"; do skip+=(--skip "$name"); done
cargo +nightly miri test --locked -p iot_sdk --lib -- "${skip[@]}" "$@"
