#!/usr/bin/env bash
# All tests: those of the workspace, sandbox and gateway driven by SDKs that others
# wrote, the H5 pages in a browser, and the documents against the binary.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test
. scripts/env.sh

echo "== what runs in the browser"
scripts/web.sh test
cargo test --workspace --locked --no-run
# One PostgreSQL for all test programs; it ends when this script does.
if [ -z "${HONGYAN_TEST_POSTGRES:-}" ]; then
    coproc POSTGRES { exec "$target_dir/debug/hongyan-test-postgres"; }
    read -r HONGYAN_TEST_POSTGRES <&"${POSTGRES[0]}"
    export HONGYAN_TEST_POSTGRES
fi
cargo test --workspace --locked

# Built just now, as the tests of the command line need it.
HONGYAN_BIN=$(cd "$target_dir/debug" && pwd)/hongyan
export HONGYAN_BIN
echo "== Python SDK against sandbox and gateway"
.venv/bin/python -m unittest discover -s tests/compat/python -v
echo "== Node.js SDKs against the sandbox"
use_recent_node
node --test --test-reporter=spec tests/compat/node/*.test.js
echo "== the console, the phone and the H5 pages in a browser"
node --test --test-reporter=spec tests/browser/*.test.js
echo "== documents"
.venv/bin/python scripts/check_docs.py
