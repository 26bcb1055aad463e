"""What buildx pushes: an index of two platforms, with an attestation for each."""

from contestants import Image
from harness import Bench, Pair, first_copies
from pipeline.images import IN_TOTO
from results import Check, Row
from seed import MIB, Seeder, Stored

# With five layers for each platform the index takes crane 97 requests, regctl 79 and skopeo 104.
LAYERS, BYTES = 5, 42 * MIB
MOST_REQUESTS = 55
PREDICATE = "https://slsa.dev/provenance/v0.2"


def attestation(seeder: Seeder, subject: Stored) -> Stored:
    statement = seeder.json(
        IN_TOTO,
        {
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": PREDICATE,
            "subject": [{"name": "image", "digest": {"sha256": subject.digest.removeprefix("sha256:")}}],
            "predicate": {"builder": {"id": ""}, "buildType": "https://mobyproject.org/buildkit@v1"},
        },
    )
    return seeder.image([statement], "unknown", subject.digest)


def seed(pair: Pair, repository: str) -> Image:
    with Seeder(pair.source.host, repository) as seeder:
        platforms, attestations = [], []
        for architecture in ("amd64", "arm64"):
            layers = [seeder.layer((architecture, number), BYTES // (2 * LAYERS)) for number in range(LAYERS)]
            image = seeder.image(layers, architecture)
            platforms.append(image.descriptor(platform={"architecture": architecture, "os": "linux"}))
            attestations.append(
                attestation(seeder, image).descriptor(
                    platform={"architecture": "unknown", "os": "unknown"},
                    annotations={
                        "vnd.docker.reference.digest": image.digest,
                        "vnd.docker.reference.type": "attestation-manifest",
                    },
                )
            )
        return seeder.tag(seeder.index(platforms + attestations))


def measure(bench: Bench) -> list[Row]:
    with bench.folder(3 * BYTES) as folder, bench.pair(folder, 0) as pair:
        images = [seed(pair, "app/api")]
        everybody = [
            bench.transship(folder, images, "--no-referrers"),
            bench.transship(folder, images),
            *bench.those(images, 1),
        ]
        measures = first_copies(bench.rounds, everybody, pair, images)
    blobs = 2 * (LAYERS + 1) + 2 * 2
    title = "A buildx index, 2 platforms and 2 attestations, first copy"
    row = Row("index", title, measures, [], [f"{blobs} blobs and 5 manifests; {kinds(measures[0].kinds)}."])
    row.checks.append(Check("requests, without its referrers", measures[0].requests, MOST_REQUESTS, "requests"))
    return [row]


def kinds(counted: dict) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counted.items(), key=lambda each: -each[1]))
