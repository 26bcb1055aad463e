"""25 images that share layers, 20 ms with each request: the first copy, and the same again."""

import random

from contestants import Image
from harness import Bench, Pair, rounds
from results import Check, Measure, Row, time_check
from seed import KIB, Seeder

IMAGES, LAYERS, SHARED, POOL, SIZE = 25, 12, 7, 40, 40 * KIB
LATENCY = 20
MOST_REQUESTS = 900
# Of the best peer's time with one image at a time, and with eight.
FIRST, AGAIN = (0.15, 0.6), (0.1, 0.5)


def seed(pair: Pair) -> list[Image]:
    """In a repository each, as the images of services are."""
    drawn, images = random.Random(1), []
    for number in range(IMAGES):
        with Seeder(pair.source.host, f"app/service-{number}") as seeder:
            shared = [seeder.layer(("shared", each), SIZE) for each in sorted(drawn.sample(range(POOL), SHARED))]
            own = [seeder.layer((number, each), SIZE) for each in range(LAYERS - SHARED)]
            images.append(seeder.tag(seeder.image(shared + own)))
    return images


def measure(bench: Bench) -> list[Row]:
    with bench.folder(IMAGES * LAYERS * SIZE * 3) as folder, bench.pair(folder, LATENCY) as pair:
        images = seed(pair)
        everybody = [
            bench.transship(folder, images),
            bench.transship(folder, images, "--no-referrers"),
            *bench.those(images, 1, 8),
        ]

        def step(contestant):
            pair.target.clear()
            return {phase: pair.copy(contestant, images) for phase in ("first", "again")}

        phases = rounds(bench.rounds, everybody, step)
    title = f"{IMAGES} images of {LAYERS} layers, {LATENCY} ms with each request"
    first = Row("release", f"{title}, first copy", phases["first"], checks(phases["first"], *FIRST))
    first.checks.append(Check("requests", first.ours.requests, MOST_REQUESTS, "requests"))
    again = Row("again", f"{title}, nothing to do", phases["again"], checks(phases["again"], *AGAIN))
    for row in (first, again):
        waiting = row.ours.requests * LATENCY / 1000 / row.ours.seconds
        row.notes.append(f"On average {waiting:.1f} of Transship's requests are held by the proxies at once.")
        row.notes.append("With --no-referrers it does what the peers do here: they leave referrers.")
    return [first, again]


def checks(measures: list[Measure], *limits: float) -> list[Check]:
    """Of the run with everything that is the default, against the best peer."""
    ours = next(each for each in measures if each.who == "transship")
    made = []
    for at_once, limit in zip((1, 8), limits, strict=True):
        made.append(time_check(ours, [each for each in measures if f", {at_once} at" in each.who], limit))
    return made
