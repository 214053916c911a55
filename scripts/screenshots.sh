#!/usr/bin/env bash
# Takes the pictures of the console and of the phone that the documents show, into
# docs/images or the folder that is named.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
use_recent_node

if ! has_chromium; then
    echo "screenshots: no Chromium here; scripts/setup.sh test installs it" >&2
    exit 1
fi
scripts/web.sh
cargo build --locked -p hongyan
HONGYAN_BIN="${HONGYAN_BIN:-$target_dir/debug/hongyan}" node tests/browser/screenshots.js "$@"
