"""512 MiB in 8 layers, straight from registry to registry."""

from contestants import Image
from harness import Bench, rounds
from results import Check, Row
from seed import MIB, Pusher

LAYERS, SIZE = 8, 64 * MIB


def measure(bench: Bench) -> list[Row]:
    with bench.folder(3 * LAYERS * SIZE) as folder, bench.pair(folder) as pair:
        with Pusher(pair.source.host, "app/api") as pusher:
            image = pusher.image([pusher.layer(number, SIZE) for number in range(LAYERS)])
            pusher.tag(image, "1")
        images = [Image("app/api", "1", image.digest)]

        def step(contestant):
            pair.target.clear()
            return {"first": pair.copy(contestant, images)}

        everybody = [bench.drayage(folder, images), *bench.those(images, 1)]
        measures = {each.who: each for each in rounds(bench.rounds + 2, everybody, step)["first"]}
    ours, skopeo = measures["drayage"], measures["skopeo"]
    checks = [
        Check("time, of skopeo's", ours.seconds / skopeo.seconds, 1.0),
        Check("processor time, of skopeo's", ours.processor / skopeo.processor, 0.8),
    ]
    return [Row("loopback", "512 MiB in 8 layers, loopback", list(measures.values()), checks)]
