"""Transship and its peers: how each copies the same images between the same two registries."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipeline.processes import ROOT, TOOLS

TRANSSHIP = ROOT / "target/release/transship"


@dataclass(frozen=True)
class Image:
    repository: str
    tag: str
    digest: str

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


class Transship:
    """All images of a release with one command."""

    name = "transship"

    def __init__(self, folder: Path):
        self.folder = folder

    @staticmethod
    def version() -> str:
        return said([TRANSSHIP, "--version"]).split()[-1]

    def commands(self, images: list[Image], source: str, *targets: str, options: tuple = ()) -> list:
        release = self.folder / f"deploy-manifest-{len(images)}.json"
        release.write_text(
            json.dumps({"images": [{"repository": each.repository, "tag": each.tag} for each in images]})
        )
        there = [word for target in targets for word in ("--target", f"http://{target}")]
        return [[TRANSSHIP, "promote", release, "--source", f"http://{source}", *there, "--quiet", *options]]


class Skopeo:
    """Debian's. One image with each command."""

    name = "skopeo"
    program = TOOLS / "bin/skopeo"

    def version(self) -> str:
        return said([self.program, "--version"]).split()[-1]

    def commands(self, images: list[Image], source: str, target: str) -> list:
        plain = ["--src-tls-verify=false", "--dest-tls-verify=false", "--all", "--preserve-digests"]
        names = [[f"docker://{host}/{each}" for host in (source, target)] for each in images]
        return [[self.program, "copy", *plain, *pair] for pair in names]


class Crane:
    name = "crane"
    program = shutil.which("crane")

    def version(self) -> str:
        return said([self.program, "version"]).split()[-1]

    def commands(self, images: list[Image], source: str, target: str) -> list:
        names = [[f"{host}/{each}" for host in (source, target)] for each in images]
        return [[self.program, "copy", "--insecure", *pair] for pair in names]


class Regctl:
    name = "regctl"
    program = shutil.which("regctl")

    def version(self) -> str:
        words = said([self.program, "version", "--format", "{{.VCSTag}}"]).split()
        return words[-1] if words else "of unknown version"

    def commands(self, images: list[Image], source: str, target: str) -> list:
        plain = [word for host in (source, target) for word in ("--host", f"reg={host},tls=disabled")]
        names = [[f"{host}/{each}" for host in (source, target)] for each in images]
        return [[self.program, "image", "copy", *plain, *pair] for pair in names]


def peers() -> list:
    """skopeo, and of the others those that are on the PATH."""
    return [Skopeo(), *(peer for peer in (Crane(), Regctl()) if peer.program)]


def said(command: list) -> str:
    done = subprocess.run(
        [str(word) for word in command], check=True, capture_output=True, text=True, env=environment()
    )
    return done.stdout.strip() or done.stderr.strip()


def environment() -> dict:
    """Nobody's logins, and no proxy."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ}
    return {**kept, "HOME": "/nonexistent"}
