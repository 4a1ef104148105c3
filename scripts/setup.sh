#!/usr/bin/env bash
# Installs what is missing on Debian or Ubuntu: scripts/setup.sh [build] [test] [full] [cross] [bench].
# Rust itself has to be there.
# The package clang brings a plugin (llvm-*-linker-tools) that makes GNU nm blind for objects with LLVM bitcode. Rust's
# libraries hold some, our archives none (scripts/pack_archive.py), so clang does no harm; the build itself needs none.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

# What shows that a package is there, and the package.
build_needs=(
    "command:gcc gcc" "command:g++ g++" "command:make make" "command:python3 python3" "command:cmake cmake"
    "command:ninja ninja-build" "command:pkg-config pkg-config" "module:openssl libssl-dev" "library:libclang libclang-dev"
)
test_needs=(
    "command:mosquitto mosquitto" "command:mosquitto_pub mosquitto-clients" "command:nginx nginx-light"
    "command:valgrind valgrind" "command:strace strace" "command:openssl openssl" "command:ld.lld lld"
    "header:mbedtls/ssl.h libmbedtls-dev"
)
# Further compilers for ./cmake_build.sh test --full. Each for itself: not every machine has all of them.
full_needs=("command:clang clang" "flag:-m32 g++-VERSION-multilib")
# Cross compilers, likewise. rustup gets Rust's libraries when they are needed.
cross_needs=(
    "command:aarch64-linux-gnu-g++ g++-aarch64-linux-gnu" "command:arm-linux-gnueabihf-g++ g++-arm-linux-gnueabihf"
    "command:i686-linux-gnu-g++ g++-i686-linux-gnu" "command:musl-gcc musl-tools" "command:qemu-arm-static qemu-user-static"
)

# What ./cmake_build.sh bench compares with and measures by, likewise.
bench_needs=("command:perf linux-perf" "header:MQTTClient.h libpaho-mqtt-dev" "header:mosquitto.h libmosquitto-dev")

main() {
    local needs=() group
    for group in "${@:-build}"; do
        case $group in
            build) needs+=("${build_needs[@]}") ;;
            test) needs+=("${test_needs[@]}") ;;
            full) install_each "${full_needs[@]}"; install_cargo_fuzz; install_for_miri_and_sanitizers ;;
            cross | --cross) install_each "${cross_needs[@]}" ;;
            bench) install_each "${bench_needs[@]}" ;;
            *) echo "usage: scripts/setup.sh [build] [test] [full] [cross] [bench]" >&2; exit 2 ;;
        esac
    done
    check_rust
    local missing=() need
    for need in "${needs[@]}"; do
        is_there "${need% *}" || missing+=("${need#* }")
    done
    if [[ ${#missing[@]} -gt 0 ]]; then install_packages "${missing[@]}"; fi
    if [[ " $* " == *" test "* ]]; then
        install_node_modules
        install_python_modules
    fi
}

check_rust() {
    if ! command -v cargo >/dev/null; then
        echo "setup: no cargo on the PATH; install Rust from https://rustup.rs" >&2
        exit 1
    fi
    local component
    for component in fmt clippy; do
        cargo "$component" --version >/dev/null 2>&1 || rustup component add "${component/fmt/rustfmt}"
    done
}

is_there() {
    case $1 in
        command:*) command -v "${1#command:}" >/dev/null ;;
        header:*) gcc -E -x c - -o /dev/null <<<"#include <${1#header:}>" 2>/dev/null ;;
        flag:*) g++ "${1#flag:}" -x c++ - -o /dev/null <<<'int main() {}' 2>/dev/null ;;
        module:*) command -v pkg-config >/dev/null && pkg-config --exists "${1#module:}" ;;
        # libclang.so or libclang-14.so.14; libclang-cpp is another library, which comes with LLVM's linker.
        library:*) [[ -n $(find /usr/lib/llvm-*/lib /usr/lib/*-linux-gnu -maxdepth 1 \
            -regex ".*/${1#library:}\(-[0-9.]+\)?\.so.*" 2>/dev/null) ]] ;;
    esac
}

# The package gcc-multilib without a version goes with no cross compiler.
package() {
    if [[ $1 == *VERSION* ]]; then echo "${1/VERSION/$(gcc -dumpversion | cut -d. -f1)}"; else echo "$1"; fi
}

install_each() {
    local need name
    for need in "$@"; do
        name=$(package "${need#* }")
        is_there "${need% *}" || (install_packages "$name") || echo "setup: no $name; what needs it is left out"
    done
}

install_packages() {
    local sudo=()
    if [[ $(id -u) -ne 0 ]]; then sudo=(sudo); fi
    if ! command -v apt-get >/dev/null || ! can_install; then
        echo "setup: packages are missing; run: sudo apt-get install -y $*" >&2
        exit 1
    fi
    echo "setup: installing $*"
    "${sudo[@]}" apt-get update -q
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -q -y \
        --no-install-recommends "$@"
}

can_install() {
    [[ $(id -u) -eq 0 ]] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

# Drives the fuzz targets; the nightly compiler it asks for is not needed (tests/steps/fuzz.py).
install_cargo_fuzz() {
    cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz ||
        echo "setup: no cargo-fuzz; fuzz targets are left out"
}

# The sanitizers compile the standard library too; Miri exists for nightly compilers only.
install_for_miri_and_sanitizers() {
    if ! command -v rustup >/dev/null; then
        echo "setup: no rustup; Miri and sanitizers are left out"
        return
    fi
    [[ -e $(rustc --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock ]] || rustup component add rust-src ||
        echo "setup: no rust-src; sanitizers are left out"
    if cargo +nightly miri --version >/dev/null 2>&1; then return; fi
    if rustup run nightly rustc --version >/dev/null 2>&1; then
        rustup component add --toolchain nightly miri rust-src || echo "setup: no Miri; its step is left out"
    else
        rustup toolchain install nightly --profile minimal --component miri,rust-src || echo "setup: no Miri; its step is left out"
    fi
}

# The broker for Node.js is an extra peer: tests that use it need Node.js.
install_node_modules() {
    local package
    for package in "$(dirname "$0")"/../tests/package-lock.json "$(dirname "$0")"/../tests/*/package-lock.json; do
        [[ -e $package ]] || continue
        if ! command -v npm >/dev/null; then
            echo "setup: no npm; tests against aedes are left out"
        elif [[ ! -d ${package%/*}/node_modules ]]; then
            (cd "${package%/*}" && npm ci --no-audit --no-fund)
        fi
    done
}

# The judge of the bill of materials is an extra too: its test needs pip.
install_python_modules() {
    local list modules
    list=$(dirname "$0")/../tests/requirements.txt
    modules=${CARGO_TARGET_DIR:-$(dirname "$0")/../target}/python
    if cmp -s "$list" "$modules/requirements.txt"; then return; fi
    if ! python3 -m pip --version >/dev/null 2>&1; then
        echo "setup: no pip; the bill of materials is not compared with its schema"
    elif python3 -m pip install -q --disable-pip-version-check --root-user-action ignore --upgrade --target "$modules" -r "$list"; then
        cp "$list" "$modules/requirements.txt"
    else
        echo "setup: pip cannot install $list; the bill of materials is not compared with its schema"
    fi
}

main "$@"
