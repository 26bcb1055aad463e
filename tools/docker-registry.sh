#!/usr/bin/env bash
# Puts Debian's docker-registry, a registry that shares no code with this project, into .tools/bin.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/debian.sh "$PWD/.tools/docker-registry" docker-registry
mkdir -p .tools/bin
ln -sf "$PWD/.tools/docker-registry/usr/bin/docker-registry" .tools/bin/docker-registry
.tools/bin/docker-registry --version
