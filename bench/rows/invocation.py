"""An invocation of promote-images that finds everything in place."""

from dataclasses import replace

import world
from contestants import Image
from harness import Bench
from pipeline.deployment import DEPLOYER, TARGET
from results import Check, Measure, Row, Run
from seed import KIB, Seeder

IMAGES, DELAY = 100, 5
MOST_SECONDS = 0.3
TIMES = 9
# So many repositories for the images. The first is the most work.
SHAPES = (IMAGES, 10, 1)


def seed(local: world.Local, repositories: int) -> list[Image]:
    """In both accounts: that takes less time than a promotion, which puts no more images a second than ECR takes."""
    images = []
    for number in range(repositories):
        name = f"of-{repositories}/service-{number}"
        local.create_repository(name)
        with local.seeder(name, DEPLOYER) as source, local.seeder(name, TARGET) as target:
            for tag in range(IMAGES // repositories):
                made = {push(seeder, number, tag) for seeder in (source, target)}
                images += made
    return images


def push(seeder: Seeder, number: int, tag: int) -> Image:
    image = seeder.image([seeder.layer((number, tag), 8 * KIB)], name=f"{number}/{tag}")
    return seeder.tag(image, f"1.{tag}")


def measure(bench: Bench) -> list[Row]:
    measures = []
    with bench.folder(1 << 28) as folder, world.running(folder) as local:
        for repositories in SHAPES:
            event = local.event(seed(local, repositories))
            local.delay(DELAY)
            who = f"{repositories} repositories" if repositories > 1 else "1 repository"
            measures += [
                invocations(local, who, event),
                invocations(local, f"{who}, referrers left", {**event, "referrers": "leave"}),
            ]
            local.no_delay()
    hardest = measures[0]
    title = f"promote-images, {IMAGES} images that are all present, {DELAY} ms with each request to ECR"
    row = Row("invocation", title, measures, [])
    row.checks.append(Check(f"time of an invocation, {hardest.who}", hardest.seconds, MOST_SECONDS, "ms"))
    row.notes.append("Of a process that was used before: credentials and connections are there.")
    return [row]


def invocations(local: world.Local, who: str, event: dict) -> Measure:
    """The first invocation of a process is left out: it also gets credentials and a token."""
    measure = Measure(who)
    with local.bootstrap() as bootstrap:
        bootstrap.invoke(event)
        for _ in range(TIMES):
            local.counts()
            answered = bootstrap.invoke(event)
            measure.kinds = local.counts()
            if answered.payload["bytes_copied"] or answered.payload["images_promoted"] != IMAGES:
                raise SystemExit(f"not all images were there: {answered.payload}")
            measure.runs.append(Run(seconds=answered.seconds, requests=sum(measure.kinds.values())))
        measure.runs[-1] = replace(measure.runs[-1], memory=bootstrap.peak_memory())
    return measure
