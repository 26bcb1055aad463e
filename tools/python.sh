#!/usr/bin/env bash
# Installs the locked Python packages into .tools/venv, and only there.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$PWD/.tools/venv

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "tools: Python 3.11 or newer is needed; python3 is $(python3 --version 2>&1)" >&2
    exit 1
}

rm -rf "$venv"
if ! python3 -m venv "$venv" >/dev/null 2>&1; then
    # Debian's python3 comes without ensurepip. Its pip wheel runs straight from the package.
    rm -rf "$venv"
    python3 -m venv --without-pip "$venv"
    tools/debian.sh .tools/pip python3-pip-whl
    cp .tools/pip/usr/share/python-wheels/pip-*.whl .tools/pip/pip.whl
    pip=("$venv/bin/python" .tools/pip/pip.whl/pip)
else
    pip=("$venv/bin/python" -m pip)
fi

# --no-deps: the lock names every package, less the one that requirements.in leaves out.
"${pip[@]}" install --quiet --disable-pip-version-check --no-deps --require-hashes -r tools/requirements.txt
