"""An invocation of promote-images that finds everything in place."""

import world
from contestants import Image
from harness import Bench
from results import Check, Measure, Row, Run
from seed import KIB

IMAGES, DELAY = 100, 5
MOST_SECONDS = 0.3
TIMES = 9
# So many repositories for the images. The first is the most work.
SHAPES = (IMAGES, 10, 1)


def seed(local: world.Local, repositories: int) -> list[Image]:
    images = []
    for repository in range(repositories):
        with local.pusher(f"of-{repositories}/service-{repository}") as pusher:
            for tag in range(IMAGES // repositories):
                layer = pusher.layer((repository, tag), 8 * KIB)
                image = pusher.image([layer], name=f"{repository}/{tag}")
                pusher.tag(image, f"1.{tag}")
                images.append(Image(pusher.repository, f"1.{tag}", image.digest))
    return images


def measure(bench: Bench) -> list[Row]:
    measures = []
    with bench.folder(1 << 28) as folder, world.running(folder) as local:
        for repositories in SHAPES:
            event = local.event(seed(local, repositories))
            with local.bootstrap() as bootstrap:
                bootstrap.invoke(event)
            local.delay(DELAY)
            who = f"{repositories} repositories" if repositories > 1 else "1 repository"
            measures += [
                invocations(local, who, event),
                invocations(local, f"{who}, referrers left", {**event, "referrers": "leave"}),
            ]
            local.no_delay()
    hardest, left = measures[0], measures[1]
    title = f"promote-images, {IMAGES} images that are all present, {DELAY} ms with each request to ECR"
    row = Row("invocation", title, measures, [])
    row.checks += [
        Check(f"time of an invocation, {each.who}", each.seconds, MOST_SECONDS, "ms") for each in (hardest, left)
    ]
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
            measure.runs.append(Run(answered.seconds, requests=sum(measure.kinds.values())))
        last = measure.runs[-1]
        measure.runs[-1] = Run(last.seconds, memory=bootstrap.peak_memory(), requests=last.requests)
    return measure
