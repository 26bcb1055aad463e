#!/usr/bin/env bash
# Checks the dependency graphs, that of the workspace against deny.toml and that of the fuzz targets against fuzz/deny.toml, and says so
# when the advisories could not be had. ADVISORIES=required turns that case into a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/.tools/cargo/bin:$PATH

deny() {
    cargo deny --locked check --hide-inclusion-graph "$@"
    cargo deny --locked --config fuzz/deny.toml --manifest-path fuzz/Cargo.toml check --hide-inclusion-graph "$@"
}

deny bans licenses sources

# The database is a git repository of its own. A network that does not reach it is no finding about this project.
if log=$(cargo deny fetch db 2>&1); then
    deny advisories
elif [ "${ADVISORIES:-}" = required ]; then
    printf '%s\n' "$log" >&2
    exit 1
else
    printf "\nNOT CHECKED: security advisories. Their database (github.com/RustSec/advisory-db) could not be fetched.\n" >&2
fi
