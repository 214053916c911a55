#!/usr/bin/env bash
# What a change must pass besides the tests: format, lints as errors, documentation
# comments, and who may depend on whom (tests/layers).
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh run
. scripts/env.sh

for part in fmt clippy; do
    cargo "$part" --version >/dev/null 2>&1 || {
        echo "cargo $part is missing. This line installs it: rustup component add rustfmt clippy" >&2
        exit 1
    }
done
cargo fmt --all --check
scripts/web.sh check
cargo clippy --workspace --all-targets --locked -- -D warnings
# Links to what is private are for those who read the source.
RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --workspace --no-deps --locked --quiet
# As part of the workspace, so that `cargo test --workspace` finds it built.
cargo test --workspace --test layers --locked
