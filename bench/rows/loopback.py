"""Large layers, straight from registry to registry."""

from collections.abc import Iterator

from harness import Bench, first_copies
from results import Check, Row, memory_check, time_check
from seed import MIB, Seeder

SHAPES = {"loopback": (8, 64 * MIB), "loopback-large": (6, 256 * MIB)}


def measure(bench: Bench) -> Iterator[Row]:
    for name, (layers, size) in SHAPES.items():
        yield row(bench, name, layers, size)


def row(bench: Bench, name: str, layers: int, size: int) -> Row:
    with bench.folder(3 * layers * size) as folder, bench.pair(folder) as pair:
        with Seeder(pair.source.host, "app/api") as seeder:
            images = [seeder.tag(seeder.image([seeder.layer(number, size) for number in range(layers)]))]
        everybody = [bench.transship(folder, images), *bench.those(images, 1)]
        measures = first_copies(bench.rounds + 2, everybody, pair, images)
    ours, *peers = measures
    skopeo = next(each for each in peers if each.who == "skopeo")
    checks = [
        time_check(ours, peers, 1.0),
        Check("processor time, of skopeo's", ours.processor / skopeo.processor, 0.8),
        memory_check(ours),
    ]
    return Row(name, f"{layers} layers of {size // MIB} MiB, loopback", measures, checks)
