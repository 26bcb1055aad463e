"""Builds container images out of files, as OCI layouts: every kind of image that a promotion has to carry."""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
IN_TOTO = "application/vnd.in-toto+json"

SUFFIX = {"gzip": "+gzip", "zstd": "+zstd", "none": ""}
WHEN = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class Layer:
    """A layer blob: its descriptor's three fields and the digest of what it unpacks to."""

    media_type: str
    digest: str
    size: int
    diff_id: str

    def descriptor(self, media_type: str | None = None) -> dict:
        return {"mediaType": media_type or self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True)
class Manifest:
    """A manifest or index: what it is called in an index above it."""

    media_type: str
    digest: str
    size: int
    platform: dict | None = None
    annotations: dict = field(default_factory=dict)

    def descriptor(self) -> dict:
        extra = {"platform": self.platform} if self.platform else {}
        if self.annotations:
            extra["annotations"] = self.annotations
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size, **extra}


class Layout:
    """An OCI image layout in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.blobs = folder / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self.tags: dict[str, Manifest] = {}

    def blob(self, digest: str) -> Path:
        return self.blobs / digest.removeprefix("sha256:")

    def layer(self, files: dict, compression: str = "gzip") -> Layer:
        """A layer of `files`: path in the image -> a file here, or the bytes themselves."""
        temporary = self.blobs / "incoming"
        with temporary.open("wb") as sink:
            blob = Hashing(sink)
            with compressor(blob, compression) as packed:
                diff = Hashing(packed)
                with tarfile.open(fileobj=diff, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                    for path, content in sorted(files.items()):
                        add(archive, path, content)
        temporary.rename(self.blob(blob.digest))
        return Layer(OCI_LAYER + SUFFIX[compression], blob.digest, blob.size, diff.digest)

    def image(self, layers: list, architecture: str = "amd64", docker: bool = False) -> Manifest:
        """An image of `layers`, as an OCI manifest or as Docker schema 2 (whose layers are gzip)."""
        config = self._json(
            {
                "created": WHEN,
                "architecture": architecture,
                "os": "linux",
                "config": {"Entrypoint": ["/var/runtime/bootstrap"]},
                "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
                "history": [{"created": WHEN, "created_by": "pipeline test"} for _ in layers],
            }
        )
        media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
        platform = {"architecture": architecture, "os": "linux"}
        return self._manifest(
            media_type,
            platform,
            {
                "schemaVersion": 2,
                "mediaType": media_type,
                "config": {"mediaType": DOCKER_CONFIG if docker else OCI_CONFIG, **config},
                "layers": [layer.descriptor(DOCKER_LAYER if docker else None) for layer in layers],
            },
        )

    def attestation(self, subject: Manifest) -> Manifest:
        """What `docker buildx build --provenance` adds for one platform: a manifest whose layer is no file system."""
        predicate = "https://slsa.dev/provenance/v0.2"
        statement = self._json(
            {
                "_type": "https://in-toto.io/Statement/v0.1",
                "predicateType": predicate,
                "subject": [{"name": "image", "digest": {"sha256": subject.digest.removeprefix("sha256:")}}],
                "predicate": {"builder": {"id": ""}, "buildType": "https://mobyproject.org/buildkit@v1"},
            }
        )
        config = self._json(
            {
                "architecture": "unknown",
                "os": "unknown",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": [statement["digest"]]},
            }
        )
        annotations = {"in-toto.io/predicate-type": predicate}
        return self._manifest(
            OCI_MANIFEST,
            {"architecture": "unknown", "os": "unknown"},
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": {"mediaType": OCI_CONFIG, **config},
                "layers": [{"mediaType": IN_TOTO, **statement, "annotations": annotations}],
            },
            {"vnd.docker.reference.digest": subject.digest, "vnd.docker.reference.type": "attestation-manifest"},
        )

    def index(self, *children: Manifest) -> Manifest:
        return self._manifest(
            OCI_INDEX,
            None,
            {
                "schemaVersion": 2,
                "mediaType": OCI_INDEX,
                "manifests": [child.descriptor() for child in children],
            },
        )

    def tag(self, name: str, manifest: Manifest) -> None:
        """Names a manifest in the layout, which is what skopeo copies by."""
        self.tags[name] = manifest
        entries = [
            {**each.descriptor(), "annotations": {"org.opencontainers.image.ref.name": tag}}
            for tag, each in self.tags.items()
        ]
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))

    def _manifest(
        self, media_type: str, platform: dict | None, body: dict, annotations: dict | None = None
    ) -> Manifest:
        # Indented, unlike what a JSON library writes by itself: a copy that re-serialises would change the digest.
        stored = self._bytes(json.dumps(body, indent=3).encode())
        return Manifest(media_type, stored["digest"], stored["size"], platform, annotations or {})

    def _json(self, body: dict) -> dict:
        return self._bytes(json.dumps(body).encode())

    def _bytes(self, content: bytes) -> dict:
        digest = sha256(content)
        self.blob(digest).write_bytes(content)
        return {"digest": digest, "size": len(content)}


class Hashing(io.RawIOBase):
    """Passes writes on, and knows their digest and size."""

    def __init__(self, sink):
        self._sink, self._hash, self.size = sink, hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self._hash.update(data)
        self.size += len(data)
        self._sink.write(data)
        return len(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


class Plain:
    """No compression, with the shape of the compressors."""

    def __init__(self, sink):
        self.write = sink.write

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def compressor(sink, compression: str):
    match compression:
        case "gzip":
            return gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=1, mtime=0)
        case "zstd":
            return zstandard.ZstdCompressor(level=1).stream_writer(sink, closefd=False)
        case "none":
            return Plain(sink)
    raise ValueError(compression)


def add(archive: tarfile.TarFile, path: str, content) -> None:
    """Adds a file with nothing in its header that differs from one run to the next."""
    entry = tarfile.TarInfo(path)
    entry.mode = 0o755
    if isinstance(content, Path):
        entry.size = content.stat().st_size
        with content.open("rb") as source:
            archive.addfile(entry, source)
    else:
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
