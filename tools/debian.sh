#!/usr/bin/env bash
# debian.sh FOLDER PACKAGE...: unpacks Debian packages, with those they need and the system lacks, into FOLDER.
# Nothing is installed and root is not needed: apt's signatures are checked as usual, its state is kept in .tools/apt.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
shift
apt=$PWD/.tools/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/deb"

command -v apt-get >/dev/null || {
    echo "tools: apt-get is needed to fetch: $*" >&2
    exit 1
}

own=(-q -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=1)
if ! apt-cache show "$@" >/dev/null 2>&1; then
    # No package lists on this machine (a fresh container, say): keep our own.
    own+=(-o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache")
    apt-get "${own[@]}" update >/dev/null
fi

# A simulated installation names what is missing; what the system has already need not be fetched.
missing=$(apt-get "${own[@]}" --simulate --no-install-recommends install "$@" | awk '/^Inst/ { print $2 }')
rm -rf "$folder"
mkdir -p "$folder"
cd "$apt/deb"
rm -f ./*.deb
# shellcheck disable=SC2086
apt-get "${own[@]}" download $(printf '%s\n' "$@" $missing | sort -u) >/dev/null
cd - >/dev/null
for package in "$apt"/deb/*.deb; do
    dpkg-deb --extract "$package" "$folder"
    dpkg-deb --show "$package" >>"$folder/versions"
done
