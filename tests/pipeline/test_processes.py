"""The harness leaves nothing running, however it ends."""

import contextlib
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
    """The processes below `pid`. A child is listed under the thread that started it, so every thread is asked."""
    found = set()
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        # A thread may end while we look; its children move to another one, which the caller's next look finds.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in map(int, thread.read_text().split()):
                found |= {child} | descendants(child)
    return found


def running(pid: int) -> bool:
    """Whether it runs: a zombie that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # The second: it ended between opening and reading.
        return False


def eventually(condition) -> bool:
    """Whether it comes true before even a busy machine would be late."""
    deadline = time.monotonic() + 60
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return met


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda each: each.name)
def test_nothing_is_left_running(tmp_path, ending):
    harness = subprocess.Popen(
        [TOOLS / "venv/bin/python", "-c", SCRIPT, tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": str(ROOT / "tests"), "PATH": "/usr/bin:/bin"},
        # What a shell without job control runs in the background ignores SIGINT, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert harness.stdout.readline(), "the local AWS comes up"
        # MiniStack, the double and a bootstrap.
        assert eventually(lambda: len(descendants(harness.pid)) >= 3)
        started = descendants(harness.pid)
        harness.send_signal(ending)
        harness.wait(60)
        assert eventually(lambda: not any(running(pid) for pid in started)), started
    finally:
        harness.kill()
        harness.wait()
        harness.stdout.close()
