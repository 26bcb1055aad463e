"""A registry as a client of `/v2` sees it: pushes what skopeo cannot, and reads back every byte."""

import base64
import hashlib
import http.client
import json
import subprocess
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from .images import DOCKER_MANIFEST, OCI_INDEX, Layout, Manifest, sha256
from .processes import TOOLS
from .repository import Refused, Repository


@dataclass
class Registry:
    """One registry as one caller sees it: `token` is ECR's authorizationToken."""

    host: str
    token: str

    def repository(self, name: str) -> Repository:
        return Repository(self.host, name, f"Basic {self.token}")

    def push(self, layout: Layout, name: str, repository: str, tag: str) -> Manifest:
        """Pushes what the layout calls `name`. skopeo does it where it can."""
        manifest = layout.tags[name]
        if self._is_plain(layout, manifest):
            self._skopeo(
                "copy", "--all", "--preserve-digests", "--dest-tls-verify=false", "--dest-creds", self._credentials(),
                f"oci:{layout.folder}:{name}", f"docker://{self.host}/{repository}:{tag}",
            )  # fmt: skip
        else:
            with self.repository(repository) as opened:
                push(opened, layout, manifest.digest, tag, manifest.media_type)
        return manifest

    def skopeo_pull(self, repository: str, reference: str, folder: Path) -> None:
        """Has skopeo, as a consumer would, pull everything that an image holds into `folder`."""
        folder.mkdir(parents=True)
        separator = "@" if ":" in reference else ":"
        self._skopeo(
            "copy", "--all", "--preserve-digests", "--src-tls-verify=false", "--src-creds", self._credentials(),
            f"docker://{self.host}/{repository}{separator}{reference}", f"dir:{folder}",
        )  # fmt: skip

    def digests(self, repository: str, reference: str) -> dict:
        """Every digest under `reference` with its size. Every byte was read and hashed."""
        with self.repository(repository) as opened:
            return digests(opened, reference)

    def manifest(self, repository: str, reference: str) -> bytes:
        with self.repository(repository) as opened:
            return opened.manifest(reference)

    def has_manifest(self, repository: str, reference: str) -> bool:
        with self.repository(repository) as opened:
            return opened.has_manifest(reference)

    def _credentials(self) -> str:
        return base64.b64decode(self.token).decode()

    @staticmethod
    def _skopeo(*arguments: str) -> None:
        done = subprocess.run([TOOLS / "bin/skopeo", *arguments], capture_output=True, text=True)
        if done.returncode:
            raise Refused(
                f"skopeo {arguments[0]} {arguments[-2]} {arguments[-1]}", done.returncode, done.stderr.encode()
            )

    @staticmethod
    def _is_plain(layout: Layout, manifest: Manifest) -> bool:
        """Whether skopeo 1.9 can copy it from an OCI layout: neither a nested index nor Docker schema 2."""
        body = json.loads(layout.blob(manifest.digest).read_bytes())
        nested = any(child["mediaType"] == OCI_INDEX for child in body.get("manifests", []))
        return manifest.media_type != DOCKER_MANIFEST and not nested


def push(repository: Repository, layout: Layout, digest: str, reference: str, media_type: str) -> None:
    """Pushes a manifest of the layout after all that it names."""
    content = layout.blob(digest).read_bytes()
    parsed = json.loads(content)
    for child in parsed.get("manifests", []):
        push(repository, layout, child["digest"], child["digest"], child["mediaType"])
    for blob in blobs(parsed):
        if not repository.has_blob(blob):
            path = layout.blob(blob)
            with path.open("rb") as file:
                repository.push_blob(blob, file, path.stat().st_size)
    repository.push_manifest(reference, media_type, content)


def digests(repository: Repository, reference: str) -> dict:
    """Every digest under `reference` with its size. Every byte was read and hashed."""
    content = repository.manifest(reference)
    parsed = json.loads(content)
    found = {sha256(content): len(content)}
    for child in parsed.get("manifests", []):
        found |= digests(repository, child["digest"])
    return found | {blob: hash_blob(repository, blob) for blob in blobs(parsed)}


def blobs(manifest: dict) -> list[str]:
    """The digests of its config and layers."""
    return [blob["digest"] for blob in (manifest.get("config"), *manifest.get("layers", [])) if blob]


def hash_blob(repository: Repository, digest: str) -> int:
    """Reads a blob and gives its size. As ECR does: the bytes are elsewhere, and the token stays here."""
    headers, _ = repository.expect(307, "GET", f"blobs/{digest}")
    url = urllib.parse.urlsplit(headers["Location"])
    connection = http.client.HTTPConnection(url.netloc, timeout=300)
    try:
        connection.request("GET", f"{url.path}?{url.query}")
        response = connection.getresponse()
        if response.status != 200:
            raise Refused(f"GET blob {digest} of {repository.name}", response.status, response.read())
        hashed, size = hashlib.sha256(), 0
        while piece := response.read(1 << 20):
            hashed.update(piece)
            size += len(piece)
    finally:
        connection.close()
    if f"sha256:{hashed.hexdigest()}" != digest:
        raise Refused(f"{digest} of {repository.name} hashes to {hashed.hexdigest()}", response.status, b"")
    return size
