"""The release that the demo promotes: three images whose layers are the bootstraps themselves."""

from pathlib import Path

from pipeline.images import Layout
from pipeline.world import BOOTSTRAPS

VERSION = "1.0.0-0a1b2c3"
KINDS = {
    "api": "index: amd64, arm64, 2 attestations",
    "worker": "OCI image, zstd and plain layers",
    "jobs": "Docker schema 2 image",
}


# What the release deploys. It is never read here: CloudFormation is mocked.
TEMPLATE = """\
Parameters:
  Environment: { Type: String }
  ApiImage: { Type: String }
Resources:
  Service: { Type: AWS::SSM::Parameter, Properties: { Type: String, Value: !Ref ApiImage } }
"""


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
    layout.tag("api", layout.index(*platforms, *(layout.attestation(each) for each in platforms)))
    layout.tag("worker", layout.image([shared, verify, plain]))
    layout.tag("jobs", layout.image([shared, layout.layer({bootstrap: BOOTSTRAPS["verify-pull"]})], docker=True))
    return layout


def manifest(app: str) -> list:
    """The `images` of deploy-manifest.json. The stack takes one image as a parameter."""
    images = [{"repository": f"{app}/{name}", "tag": VERSION} for name in KINDS]
    images[0]["parameter"] = "ApiImage"
    return images
