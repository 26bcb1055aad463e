"""The demo does what it says, and says how it ended."""

import os
import subprocess

from pipeline.processes import ROOT, TOOLS


def test_the_demo_promotes_copies_nothing_again_fails_and_ends(tmp_path):
    done = subprocess.run(
        [TOOLS / "venv/bin/python", ROOT / "demo"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests"), "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    single, multi, again, failing, last = done.stdout.splitlines()[-5:]
    assert single.startswith("single: 3 images to 1 target(s), ")
    assert multi.startswith("multi: 3 images to 3 target(s), ")
    assert again == "again: 0 B copied."
    assert failing == "failing: SourceImageNotFound, nothing tagged, lock free, record FAILED, execution FAILED."
    assert last.endswith("Nothing is left running.")
    assert list(tmp_path.iterdir()) == []
