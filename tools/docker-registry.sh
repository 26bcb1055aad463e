#!/usr/bin/env bash
# Puts Debian's docker-registry, a registry that shares no code with this project, into .tools/bin.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD/.tools/docker-registry
tools/debian.sh "$root" docker-registry

mkdir -p .tools/bin
ln -sfn "$root/usr/bin/docker-registry" .tools/bin/docker-registry
.tools/bin/docker-registry --version
