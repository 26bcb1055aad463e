"""The release that the demo promotes: three images whose layers are the bootstraps themselves."""

from pathlib import Path

from pipeline.images import Layout
from pipeline.world import BOOTSTRAPS

VERSION = "1.0.0-0a1b2c3"
REPOSITORIES = ("myapp/api", "myapp/worker", "myapp/jobs")
KINDS = {
    "myapp/api": "index: amd64, arm64, 2 attestations",
    "myapp/worker": "OCI image, zstd and plain layers",
    "myapp/jobs": "Docker schema 2 image",
}


def build(folder: Path) -> Layout:
    """Builds the images. They share the layer that holds check-manifest."""
    layout = Layout(folder)
    bootstrap = "var/runtime/bootstrap"
    shared = layout.layer({"opt/check-manifest": BOOTSTRAPS["check-manifest"]})
    promote = layout.layer({bootstrap: BOOTSTRAPS["promote-images"]})
    platforms = [
        layout.image([shared, promote]),
        layout.image([shared, layout.layer({bootstrap: BOOTSTRAPS["promote-images"], "etc/arch": b"arm64"})], "arm64"),
    ]
    verify = layout.layer({bootstrap: BOOTSTRAPS["verify-pull"]}, "zstd")
    plain = layout.layer({"etc/release": VERSION.encode()}, "none")
    layout.tag("myapp/api", layout.index(*platforms, *(layout.attestation(each) for each in platforms)))
    layout.tag("myapp/worker", layout.image([shared, verify, plain]))
    layout.tag("myapp/jobs", layout.image([shared, layout.layer({bootstrap: BOOTSTRAPS["verify-pull"]})], docker=True))
    return layout


def manifest() -> list:
    """The `images` of deploy-manifest.json. The stack takes one image as a parameter."""
    images = [{"repository": repository, "tag": VERSION} for repository in REPOSITORIES]
    images[0]["parameter"] = "ApiImage"
    return images
