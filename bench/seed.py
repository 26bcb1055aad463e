"""Pushes images that are made on the way: nothing of them is kept but what the registry keeps."""

import hashlib
import http.client
import json
import random
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass

from contestants import Image
from pipeline.images import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST

KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True)
class Stored:
    """A blob or a manifest that the registry has, as a descriptor names it."""

    media_type: str
    digest: str
    size: int

    def descriptor(self, **extra) -> dict:
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size, **extra}


def noise(seed, size: int) -> Iterable[bytes]:
    """Bytes that no other seed gives, in blocks that all differ."""
    block = random.Random(repr(seed)).randbytes(min(size, MIB))
    for number in range(-(-size // MIB)):
        length = min(MIB, size - number * MIB)
        yield (number.to_bytes(8) + block)[:length]


class Pusher:
    """Pushes to one repository over one connection."""

    def __init__(self, host: str, repository: str, authorization: str | None = None):
        self.repository = repository
        self.connection = http.client.HTTPConnection(host, timeout=600, blocksize=MIB)
        self.headers = {"Authorization": authorization} if authorization else {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def layer(self, seed, size: int) -> Stored:
        """A layer of so many bytes. A registry does not look into it."""
        location = self._open()
        hashed = hashlib.sha256()

        def pieces():
            for piece in noise(seed, size):
                hashed.update(piece)
                yield piece

        headers = self._send("PATCH", location, pieces(), 202, 201, **{"Content-Length": str(size)})
        digest = f"sha256:{hashed.hexdigest()}"
        self._send("PUT", with_digest(headers["Location"], digest), None, 201, **{"Content-Length": "0"})
        return Stored(OCI_LAYER, digest, size)

    def json(self, media_type: str, body: dict) -> Stored:
        """A blob that is a JSON document."""
        content = json.dumps(body).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._send("PUT", with_digest(self._open(), digest), content, 201)
        return Stored(media_type, digest, len(content))

    def image(self, layers: list[Stored], architecture: str = "amd64", name: str | None = None) -> Stored:
        """The manifest of an image of these layers, with a config of its own, which names the repository unless told
        otherwise. It has no tag."""
        config = self.json(
            OCI_CONFIG,
            {
                "architecture": architecture,
                "os": "linux",
                "config": {"Labels": {"name": name or self.repository}},
                "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
            },
        )
        return self.manifest(OCI_MANIFEST, config=config.descriptor(), layers=[each.descriptor() for each in layers])

    def index(self, children: list[dict]) -> Stored:
        return self.manifest(OCI_INDEX, manifests=children)

    def manifest(self, media_type: str, tag: str | None = None, **fields) -> Stored:
        content = json.dumps({"schemaVersion": 2, "mediaType": media_type, **fields}).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._put(digest, media_type, content)
        return Stored(media_type, digest, len(content))

    def tag(self, manifest: Stored, tag: str = "1") -> Image:
        path = f"/v2/{self.repository}/manifests/{manifest.digest}"
        self.connection.request("GET", path, headers={"Accept": manifest.media_type, **self.headers})
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise OSError(f"GET {path}: {answer.status} {content[:300]}")
        self._put(tag, manifest.media_type, content)
        return Image(self.repository, tag, manifest.digest)

    def _put(self, reference: str, media_type: str, content: bytes) -> None:
        path = f"/v2/{self.repository}/manifests/{reference}"
        self._send("PUT", path, content, 201, **{"Content-Type": media_type})

    def _open(self) -> str:
        path = f"/v2/{self.repository}/blobs/uploads/"
        return self._send("POST", path, None, 202, **{"Content-Length": "0"})["Location"]

    def _send(self, method: str, location: str, body, *expected: int, **headers):
        where = urllib.parse.urlsplit(location)
        path = f"{where.path}?{where.query}" if where.query else where.path
        self.connection.request(method, path, body, {**self.headers, **headers})
        answer = self.connection.getresponse()
        said = answer.read()
        if answer.status not in expected:
            raise OSError(f"{method} {path}: {answer.status} {said[:300]}")
        return answer.headers


def with_digest(location: str, digest: str) -> str:
    return f"{location}{'&' if '?' in location else '?'}digest={digest}"
