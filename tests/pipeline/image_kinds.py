"""One small image of every kind that a promotion has to carry, by name."""

import os

from .images import Layout, Manifest


def single(layout: Layout) -> Manifest:
    return layout.image([text(layout)])


def zstd(layout: Layout) -> Manifest:
    return layout.image([text(layout, "zstd"), text(layout, "gzip")])


def uncompressed(layout: Layout) -> Manifest:
    return layout.image([text(layout, "none")])


def layer_twice(layout: Layout) -> Manifest:
    layer = text(layout)
    return layout.image([layer, text(layout), layer])


def docker(layout: Layout) -> Manifest:
    return layout.image([text(layout), text(layout)], docker=True)


def index(layout: Layout) -> Manifest:
    """Two platforms that share a layer, each with a buildx attestation."""
    shared = text(layout)
    platforms = [layout.image([shared, text(layout)]), layout.image([shared, text(layout)], "arm64")]
    return layout.index(*platforms, *(layout.attestation(each) for each in platforms))


def nested(layout: Layout) -> Manifest:
    return layout.index(index(layout), single(layout))


def large(layout: Layout) -> Manifest:
    """A layer of 24 MiB that does not compress: more than one piece, whatever the piece."""
    return layout.image([layout.layer({"noise": os.urandom(24 << 20)}, "none"), text(layout)])


def text(layout: Layout, compression: str = "gzip"):
    """A layer that no other test has."""
    return layout.layer({"text": os.urandom(16).hex().encode() * 500}, compression)


KINDS = {make.__name__: make for make in (single, zstd, uncompressed, layer_twice, docker, index, nested, large)}
