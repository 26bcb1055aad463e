#!/usr/bin/env bash
# Puts the locked zig, which cargo-lambda links with, into .tools/zig.
set -euo pipefail
cd "$(dirname "$0")/.."
zig=$PWD/.tools/zig
rm -rf "$zig"
pip=(.tools/venv/bin/python -m pip)
# Where tools/python.sh had to do without ensurepip it left a pip that runs from its package.
"${pip[@]}" --version >/dev/null 2>&1 || pip=(.tools/venv/bin/python .tools/pip/pip.whl/pip)
"${pip[@]}" install --quiet --disable-pip-version-check --no-deps --require-hashes --target "$zig" -r tools/zig.txt
echo "zig $("$zig/ziglang/zig" version)" | tee "$zig/versions"
