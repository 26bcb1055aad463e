"""The demo does what it says, and says how it ended."""

import json
import os
import subprocess
import urllib.request

from pipeline.processes import ROOT, TOOLS


def test_the_demo_promotes_copies_nothing_again_fails_and_ends(tmp_path):
    done = subprocess.run(
        [TOOLS / "venv/bin/python", ROOT / "demo"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests"), "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    single, broken, multi, again, failing, last = done.stdout.splitlines()[-6:]
    assert single.startswith("single: 3 images to 1 target(s), ")
    assert broken.startswith("broken: TargetAccessDenied in the middle, ")
    assert broken.endswith(" no tag in any target.")
    assert multi.startswith("multi: 3 images to 3 target(s), ")
    assert multi.endswith(" after what was staged.")
    assert again == "again: 0 B copied."
    assert failing == "failing: SourceImageNotFound, nothing tagged, lock free, record FAILED, execution FAILED."
    assert last.endswith("Nothing is left running.")
    assert list(tmp_path.iterdir()) == []


def test_the_demo_stays_where_that_is_asked_for_and_ends_when_told(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "TMPDIR": str(tmp_path), "KEEP": "1"}
    command = [TOOLS / "venv/bin/python", "-u", ROOT / "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as demo:
        try:
            said = []
            for line in demo.stdout:
                said.append(line)
                if line.startswith("End it with Ctrl-C"):
                    break
            text = "".join(said)
            assert f"kill {demo.pid}" in text
            assert "aws stepfunctions list-executions" in text
            control = next(line.split()[-1] for line in said if line.startswith("  curl -X DELETE "))
            with urllib.request.urlopen(control, timeout=60) as answer:
                assert json.load(answer) == []
        finally:
            demo.terminate()
        rest = demo.stdout.read()
    assert demo.returncode == 0, rest
    assert "Nothing is left running." in rest
    assert list(tmp_path.iterdir()) == []
