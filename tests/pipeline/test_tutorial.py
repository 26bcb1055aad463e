"""The tutorial of the README runs as it is printed, with what `make tools build` leaves on this machine."""

import re
import subprocess
from pathlib import Path

import pytest

from pipeline.processes import ROOT, Process, free_port

README = (ROOT / "README.md").read_text()
# Several runs may share this machine: free ports take the place of the printed ones, and nothing else is changed.
PORTS = ("5101", "5102")


def blocks(kind: str) -> list[str]:
    """The contents of the fenced blocks of this kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def tutorial() -> str:
    text = "".join(blocks("sh tutorial"))
    for printed in PORTS:
        assert printed in text
        text = text.replace(printed, str(free_port()))
    return text


def run(script: str, folder: Path) -> str:
    """What bash prints that runs this in the root of the repository. It ends at the first command that fails."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder)}
    command = ["bash", "-euo", "pipefail", "-c", script]
    with Process("tutorial", command, folder / "tutorial.log", cwd=ROOT, env=environment) as bash:
        try:
            status = bash.child.wait(120)
        except subprocess.TimeoutExpired as late:
            raise bash.fail("did not end") from late
        assert status == 0, bash.fail(f"ended with status {status}")
        return bash.log.read_text()


def missing(printed: str, shown: list[str]) -> list[str]:
    """The lines that are not printed, or not in this order. `…` stands for any text."""
    lines = iter(printed.splitlines())
    patterns = {line: re.compile(".*".join(map(re.escape, line.split("…")))) for line in shown}
    return [line for line in shown if not any(patterns[line].fullmatch(each) for each in lines)]


def test_it_runs_as_printed(tmp_path):
    # `make test-pipeline`, which runs this, has made both.
    assert blocks("sh") == ["make tools build\n"]
    shown = "".join(blocks("text tutorial")).splitlines()
    assert shown
    assert missing(run(tutorial(), tmp_path), shown) == []


def test_a_command_that_fails_is_noticed(tmp_path):
    with pytest.raises(AssertionError, match="ended with status 3"):
        run("echo begins\n(exit 3)\necho goes on", tmp_path)


def test_a_line_that_is_not_printed_is_noticed():
    assert missing("one 1\ntwo", ["one …", "two"]) == []
    assert missing("one 1\ntwo", ["two", "one …"]) == ["one …"]
    assert missing("one 1", ["one"]) == ["one"]
