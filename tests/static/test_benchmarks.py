"""docs/benchmarks.md says what was measured and explains what is not reached; the bench computes what it says."""

import sys
from xml.etree import ElementTree

import cost
import page
import picture
import pytest
from cost import peak_memory
from harness import Contestant, rounds
from kept import Kept
from results import Check, Measure, Row, Run, lines, table_of
from rows.growth import exponent
from seed import MIB, noise


@pytest.fixture(scope="module")
def kept():
    return Kept.load(page.DATA)


def test_the_page_follows_from_the_data(kept):
    assert page.filled(page.PAGE.read_text(), kept) == page.PAGE.read_text()
    assert picture.draw(kept.results()) == page.PICTURE.read_text()


def test_the_picture_is_whole(kept):
    drawn = ElementTree.fromstring(page.PICTURE.read_text())
    bars = [each for each in drawn.iter("{http://www.w3.org/2000/svg}rect") if each.get("class") == "ours"]
    assert len(bars) >= len(picture.PANELS)
    assert {panel.row for panel in picture.PANELS} <= kept.rows.keys()


def test_what_is_not_reached_is_explained(kept):
    section = page.PAGE.read_text().split("## What is not reached, and why\n")[1].split("\n## ")[0]
    explained = {line.split("**")[1].rstrip(".") for line in section.splitlines() if line.startswith("- **")}
    missed = {row.title for row in kept.results().values() if not all(check.reached for check in row.checks)}
    assert explained == missed


def test_results_come_back_as_they_were(kept):
    for row in kept.results().values():
        body = kept.rows[row.name]
        assert {name: body[name] for name in row.to_json()} == row.to_json()


@pytest.mark.parametrize("power", [0, 0.5, 1, 2])
def test_the_exponent_is_that_of_the_points(power):
    assert exponent([(n, 3 * n**power) for n in (1, 2, 4, 8)]) == pytest.approx(power)


def test_medians_ratios_and_verdicts():
    ours = Measure("transship", [])
    for seconds, processor, memory in ((1.0, 0.5, 10), (9.0, 0.7, 30), (2.0, 0.6, 20)):
        ours.runs.append(Run(seconds=seconds, processor=processor, memory=memory * MIB))
    theirs = Measure("skopeo", [Run(seconds=4.0)])
    assert (ours.seconds, ours.processor, ours.memory) == (2.0, 0.6, 30 * MIB)
    row = Row("x", "case", [ours, theirs], [Check("time", 0.5, 0.5), Check("memory", 33 * MIB, 32 * MIB, "MiB")])
    assert table_of(row)[2][:3] == ["skopeo", "4.00 s", "0.50"]
    assert [line.strip() for line in lines(row)[-2:]] == [
        "reached     time: 0.50 (at most 0.50)",
        "NOT REACHED memory: 33.0 MiB (at most 32.0 MiB)",
    ]


def test_everybody_takes_turns():
    order = []

    def step(contestant):
        order.append(contestant.who)
        return {"first": (Run(seconds=1.0), {}), "again": (Run(seconds=2.0), {})}

    phases = rounds(2, [Contestant("a", list), Contestant("b", list)], step)
    assert order == ["a", "b", "b", "a"]
    assert [(each.who, len(each.runs), each.seconds) for each in phases["again"]] == [("a", 2, 2.0), ("b", 2, 2.0)]


@pytest.mark.parametrize(("fills", "least", "most"), [(0, 1, 32), (64, 64, 128)])
def test_memory_is_that_of_the_command(tmp_path, monkeypatch, fills, least, most):
    """Ours, which is more, does not count. The command ends when it has been looked at."""
    ours = b"x" * (200 * MIB)
    seen = tmp_path / "seen"

    def look(pid):
        found = peak_memory(pid)
        if found >= max(least, fills) * MIB:
            seen.touch()
        return found

    monkeypatch.setattr(cost, "peak_memory", look)
    waits = f"held = b'x' * ({fills} << 20)\nimport os\nwhile not os.path.exists({str(seen)!r}): pass"
    used = cost.run([[sys.executable, "-c", waits]])
    assert least * MIB <= used.memory < most * MIB < len(ours)
    assert used.processor > 0


def test_commands_run_so_many_at_once(tmp_path):
    """Each waits for the other to have begun."""

    def command(mine, other):
        return [sys.executable, "-c", f"open({mine!r}, 'w')\nimport os\nwhile not os.path.exists({other!r}): pass"]

    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    used = cost.run([command(one, two), command(two, one)], at_once=2)
    assert used.seconds > 0


def test_a_command_that_fails_is_not_measured():
    with pytest.raises(cost.Failed, match=r"status 3: no luck"):
        cost.run([[sys.executable, "-c", "import sys; sys.exit(print('no luck') or 3)"]])


def test_noise_has_its_size_and_no_block_twice():
    pieces = list(noise("seed", 3 * MIB + 7))
    assert sum(map(len, pieces)) == 3 * MIB + 7
    assert len(set(pieces)) == 4
    assert list(noise("other", MIB)) != list(noise("seed", MIB))
