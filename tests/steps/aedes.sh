#!/usr/bin/env bash
# A session with aedes, a broker for Node.js: skipped where Node.js is missing.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "skipped: the session with aedes needs node and npm"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
if [[ ! -d tests/node/node_modules ]] && ! (cd tests/node && npm ci --no-audit --no-fund); then
    echo "0 passed, 1 failed"
    exit 1
fi
exec cargo test --locked -p iot_sdk --test e2e -- --ignored --exact peers::aedes_over_websocket
