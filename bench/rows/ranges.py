"""Large layers from a source that is far away, or that bounds each connection."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness import GIB, Bench, first_copies
from results import Check, Row, memory_check, time_check
from seed import MIB, Seeder


@dataclass(frozen=True)
class Case:
    title: str
    layers: int
    size: int
    # Milliseconds added to each request.
    latency: int = 0
    # Bytes a second of each connection.
    bandwidth: int = 0
    # Whether the source sends on to a storage who asks for a blob, as ECR does to S3.
    storage: bool = False


CASES = {
    "ranges": Case("1 layer of 1 GiB, 50 MiB/s for each connection", 1, GIB, 0, 50 * MIB),
    "ranges-storage": Case("1 layer of 1 GiB in a storage, 50 MiB/s for each connection", 1, GIB, 0, 50 * MIB, True),
    "ranges-far": Case("8 layers of 64 MiB in a storage, 50 ms with each request", 8, 64 * MIB, 50, 0, True),
}
# More than those of crane, for each GiB.
MORE_REQUESTS = 2


def measure(bench: Bench) -> Iterator[Row]:
    for name, case in CASES.items():
        yield row(bench, name, case)


def row(bench: Bench, name: str, case: Case) -> Row:
    with (
        bench.folder(2 * case.layers * case.size) as folder,
        bench.pair(folder, case.latency, case.bandwidth, case.storage) as pair,
    ):
        with Seeder(pair.source.host, "app/model") as seeder:
            images = [seeder.tag(seeder.image([seeder.layer(number, case.size) for number in range(case.layers)]))]
        everybody = [bench.transship(folder, images), *bench.those(images, 1)]
        measures = first_copies(max(1, bench.rounds - 1), everybody, pair, images)
    ours, *peers = measures
    # To be faster by less than this is chance.
    checks = [time_check(ours, peers, 0.95), memory_check(ours)]
    crane = next((each for each in peers if each.who == "crane"), None)
    if crane:
        more = (ours.requests - crane.requests) / (case.layers * case.size / GIB)
        checks.append(Check("requests for each GiB, more than crane's", more, MORE_REQUESTS, "requests"))
    row = Row(name, case.title, measures, checks)
    if case.bandwidth:
        row.notes.append(f"Over one connection it takes {case.layers * case.size / case.bandwidth:.1f} s at least.")
    return row
