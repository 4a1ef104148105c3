#!/usr/bin/env bash
# Formatting and clippy, warnings as errors, for the workspace, for the feature sets that change the sources most, and for the
# fuzz targets, which are no part of the workspace.
set -euo pipefail
cd "$(dirname "$0")/.."

feature_sets=(
    "iot_sdk/multithread_enabled iot_sdk/system_comm iot_sdk/websocket_mqtt iot_sdk/broadcast_enabled iot_sdk/remote_config_mqtt iot_sdk/auth_mode_cert iot_sdk/mqtt_device_shadow iot_sdk/gateway_enabled iot_platform/gateway_enabled iot_platform/multithread_enabled iot_platform/auth_mode_cert"
    "iot_sdk/system_comm iot_sdk/websocket_mqtt iot_sdk/rrpc_enabled iot_sdk/auth_with_notls iot_platform/auth_with_notls"
    "iot_sdk/debug_dev_info_used iot_sdk/iot_debug iot_platform/debug_dev_info_used"
)

cargo fmt --all --check
cargo fmt --manifest-path fuzz/Cargo.toml --check
cargo clippy --locked --workspace --all-targets -- -D warnings
for features in "${feature_sets[@]}"; do
    echo "clippy: $features"
    cargo clippy --locked --workspace --no-default-features --features "$features" -- -D warnings
done
echo "clippy: fuzz targets"
# Nothing is linked, so libFuzzer itself need not be compiled.
CUSTOM_LIBFUZZER_PATH=/dev/null cargo clippy --locked --manifest-path fuzz/Cargo.toml \
    --target-dir "${CARGO_TARGET_DIR:-target}" -- -D warnings
