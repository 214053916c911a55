#!/usr/bin/env bash
# Builds Hongyan and starts the demo: gateway and sandbox in one process.
#   DATA_DIR   where the demo keeps its files (default: hongyan-data)
# Further arguments go to `hongyan demo`.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh run
. scripts/env.sh
scripts/web.sh
cargo build --release --locked --bin hongyan
exec "$target_dir/release/hongyan" demo --data-dir "${DATA_DIR:-hongyan-data}" "$@"
