#!/usr/bin/env bash
# Puts skopeo and umoci, which share no code with this project, into .tools/bin.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD/.tools/skopeo
tools/debian.sh "$root" skopeo umoci

# Signatures are not what these tools are for here: any image is accepted, and no file of the host is read.
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$root/policy.json"
echo 'unqualified-search-registries = []' >"$root/registries.conf"
mkdir -p "$root/registries.d" .tools/bin

libraries=$(find "$root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
cat >.tools/bin/skopeo <<EOF
#!/bin/sh
export LD_LIBRARY_PATH="$libraries" CONTAINERS_REGISTRIES_CONF="$root/registries.conf"
exec "$root/usr/bin/skopeo" --policy "$root/policy.json" --registries.d "$root/registries.d" "\$@"
EOF
cat >.tools/bin/umoci <<EOF
#!/bin/sh
exec "$root/usr/bin/umoci" "\$@"
EOF
chmod +x .tools/bin/skopeo .tools/bin/umoci
.tools/bin/skopeo --version
.tools/bin/umoci --version
