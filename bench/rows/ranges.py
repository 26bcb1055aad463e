"""One layer of 1 GiB from a source that bounds each connection."""

from harness import Bench, first_copies
from results import Check, Row
from seed import MIB, Seeder

SIZE, BANDWIDTH = 1024 * MIB, 50 * MIB


def measure(bench: Bench) -> list[Row]:
    with bench.folder(2 * SIZE) as folder, bench.pair(folder, 0, BANDWIDTH) as pair:
        with Seeder(pair.source.host, "app/model") as seeder:
            images = [seeder.tag(seeder.image([seeder.layer(1, SIZE)]))]
        everybody = [bench.transship(folder, images), *bench.those(images, 1)]
        measures = first_copies(max(1, bench.rounds - 1), everybody, pair, images)
    ours = measures[0]
    best = min(measures[1:], key=lambda each: each.seconds)
    floor = SIZE / BANDWIDTH
    row = Row("ranges", "1 layer of 1 GiB, 50 MiB/s for each connection", measures, [])
    # To be faster by less than this is chance.
    row.checks.append(Check(f"time, of the best peer's ({best.who})", ours.seconds / best.seconds, 0.95))
    row.notes.append(f"Over one connection it takes {floor:.1f} s at least.")
    return [row]
