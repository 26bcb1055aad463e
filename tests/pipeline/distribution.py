"""A plain `/v2` client that shares no code with the project: pushes what skopeo cannot, and reads back every byte."""

import base64
import hashlib
import http.client
import json
import subprocess
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from .images import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Layout, Manifest
from .processes import TOOLS

ACCEPT = ", ".join([OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST])


class Refused(Exception):
    """The registry did not answer with the expected status."""

    def __init__(self, what: str, status: int, body: bytes):
        super().__init__(f"{what}: {status} {body[:500].decode(errors='replace')}")
        self.status = status


@dataclass
class Registry:
    """One registry as one caller sees it: `token` is ECR's authorizationToken."""

    host: str
    token: str

    def push(self, layout: Layout, name: str, repository: str, tag: str) -> Manifest:
        """Pushes what the layout calls `name`. skopeo does it where it can."""
        manifest = layout.tags[name]
        if self._is_plain(layout, manifest):
            self._skopeo(
                "copy", "--all", "--preserve-digests", "--dest-tls-verify=false", "--dest-creds", self._credentials(),
                f"oci:{layout.folder}:{name}", f"docker://{self.host}/{repository}:{tag}",
            )  # fmt: skip
        else:
            self._push_manifest(layout, repository, manifest.digest, tag, manifest.media_type)
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
        body = self.manifest(repository, reference)
        found = {digest_of(body): len(body)}
        parsed = json.loads(body)
        for child in parsed.get("manifests", []):
            found |= self.digests(repository, child["digest"])
        for blob in [parsed.get("config"), *parsed.get("layers", [])]:
            if blob:
                found[blob["digest"]] = self._hash_blob(repository, blob["digest"])
        return found

    def manifest(self, repository: str, reference: str) -> bytes:
        status, _, body = self._request("GET", f"{repository}/manifests/{reference}", {"Accept": ACCEPT})
        if status != 200:
            raise Refused(f"GET {repository}/manifests/{reference}", status, body)
        return body

    def has_manifest(self, repository: str, reference: str) -> bool:
        status, _, _ = self._request("HEAD", f"{repository}/manifests/{reference}", {"Accept": ACCEPT})
        return status == 200

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

    def _push_manifest(self, layout: Layout, repository: str, digest: str, reference: str, media_type: str) -> None:
        content = layout.blob(digest).read_bytes()
        body = json.loads(content)
        for child in body.get("manifests", []):
            self._push_manifest(layout, repository, child["digest"], child["digest"], child["mediaType"])
        for blob in [body.get("config"), *body.get("layers", [])]:
            if blob:
                self._push_blob(layout, repository, blob["digest"])
        status, _, answer = self._request(
            "PUT", f"{repository}/manifests/{reference}", {"Content-Type": media_type}, content
        )
        if status != 201:
            raise Refused(f"PUT {repository}/manifests/{reference}", status, answer)

    def _push_blob(self, layout: Layout, repository: str, digest: str) -> None:
        if self._request("HEAD", f"{repository}/blobs/{digest}")[0] == 200:
            return
        status, headers, body = self._request("POST", f"{repository}/blobs/uploads/", {"Content-Length": "0"})
        if status != 202:
            raise Refused(f"POST {repository}/blobs/uploads/", status, body)
        location = urllib.parse.urlsplit(headers["Location"])
        query = f"{location.query}&digest={digest}" if location.query else f"digest={digest}"
        path = layout.blob(digest)
        with path.open("rb") as content:
            status, _, body = self._send(
                "PUT", f"{location.path}?{query}", {"Content-Length": str(path.stat().st_size)}, content
            )
        if status != 201:
            raise Refused(f"PUT blob {digest} in {repository}", status, body)

    def _hash_blob(self, repository: str, digest: str) -> int:
        status, headers, body = self._request("GET", f"{repository}/blobs/{digest}")
        if status != 307:
            raise Refused(f"GET {repository}/blobs/{digest}", status, body)
        # As ECR does: the bytes are elsewhere, and the token stays here.
        url = urllib.parse.urlsplit(headers["Location"])
        connection = http.client.HTTPConnection(url.netloc, timeout=300)
        try:
            connection.request("GET", f"{url.path}?{url.query}")
            response = connection.getresponse()
            if response.status != 200:
                raise Refused(f"GET blob {digest} of {repository}", response.status, response.read())
            hashed, size = hashlib.sha256(), 0
            while piece := response.read(1 << 20):
                hashed.update(piece)
                size += len(piece)
        finally:
            connection.close()
        if f"sha256:{hashed.hexdigest()}" != digest:
            raise Refused(f"{digest} of {repository} hashes to {hashed.hexdigest()}", response.status, b"")
        return size

    def _request(self, method: str, path: str, headers: dict | None = None, body=None):
        return self._send(method, f"/v2/{path}", headers or {}, body)

    def _send(self, method: str, path: str, headers: dict, body=None):
        connection = http.client.HTTPConnection(self.host, timeout=300, blocksize=1 << 20)
        try:
            connection.request(method, path, body, {"Authorization": f"Basic {self.token}", **headers})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
