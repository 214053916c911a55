#!/usr/bin/env bash
# Measures this machine: see bench/README.md. Arguments go to the program.
# PostgreSQL and the SDKs to compare with come with `scripts/setup.sh test`.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh run
. scripts/env.sh
use_recent_node
cargo build --release --locked -p hongyan -p hongyan-bench -p hongyan-test-postgres
exec "$target_dir/release/hongyan-bench" "$@"
