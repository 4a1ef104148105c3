#!/usr/bin/env bash
# Lints of the Rust sources, and of the C samples by the tools that are installed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

failed=0
scripts/lint.sh || failed=1

mapfile -t samples < <(find c_samples -name '*.c' | sort)
if command -v clang-tidy >/dev/null; then
    # The headers of the samples, config.h among them, lie in the output tree.
    if scripts/build_config.sh target/code-check >/dev/null; then
        clang-tidy "${samples[@]}" -- -std=gnu99 -Itarget/code-check/release/include \
            -Itarget/code-check/release/include/exports >code-check-clang-tidy.txt 2>&1 || failed=1
        echo "clang-tidy: see code-check-clang-tidy.txt"
    else
        echo "clang-tidy: the libraries do not build" >&2
        failed=1
    fi
else
    echo "clang-tidy is not installed: samples not checked by it"
fi
if command -v cpplint >/dev/null; then
    cpplint --linelength=120 "${samples[@]}" >code-check-cpplint.txt 2>&1 || failed=1
    echo "cpplint: see code-check-cpplint.txt"
else
    echo "cpplint is not installed: samples not checked by it"
fi
exit $failed
