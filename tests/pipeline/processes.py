"""Starts programs and always ends them: on the way out, on Ctrl-C, and when this process dies."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"


class NotStarted(Exception):
    """A program did not come up; the message ends with the last lines of its log."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def exit_on_sigterm() -> None:
    """Lets `with` blocks unwind when this process is asked to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


if sys.platform == "linux":
    _prctl = ctypes.CDLL(None, use_errno=True).prctl
else:
    _prctl = None


def _end_with_parent() -> None:
    """Runs in the child: the kernel sends SIGTERM when the thread that started it is gone."""
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """A child in its own session, so that a Ctrl-C reaches it only through us. Its output goes to `log`."""

    def __init__(self, name: str, command: list, log: Path, **options):
        assert threading.current_thread() is threading.main_thread(), "children end with the thread that starts them"
        self.name, self.log = name, log
        log.parent.mkdir(parents=True, exist_ok=True)
        options.setdefault("stdin", subprocess.DEVNULL)
        with log.open("ab") as sink:
            options.setdefault("stdout", sink)
            self.child = subprocess.Popen(
                [str(word) for word in command],
                stderr=sink,
                start_new_session=True,
                preexec_fn=_end_with_parent,
                **options,
            )

    @property
    def pid(self) -> int:
        return self.child.pid

    def stop(self) -> None:
        """Ends the child and whatever it left in its session."""
        if self.child.stdin:
            with contextlib.suppress(OSError):
                self.child.stdin.close()
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        if self.child.stdout:
            self.child.stdout.close()

    def fail(self, reason: str) -> NotStarted:
        tail = self.log.read_text(errors="replace").splitlines()[-15:]
        return NotStarted("\n".join([f"{self.name}: {reason} (log: {self.log})", *tail]))

    def wait_for(self, port: int, seconds: float = 60) -> None:
        """Waits until the child accepts connections. Generous, because the machine may be busy."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise self.fail(f"ended with status {self.child.returncode}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                return
            except OSError:
                time.sleep(0.05)
        raise self.fail(f"did not accept connections on port {port} within {seconds:.0f} s")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
