"""How cost grows when there is twice as much of something, three times over."""

import contextlib
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import servers
from contestants import Image, Transship, environment
from cost import run
from harness import Bench
from results import Measure, Row, Run
from seed import KIB, Seeder

LATENCY, DOUBLINGS = 5, 3
COSTS = {"time": "seconds", "processor": "processor", "requests": "requests", "peak memory": "memory"}


@dataclass(frozen=True)
class Shape:
    """A release: images of so many layers of so many KiB, to so many targets."""

    images: int
    layers: int
    kib: int
    targets: int

    def times(self, what: str, factor: int) -> "Shape":
        return replace(self, **{what: getattr(self, what) * factor})

    def __str__(self) -> str:
        return f"{self.images} images of {self.layers} layers of {self.kib} KiB to {self.targets}"


# What is doubled, and from what on. Bytes begin where they cost more than the requests for them do.
DOUBLED = {
    "images": Shape(8, 4, 32, 1),
    "layers": Shape(8, 4, 32, 1),
    "kib": Shape(4, 4, 2048, 1),
    "targets": Shape(4, 4, 32, 1),
}
NAMES = {"images": "images", "layers": "layers of each image", "kib": "KiB of each layer", "targets": "targets"}


@dataclass(frozen=True)
class Place:
    """A registry, and the proxy that it is reached through."""

    registry: servers.Registry
    proxy: servers.Proxy

    @staticmethod
    def start(stack: contextlib.ExitStack, folder: Path, name: str) -> "Place":
        registry = stack.enter_context(servers.registry(folder / name))
        return Place(registry, stack.enter_context(servers.proxy(registry.host, folder / f"{name}.log", LATENCY)))


def measure(bench: Bench) -> Iterator[Row]:
    with bench.folder(1 << 30) as folder, contextlib.ExitStack() as stack:
        source = Place.start(stack, folder, "source")
        targets = [Place.start(stack, folder, f"target-{number}") for number in range(1 << DOUBLINGS)]
        for what in DOUBLED:
            yield row(bench, folder, what, source, targets)


def row(bench: Bench, folder: Path, what: str, source: Place, targets: list[Place]) -> Row:
    least = DOUBLED[what]
    measures = []
    for shape in (least.times(what, 1 << doubling) for doubling in range(DOUBLINGS + 1)):
        images = seed(source, shape)
        runs = [copy(folder, images, source, targets[: shape.targets]) for _ in range(bench.rounds)]
        measures.append(Measure(str(getattr(shape, what)), runs))
    grown = Row(f"growth-{what}", f"Cost by {NAMES[what]}, from {least} target on", measures, [])
    grown.notes.append(", ".join(f"{cost} ~ n^{power:.2f}" for cost, power in exponents(grown).items()))
    return grown


def seed(source: Place, shape: Shape) -> list[Image]:
    images = []
    for number in range(shape.images):
        with Seeder(source.registry.host, f"growth/service-{number}") as seeder:
            layers = [seeder.layer((number, layer), shape.kib * KIB) for layer in range(shape.layers)]
            images.append(seeder.tag(seeder.image(layers)))
    return images


def copy(folder: Path, images: list[Image], source: Place, targets: list[Place]) -> Run:
    for place in (source, *targets):
        place.proxy.forget()
    for target in targets:
        target.registry.clear()
    command = Transship(folder).commands(images, source.proxy.host, *(target.proxy.host for target in targets))
    used = run(command, environment=environment())
    passed = sum((target.proxy.passed() for target in targets), source.proxy.passed())
    return Run(
        seconds=used.seconds,
        processor=used.processor,
        memory=used.memory,
        requests=passed.requests,
        bytes=source.proxy.passed().bytes_down,
    )


def exponents(grown: Row) -> dict[str, float]:
    """What each cost grows with: k where it is nearest to c * n^k."""
    return {
        cost: exponent([(float(each.who), getattr(each, name)) for each in grown.measures])
        for cost, name in COSTS.items()
    }


def exponent(points: list[tuple[float, float]]) -> float:
    """Least squares on the logarithms."""
    return statistics.linear_regression(*zip(*((math.log(x), math.log(y)) for x, y in points), strict=True)).slope
