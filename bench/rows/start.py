"""How fast the functions start, and how large their packages are."""

from harness import Bench
from pipeline.deployment import LAMBDAS, packages
from results import Check, Measure, Row, Run
from runtime import cold_start

TIMES = 25
MOST_SECONDS = 0.025
MOST_BYTES = 6_000_000


def measure(bench: Bench) -> list[Row]:
    measures = [Measure(function) for function in LAMBDAS]
    for _ in range(TIMES):
        for each in measures:
            each.runs.append(Run(seconds=cold_start(each.who)))
    checks = [Check(f"{each.who}, cold start", each.seconds, MOST_SECONDS, "ms") for each in measures]
    title = "From the exec of a bootstrap to its first request to the Runtime API"
    starts = Row("start", title, measures, checks)
    sizes = [
        Check(f"{function}.zip", package.stat().st_size, MOST_BYTES, "MB")
        for function, package in zip(LAMBDAS, packages(), strict=True)
    ]
    return [starts, Row("package", "The packages that are deployed", [], sizes)]
