"""Pushes images that are made on the way: nothing of them is kept but what the registry keeps."""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass

from contestants import Image
from pipeline.images import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, sha256
from pipeline.repository import Repository

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


class Seeder(Repository):
    """Makes images in a repository."""

    def layer(self, seed, size: int) -> Stored:
        """A layer of so many bytes. A registry does not look into it."""
        return Stored(OCI_LAYER, self.push_pieces(noise(seed, size), size), size)

    def json(self, media_type: str, body: dict) -> Stored:
        """A blob that is a JSON document."""
        content = json.dumps(body).encode()
        stored = Stored(media_type, sha256(content), len(content))
        self.push_blob(stored.digest, content, stored.size)
        return stored

    def image(self, layers: list[Stored], architecture: str = "amd64", name: str | None = None) -> Stored:
        """The manifest of an image of these layers, with a config of its own, which names the repository unless `name`
        is given. It has no tag."""
        config = self.json(
            OCI_CONFIG,
            {
                "architecture": architecture,
                "os": "linux",
                "config": {"Labels": {"name": name or self.name}},
                "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
            },
        )
        return self.put(OCI_MANIFEST, config=config.descriptor(), layers=[each.descriptor() for each in layers])

    def index(self, children: list[dict]) -> Stored:
        return self.put(OCI_INDEX, manifests=children)

    def put(self, media_type: str, **fields) -> Stored:
        """A manifest, by its digest."""
        content = json.dumps({"schemaVersion": 2, "mediaType": media_type, **fields}).encode()
        stored = Stored(media_type, sha256(content), len(content))
        self.push_manifest(stored.digest, media_type, content)
        return stored

    def tag(self, manifest: Stored, tag: str = "1") -> Image:
        self.push_manifest(tag, manifest.media_type, self.manifest(manifest.digest))
        return Image(self.name, tag, manifest.digest)
