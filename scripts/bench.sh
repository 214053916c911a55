#!/usr/bin/env bash
# Measures this machine: see bench/README.md. Arguments go to the program.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh run
. scripts/env.sh
cargo build --release --locked -p hongyan -p hongyan-bench
exec "$target_dir/release/hongyan-bench" "$@"
