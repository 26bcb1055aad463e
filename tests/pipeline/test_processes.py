"""The harness leaves nothing running, however it ends."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.processes import ROOT, TOOLS

# Brings the local AWS up, invokes a function so that there is a bootstrap, says which processes there are, and waits.
SCRIPT = """
import pathlib, sys, time
from pipeline import processes, world
processes.exit_on_sigterm()
with world.running(pathlib.Path(sys.argv[1])) as local:
    local.invoke("check-manifest", {})
    print(local.aws.process.pid, local.ecr.process.pid, flush=True)
    time.sleep(600)
"""


def descendants(pid: int) -> set:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in children}.union(*(descendants(int(child)) for child in children))


def running(pid: int) -> bool:
    """Whether it runs: a zombie that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda each: each.name)
def test_nothing_is_left_running(tmp_path, ending):
    harness = subprocess.Popen(
        [TOOLS / "venv/bin/python", "-c", SCRIPT, tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": str(ROOT / "tests"), "PATH": "/usr/bin:/bin"},
    )
    try:
        assert harness.stdout.readline(), "the local AWS comes up"
        started = descendants(harness.pid)
        assert len(started) >= 3, "MiniStack, the double and a bootstrap"
        harness.send_signal(ending)
        harness.wait(60)
        deadline = time.monotonic() + 60
        while (left := {pid for pid in started if running(pid)}) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not left
    finally:
        harness.kill()
        harness.wait()
        harness.stdout.close()
