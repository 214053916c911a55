# Sourced by the other scripts: where the tools are, and a few questions.
# shellcheck shell=bash

# rustup installs to here; a shell that was open before does not know it yet.
if ! command -v cargo >/dev/null 2>&1 && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
fi
export PATH

# Where cargo puts what it builds.
target_dir=${CARGO_TARGET_DIR:-target}

have() { command -v "$1" >/dev/null 2>&1; }

# at_least 1.88 1.95.0: whether the second version is the first or later.
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# The Node.js that can build the pages (Vite wants 20.19) and run the tests: the
# system's, or the one setup.sh put beside the Python packages.
node_is_recent() {
    have node && have npm && at_least 20.19 "$(node --version 2>/dev/null | tr -d v)"
}
use_recent_node() {
    node_is_recent || PATH="$PWD/.venv/bin:$PATH"
}

# The server's programs of PostgreSQL, on the path or where Debian puts them.
has_postgres() {
    have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

# The browser for the tests of the H5 pages, where tests/browser looks for it.
has_chromium() {
    [ -n "${CHROMIUM:-}" ] || have chromium || have chromium-browser || have google-chrome
}
