"""What commands cost: time, processor and memory."""

import contextlib
import os
import select
import subprocess
import tempfile
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

# How often the memory of what runs is looked at. What a process gains after the last look is not seen.
LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Cost:
    """Of one or several commands: seconds from the first start to the last end, seconds of processor time of all of
    them, and the peak memory in bytes of the one that had most."""

    seconds: float
    processor: float
    memory: int


class Failed(Exception):
    """A command that is measured failed; the message ends with what it said."""


class Child:
    """A command that runs."""

    def __init__(self, command: list, environment: dict | None):
        self.command, self.memory = command, 0
        # Closed when the child is reaped or killed.
        self.said = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=self.said,
            stderr=self.said,
            env=environment,
        )
        self.ended = os.pidfd_open(self.process.pid)

    def reap(self) -> float:
        """Seconds of processor time, of a command that has ended."""
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        os.close(self.ended)
        with self.said:
            if self.process.returncode:
                self.said.seek(0)
                said = self.said.read().decode(errors="replace")[-2000:]
                raise Failed(f"{self.command[0]} ended with status {self.process.returncode}: {said}")
        return usage.ru_utime + usage.ru_stime

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ended)
        self.said.close()


def run(commands: list, at_once: int = 1, environment: dict | None = None) -> Cost:
    """Runs commands to their end, so many at once.

    The peak is the kernel's VmHWM, looked at while they run: what wait4 says of memory begins with our own, which a
    command had before it was executed.
    """
    waiting, running, poll = deque(commands), {}, select.poll()
    processor, memory, begin = 0.0, 0, time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                child = Child(waiting.popleft(), environment)
                running[child.ended] = child
                poll.register(child.ended, select.POLLIN)
            ended = [descriptor for descriptor, _ in poll.poll(LOOK_SECONDS * 1000)]
            for child in running.values():
                child.memory = max(child.memory, peak_memory(child.process.pid))
            for descriptor in ended:
                poll.unregister(descriptor)
                child = running.pop(descriptor)
                memory = max(memory, child.memory)
                processor += child.reap()
        return Cost(time.monotonic() - begin, processor, memory)
    finally:
        for child in running.values():
            child.kill()


def processor_time(pid: int) -> float:
    """Seconds of processor time that a process has had so far."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def peak_memory(pid: int) -> int:
    """The most memory that a process had resident, in bytes. None if it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
