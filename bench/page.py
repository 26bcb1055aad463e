"""docs/benchmarks.md and its picture, as they follow from the results."""

import re

import picture
from kept import Kept
from pipeline.processes import ROOT
from results import Row, table_of
from rows.growth import COSTS, exponents

PAGE, DATA, PICTURE = (ROOT / "docs" / name for name in ("benchmarks.md", "benchmarks.json", "benchmarks.svg"))


def write(kept: Kept) -> None:
    """Brings results into docs."""
    kept.save(DATA)
    PICTURE.write_text(picture.draw(kept.results()))
    PAGE.write_text(filled(PAGE.read_text(), kept))


def filled(page: str, kept: Kept) -> str:
    """A page with what lies between its markers written anew."""
    for name, made in parts(kept).items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        page, found = pattern.subn(lambda match, made=made: f"{match[1]}{made}\n{match[2]}", page)
        if found != 1:
            raise ValueError(f"benchmarks.md has {found} places for `{name}`")
    return page


def parts(kept: Kept) -> dict[str, str]:
    rows = kept.results()
    grown = [row for name, row in rows.items() if name.startswith("growth")]
    others = [row for row in rows.values() if row not in grown]
    return {
        "machine": machine(kept),
        "reached": reached(others),
        "measured": "\n\n".join(measured(row) for row in others if row.measures),
        "growth": growth(grown),
    }


def machine(kept: Kept) -> str:
    """What it was measured on, and with."""
    of = kept.machine
    runs = sorted({(row["commit"], row["when"][:10], row["rounds"]) for row in kept.rows.values()})
    versions = {name: version for row in kept.rows.values() for name, version in row["versions"].items()}
    said = [
        f"- {of['processor']}, {of['cores']} cores, {of['memory_gib']} GiB of memory, Linux {of['kernel']}; what the"
        f" registries keep is {of['storage']}.",
        "- " + ", ".join(f"{name} {version}" for name, version in versions.items()) + ", docker-registry of Debian.",
        *(f"- Measured on {day} at {commit}, rounds: {rounds}." for commit, day, rounds in runs),
    ]
    return "\n".join(said)


def reached(rows: list[Row]) -> str:
    table = [["case", "what", "measured", "at most", ""]]
    for row in rows:
        for number, check in enumerate(row.checks):
            figure, limit = check.shown()
            title = row.title if number == 0 else ""
            table.append([title, check.what, figure, limit, "reached" if check.reached else "**not reached**"])
    return markdown(table, "llrrl")


def measured(row: Row) -> str:
    table = table_of(row)
    return "\n\n".join([f"### {row.title}", markdown(table, "l" + "r" * (len(table[0]) - 1)), *row.notes])


def growth(rows: list[Row]) -> str:
    """A line for each cost of each row."""
    table = [["by", "", "1", "2", "4", "8", "grows with"]]
    for row in rows:
        powers = exponents(row)
        for number, cost in enumerate(COSTS):
            heading = table_of(row)[0].index(cost)
            cells = [line[heading] for line in table_of(row)[1:]]
            table.append([row.title if number == 0 else "", cost, *cells, f"n^{powers[cost]:.2f}"])
    return markdown(table, "llrrrrl")


def markdown(table: list[list[str]], sides: str) -> str:
    rule = ["---:" if side == "r" else "---" for side in sides]
    return "\n".join(f"| {' | '.join(line)} |" for line in [table[0], rule, *table[1:]])
