"""The results as a picture: bars side by side, and a mark where Transship's has to end."""

from dataclasses import dataclass
from html import escape

from results import OURS, UNITS, Check, Measure, Row

WIDTH, MARGIN, GAP = 880, 16, 32
PANEL = (WIDTH - 2 * MARGIN - GAP) / 2
LABEL, VALUE = 150, 64
HEAD, BAR, STEP = 26, 13, 19
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 } .note { fill: #59636e }
  .peer { fill: #afb8c1 } .ours { fill: #0969da } .limit { stroke: #cf222e; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .note { fill: #9198a1 }
    .peer { fill: #57606a } .ours { fill: #4493f8 } .limit { stroke: #f85149 }
  }
"""


@dataclass(frozen=True)
class Panel:
    """One cost of one case. `checks` says which of the case's checks are about it, by their first word."""

    row: str
    title: str
    cost: str
    unit: str
    checks: str


PANELS = [
    Panel("loopback", "512 MiB in 8 layers, loopback: time", "seconds", "s", "time"),
    Panel("loopback", "the same: processor time", "processor", "s", "processor"),
    Panel("release", "25 images that share layers, 20 ms a request: time", "seconds", "s", "time"),
    Panel("again", "the same, nothing to do: time", "seconds", "s", "time"),
    Panel("release", "25 images that share layers: requests", "requests", "requests", "requests"),
    Panel("index", "a buildx index: requests", "requests", "requests", "requests"),
    Panel("memory-2", "6 layers of 256 MiB: peak memory", "memory", "MiB", "peak"),
    Panel("ranges", "1 GiB at 50 MiB/s for each connection: time", "seconds", "s", "time"),
]


def draw(rows: dict[str, Row]) -> str:
    """An SVG of the panels whose rows are there, in two columns."""
    panels = [panel for panel in PANELS if panel.row in rows]
    body, top = [], MARGIN
    for left in range(0, len(panels), 2):
        heights = []
        for column, panel in enumerate(panels[left : left + 2]):
            drawn = bars(panel, rows[panel.row], MARGIN + column * (PANEL + GAP), top)
            body += drawn
            heights.append(HEAD + STEP * len(rows[panel.row].measures))
        top += max(heights) + 14
    body.append(text(MARGIN, top + 8, "The red mark is where Transship's bar has to end. Shorter is better.", "note"))
    height = top + 22
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
            ' role="img">',
            "<title>Transship and its peers</title>",
            f"<style>{STYLE}</style>",
            *body,
            "</svg>\n",
        ]
    )


def bars(panel: Panel, row: Row, left: float, top: float) -> list[str]:
    def value(measure: Measure) -> float:
        return getattr(measure, panel.cost)

    ours = next(each for each in row.measures if each.who.startswith("transship"))
    limits = [value(ours) * check.limit / check.figure for check in row.checks if belongs(check, panel)]
    limit = min(limits, default=None)
    most = max([value(each) for each in row.measures] + ([limit] if limit else []))
    room = PANEL - LABEL - VALUE
    drawn = [text(left, top + 12, panel.title, "title")]
    for number, measure in enumerate(row.measures):
        y = top + HEAD + STEP * number
        length = max(1.0, room * value(measure) / most)
        kind = "ours" if measure.who.startswith(OURS) else "peer"
        mark = room * limit / most if measure is ours and limit else 0.0
        drawn += [
            text(left, y + 10, measure.who),
            f'<rect class="{kind}" x="{left + LABEL:.1f}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>',
            text(left + LABEL + max(length, mark) + 6, y + 10, UNITS[panel.unit](value(measure)), "note"),
        ]
        if mark:
            x = left + LABEL + mark
            drawn.append(f'<line class="limit" x1="{x:.1f}" y1="{y - 3}" x2="{x:.1f}" y2="{y + BAR + 3}"/>')
    return drawn


def belongs(check: Check, panel: Panel) -> bool:
    """A peak is checked of promote-images, too, which has no bar of its own to be marked."""
    return check.what.startswith(panel.checks) and not check.what.endswith("promote-images")


def text(x: float, y: float, words: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f'<text{attribute} x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'
