"""Peak memory of the command line and of promote-images, with big layers and with many."""

from collections.abc import Iterator

import world
from contestants import Image
from harness import Bench, first_copies
from results import Measure, Row, Run, memory_check
from seed import KIB, MIB, Seeder

# Layers of so many bytes, for each of so many images.
SHAPES = {
    "one 4 GiB layer": (1, [4096 * MIB]),
    "6 x 256 MiB": (1, [256 * MIB] * 6),
    "200 images of small layers": (200, [20 * KIB] * 6),
}


def measure(bench: Bench) -> Iterator[Row]:
    for number, shape in enumerate(SHAPES.items()):
        yield row(bench, number, *shape)


def row(bench: Bench, number: int, name: str, shape: tuple) -> Row:
    count, sizes = shape
    measures = [*command_line(bench, number, count, sizes), function(bench, number, count, sizes)]
    checks = [memory_check(each) for each in measures if each.who in ("transship", world.FUNCTION)]
    return Row(f"memory-{number + 1}", f"Peak memory: {name}", measures, checks)


def push(seeder: Seeder, number: int, each: int, sizes: list) -> Image:
    layers = [seeder.layer((number, each, layer), size) for layer, size in enumerate(sizes)]
    return seeder.tag(seeder.image(layers))


def command_line(bench: Bench, number: int, count: int, sizes: list) -> list[Measure]:
    """Where a round does not take long Transship goes round as often as elsewhere, since no two peaks are the same. The
    peers' are in the other cases."""
    with bench.folder(2 * count * sum(sizes)) as folder, bench.pair(folder) as pair:
        images = []
        for each in range(count):
            with Seeder(pair.source.host, f"memory/service-{each}") as seeder:
                images.append(push(seeder, number, each, sizes))
        short = count * sum(sizes) < 2048 * MIB
        return first_copies(bench.rounds if short else 1, [bench.transship(folder, images)], pair, images)


def function(bench: Bench, number: int, count: int, sizes: list) -> Measure:
    """A fresh process of promote-images, on the double of ECR."""
    with bench.folder(2 * count * sum(sizes)) as folder, world.running(folder) as local:
        images = []
        for each in range(count):
            name = f"memory/service-{each}"
            local.create_repository(name)
            with local.seeder(name) as seeder:
                images.append(push(seeder, number, each, sizes))
        event = local.event(images)
        local.counts()
        with local.bootstrap() as bootstrap:
            answered = bootstrap.invoke(event)
            counted = local.counts()
            done = Run(
                seconds=answered.seconds,
                memory=bootstrap.peak_memory(),
                requests=sum(counted.values()),
                bytes=answered.payload["bytes_copied"],
            )
        return Measure(world.FUNCTION, [done], counted)
