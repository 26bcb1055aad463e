"""Images with big layers."""

import random

from pipeline.images import Layer, Layout, Manifest

MIB = 1 << 20
CASES = {"one layer of 2 GiB": [2048], "6 layers of 256 MiB": [256] * 6}


def big_image(layout: Layout, sizes: list) -> Manifest:
    """An image with layers of so many MiB."""
    return layout.image([noise(layout, *each) for each in enumerate(sizes)])


def noise(layout: Layout, seed: int, size: int) -> Layer:
    """A layer of `size` MiB that no other has, in blocks that differ."""
    block = random.Random(seed).randbytes(MIB - 16)
    path = layout.folder / "noise"
    with path.open("wb") as file:
        for number in range(size):
            file.write(number.to_bytes(16) + block)
    layer = layout.layer({"noise": path}, "none")
    path.unlink()
    return layer
