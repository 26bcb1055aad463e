"""What was measured, what it had to be, and both as a table and as JSON."""

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from seed import KIB, MIB

# What begins so is no peer.
OURS = ("transship", "promote-images")
UNITS: dict[str, Callable[[float], str]] = {
    "ratio": lambda value: f"{value:.2f}",
    "requests": lambda value: f"{value:.0f}",
    "s": lambda value: f"{value:.2f} s",
    "ms": lambda value: f"{value * 1000:.1f} ms",
    "MiB": lambda value: f"{value / MIB:.1f} MiB",
    "MB": lambda value: f"{value / 1e6:.2f} MB",
}


@dataclass(frozen=True)
class Check:
    """A figure that must not be over its limit. Seconds and bytes, whatever the unit it is shown in."""

    what: str
    figure: float
    limit: float
    unit: str = "ratio"

    @property
    def reached(self) -> bool:
        return self.figure <= self.limit

    def shown(self) -> tuple[str, str]:
        return UNITS[self.unit](self.figure), UNITS[self.unit](self.limit)


# Of no row of the command line more than this.
MOST_MEMORY = 24 * MIB


@dataclass(frozen=True, kw_only=True)
class Run:
    """One round of one way to do it: what Cost and Passed say, of which something may not be known. `servers` is the
    processor time of the registries and of the proxies."""

    seconds: float
    processor: float | None = None
    servers: float | None = None
    memory: int | None = None
    requests: int | None = None
    bytes: int | None = None

    def to_json(self) -> dict:
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass
class Measure:
    """One way to do it, over all rounds. `kinds` are the requests of the last round, by kind."""

    who: str
    runs: list[Run] = field(default_factory=list)
    kinds: dict = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return statistics.median(run.seconds for run in self.runs)

    @property
    def processor(self) -> float | None:
        return self._median("processor")

    @property
    def servers(self) -> float | None:
        return self._median("servers")

    @property
    def requests(self) -> float | None:
        return self._median("requests")

    @property
    def bytes(self) -> float | None:
        return self._median("bytes")

    @property
    def memory(self) -> int | None:
        """The most that any round took."""
        known = [run.memory for run in self.runs if run.memory is not None]
        return max(known, default=None)

    def to_json(self) -> dict:
        return {
            "who": self.who,
            "seconds": round(self.seconds, 4),
            "processor": self.processor and round(self.processor, 4),
            "servers": self.servers and round(self.servers, 4),
            "memory": self.memory,
            "requests": self.requests,
            "bytes": self.bytes,
            "runs": [each.to_json() for each in self.runs],
            "kinds": self.kinds,
        }

    def _median(self, name: str) -> float | None:
        known = [getattr(run, name) for run in self.runs if getattr(run, name) is not None]
        return statistics.median(known) if known else None


@dataclass
class Row:
    """One case: what everybody took, and what Transship has to reach. `ours` is the measure that is checked."""

    name: str
    title: str
    measures: list[Measure]
    checks: list[Check]
    notes: list[str] = field(default_factory=list)

    @property
    def ours(self) -> Measure | None:
        return next((each for each in self.measures if each.who == "transship"), None)

    def to_json(self) -> dict:
        return {
            "title": self.title,
            "checks": [{**asdict(check), "reached": check.reached} for check in self.checks],
            "measures": [each.to_json() for each in self.measures],
            "notes": self.notes,
        }

    @staticmethod
    def from_json(name: str, body: dict) -> "Row":
        checks = [Check(each["what"], each["figure"], each["limit"], each["unit"]) for each in body["checks"]]
        measures = [
            Measure(each["who"], [Run(**run) for run in each["runs"]], each["kinds"]) for each in body["measures"]
        ]
        return Row(name, body["title"], measures, checks, body["notes"])


def time_check(ours: Measure, peers: list[Measure], limit: float) -> Check:
    """The time, as a part of that of the fastest peer in the same run."""
    best = min(peers, key=lambda each: each.seconds)
    return Check(f"time, of the best peer's ({best.who})", ours.seconds / best.seconds, limit)


def memory_check(measure: Measure) -> Check:
    return Check(f"peak memory of {measure.who}", measure.memory, MOST_MEMORY, "MiB")


def table_of(row: Row) -> list[list[str]]:
    """What everybody took, under headings: time, and how much of theirs it is that Transship took. No empty columns."""
    table = [["", "time", "ours / theirs", "processor", "servers'", "requests", "bytes read", "peak memory"]]
    for each in row.measures:
        ours = row.ours
        ratio = ours.seconds / each.seconds if ours and not each.who.startswith(OURS) else None
        table.append(
            [
                each.who,
                UNITS["ms" if each.seconds < 1 else "s"](each.seconds),
                "" if ratio is None else f"{ratio:.2f}",
                "" if each.processor is None else f"{each.processor:.2f} s",
                "" if each.servers is None else f"{each.servers:.2f} s",
                "" if each.requests is None else f"{each.requests:,.0f}",
                "" if each.bytes is None else size(each.bytes),
                "" if each.memory is None else f"{each.memory / MIB:.1f} MiB",
            ]
        )
    kept = [column for column in range(len(table[0])) if any(line[column] for line in table[1:])]
    return [[line[column] for column in kept] for line in table]


def size(value: float) -> str:
    if value < KIB:
        return f"{value:.0f} B"
    return f"{value / MIB:,.1f} MiB" if value >= MIB else f"{value / KIB:,.1f} KiB"


def lines(row: Row) -> list[str]:
    """A row for the terminal."""
    table = table_of(row) if row.measures else []
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))] if table else []
    said = [f"{row.name}: {row.title}"]
    for line in table:
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        said.append(f"  {'  '.join(cells)}".rstrip())
    said += [f"  {note}" for note in row.notes]
    for check in row.checks:
        figure, limit = check.shown()
        said.append(f"  {'reached' if check.reached else 'NOT REACHED':<12}{check.what}: {figure} (at most {limit})")
    return said
