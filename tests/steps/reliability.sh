#!/usr/bin/env bash
# docs/reliability.md is what the tests and the list of defects make it.
cd "$(dirname "$0")/../.." || exit 1
scripts/reliability.py --check
