#!/usr/bin/env python3
"""Deployment packages for AWS Lambda.

package.py zip ARCHITECTURE BOOTSTRAP ZIP    a package of a bootstrap, the same bytes for the same bootstrap; the
                                             architecture `local` is that of this machine, with the glibc that it has
package.py digest FILE...                    a name for what is in the files
"""

import hashlib
import os
import struct
import sys
import zipfile
from pathlib import Path

# Of Amazon Linux 2023, which provided.al2023 is made of (Amazon Linux 2023 User Guide, "glibc").
GLIBC = (2, 34)
# e_machine of the ELF header.
MACHINES = {62: "x86_64", 183: "arm64"}
VERSION_NEEDS = 0x6FFFFFFE
WEAK = 2


class Refused(Exception):
    """What provided.al2023 would not start."""


class Elf:
    """As much of a 64 bit, little-endian ELF file as says where it runs."""

    def __init__(self, data: bytes):
        if data[:6] != b"\x7fELF\x02\x01":
            raise Refused("is no 64 bit program for Linux")
        self.data = data
        self.machine = struct.unpack_from("<H", data, 18)[0]
        offset, size, count = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 58)
        # name, type, flags, address, offset, size, link, info
        self.sections = [struct.unpack_from("<IIQQQQII", data, offset + size * number) for number in range(count)]

    def text(self, section: int, offset: int) -> str:
        begin = self.sections[section][4] + offset
        return self.data[begin : self.data.index(b"\0", begin)].decode()

    def versions_needed(self):
        """The versions of symbols without which it does not start: `GLIBC_2.34`."""
        for _, kind, _, _, offset, _, strings, count in self.sections:
            if kind != VERSION_NEEDS:
                continue
            for _ in range(count):
                _, symbols, _, first, after = struct.unpack_from("<HHIII", self.data, offset)
                symbol = offset + first
                for _ in range(symbols):
                    _, flags, _, name, following = struct.unpack_from("<IHHII", self.data, symbol)
                    if not flags & WEAK:
                        yield self.text(strings, name)
                    symbol += following
                offset += after


def check(elf: Elf, architecture: str) -> None:
    machine = MACHINES.get(elf.machine, "another machine")
    if machine != architecture:
        raise Refused(f"is built for {machine}, and the package is for {architecture}")
    versions = [version.removeprefix("GLIBC_") for version in elf.versions_needed() if version.startswith("GLIBC_")]
    needed = max((tuple(map(int, version.split("."))) for version in versions if version[0].isdigit()), default=GLIBC)
    if needed > GLIBC:
        needs, has = (".".join(map(str, version[:2])) for version in (needed, GLIBC))
        raise Refused(f"needs glibc {needs}, and provided.al2023 has {has}: give ZIG=yes to make")


def package(architecture: str, bootstrap: Path, target: Path) -> None:
    data = bootstrap.read_bytes()
    if architecture != "local":
        check(Elf(data), architecture)
    entry = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
    entry.create_system, entry.external_attr = 3, 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f"{target.name}.{os.getpid()}")
    with zipfile.ZipFile(half, "w") as archive:
        archive.writestr(entry, data)
    half.replace(target)


def digest(files: list) -> str:
    lines = [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in files]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()[:16]


def main(words: list) -> None:
    match words:
        case ["zip", architecture, bootstrap, target]:
            try:
                package(architecture, Path(bootstrap), Path(target))
            except Refused as refused:
                sys.exit(f"package: {bootstrap} {refused}")
        case ["digest", _, *_]:
            print(digest([Path(word) for word in words[1:]]))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
