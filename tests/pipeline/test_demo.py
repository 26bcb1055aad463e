"""The demo does what it says, and says how it ended."""

import os
import subprocess

from pipeline.processes import ROOT, TOOLS


def test_the_demo_promotes_verifies_and_ends(tmp_path):
    done = subprocess.run(
        [TOOLS / "venv/bin/python", ROOT / "demo"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests"), "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    promoted, verified, last = done.stdout.splitlines()[-3:]
    assert promoted.startswith("Promoted: 3 images, ")
    assert verified.startswith("Verified: 3 images by digest, ")
    assert last.endswith("Nothing is left running.")
    assert list(tmp_path.iterdir()) == []
