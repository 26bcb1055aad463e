"""512 MiB in 8 layers, straight from registry to registry."""

from harness import Bench, first_copies
from results import Check, Row
from seed import MIB, Seeder

LAYERS, SIZE = 8, 64 * MIB


def measure(bench: Bench) -> list[Row]:
    with bench.folder(3 * LAYERS * SIZE) as folder, bench.pair(folder) as pair:
        with Seeder(pair.source.host, "app/api") as seeder:
            images = [seeder.tag(seeder.image([seeder.layer(number, SIZE) for number in range(LAYERS)]))]
        everybody = [bench.transship(folder, images), *bench.those(images, 1)]
        measures = {each.who: each for each in first_copies(bench.rounds + 2, everybody, pair, images)}
    ours, skopeo = measures["transship"], measures["skopeo"]
    checks = [
        Check("time, of skopeo's", ours.seconds / skopeo.seconds, 1.0),
        Check("processor time, of skopeo's", ours.processor / skopeo.processor, 0.8),
    ]
    return [Row("loopback", "512 MiB in 8 layers, loopback", list(measures.values()), checks)]
