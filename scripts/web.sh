#!/usr/bin/env bash
# Builds what runs in the browser, from `web` into `web/dist`, and does nothing where
# that is as new as its sources. `web.sh check` also checks the types, `web.sh test`
# runs the tests on top.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
use_recent_node

stamp=web/dist/.phone
lock=web/package-lock.json
# By content: times do not survive a checkout.
sources=$(find web -path '*/node_modules' -prune -o -path web/dist -prune -o -type f -print |
    LC_ALL=C sort | xargs sha256sum | sha256sum)

if [ ! -f web/node_modules/.packages ] || [ "$(cat web/node_modules/.packages)" != "$(sha256sum <"$lock")" ]; then
    echo "web: installing its packages" >&2
    npm ci --prefix web --ignore-scripts --no-fund --no-audit --silent </dev/null >&2
    sha256sum <"$lock" >web/node_modules/.packages
fi
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$sources" ]; then
    echo "web: building the phone" >&2
    npm run --prefix web --silent build
    echo "$sources" >"$stamp"
fi
case ${1:-build} in
check | test) npm run --prefix web --silent check ;;
esac
if [ "${1:-}" = test ]; then
    npm run --prefix web --silent test
fi
