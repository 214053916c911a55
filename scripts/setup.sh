#!/usr/bin/env bash
# Gets this machine ready: `setup.sh run` for building and running, `setup.sh test`
# for the tests as well. Says nothing and changes nothing where all is there.
#
# System packages come through apt, with sudo where needed. Rust is left to its
# owner: where it is missing or too old, this prints the line that installs it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
purpose=${1:-run}

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
    say "$@"
    exit 1
}

# --- system packages ---------------------------------------------------------
missing=()
have cc || missing+=(build-essential)
have make || missing+=(make)
have curl || missing+=(curl)
[ -e /etc/ssl/certs/ca-certificates.crt ] || ! have apt-get || missing+=(ca-certificates)
# Without a Node.js that can build the pages, one comes from a Python package.
if [ "$purpose" = test ] || ! node_is_recent; then
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
fi
if [ "$purpose" = test ]; then
    [ -n "${HONGYAN_TEST_POSTGRES:-}" ] || has_postgres || missing+=(postgresql)
    has_chromium || missing+=(chromium)
fi

# Installing PostgreSQL makes and starts a server of the system unless it is told
# not to. The tests start their own, so where there was none, none appears.
without_a_server() {
    local conf=/etc/postgresql-common/createcluster.conf
    [ ! -e "$conf" ] || return 0
    "$@" mkdir -p "${conf%/*}"
    echo 'create_main_cluster = false' | "$@" tee "$conf" >/dev/null
}

install_packages() {
    have apt-get || fail "please install these first, then try again: $*"
    local as_root=(env)
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || fail "please run as root, then try again: apt-get install -y $*"
        as_root=(sudo)
        # Without a terminal there is nobody to ask for a password.
        [ -t 0 ] || as_root=(sudo -n)
    fi
    say "installing $*"
    "${as_root[@]}" apt-get update -qq </dev/null >&2
    [[ " $* " != *' postgresql '* ]] || without_a_server "${as_root[@]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold "$@" \
        </dev/null >/dev/null
}
[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}" ||
    fail "the packages could not be installed; please run: sudo apt-get install -y ${missing[*]}"

# --- Rust --------------------------------------------------------------------
wanted=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' Cargo.toml)
if have cargo; then
    found=$(cargo --version | cut -d' ' -f2)
    if ! at_least "$wanted" "$found"; then
        say "cargo $found is too old, Hongyan needs $wanted or later. This line installs it:"
        if have rustup; then
            say "  rustup update stable && rustup default stable"
        else
            say "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"
        fi
        fail "then run the same command again."
    fi
else
    say "cargo is missing, Hongyan needs Rust $wanted or later. This line installs it:"
    say "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"
    fail "then run the same command again."
fi

# --- Node.js and what the tests need, inside the working copy ------------------
# up_to_date STAMP FILE..: whether STAMP was made from these very FILEs.
up_to_date() {
    local stamp=$1
    shift
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(cat "$@" | sha256sum)" ]
}
note_up_to_date() {
    local stamp=$1
    shift
    cat "$@" | sha256sum >"$stamp"
}

node_from_wheel=scripts/node-requirements.txt
if ! node_is_recent && ! up_to_date .venv/.node "$node_from_wheel"; then
    say "Node.js 20 with npm is not here, installing it into .venv"
    .venv/bin/python -m pip --version >/dev/null 2>&1 || python3 -m venv --clear .venv
    .venv/bin/python -m pip install -q --disable-pip-version-check -r "$node_from_wheel" </dev/null >&2
    note_up_to_date .venv/.node "$node_from_wheel"
fi
[ "$purpose" = test ] || exit 0

python_packages=tests/compat/python/requirements.txt
if ! up_to_date .venv/.packages "$python_packages"; then
    say "installing the Python SDK into .venv"
    .venv/bin/python -m pip --version >/dev/null 2>&1 || python3 -m venv --clear .venv
    .venv/bin/python -m pip install -q --disable-pip-version-check -r "$python_packages" </dev/null >&2
    note_up_to_date .venv/.packages "$python_packages"
fi
use_recent_node
for folder in tests/compat/node tests/browser; do
    if ! up_to_date "$folder/node_modules/.packages" "$folder/package-lock.json"; then
        say "installing what $folder needs into $folder/node_modules"
        npm ci --prefix "$folder" --ignore-scripts --no-fund --no-audit --silent </dev/null >&2
        note_up_to_date "$folder/node_modules/.packages" "$folder/package-lock.json"
    fi
done
