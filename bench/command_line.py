"""The command line between two docker-registries, and skopeo between the same two, to compare with."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from big import CASES, MIB, big_image
from pipeline.images import Layout
from pipeline.processes import ROOT, TOOLS, Process, free_port

DRAYAGE = ROOT / "target" / "release" / "drayage"
SKOPEO = TOOLS / "bin" / "skopeo"
MOST_MEMORY = 40 * MIB


@dataclass(frozen=True)
class Cost:
    seconds: float
    processor: float
    memory: int


@contextlib.contextmanager
def registry(folder: Path):
    """A docker-registry that keeps what it has in `folder`, as host and port."""
    port = free_port()
    config = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
        "http": {"addr": f"127.0.0.1:{port}", "secret": "bench"},
    }
    folder.mkdir()
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    command = [TOOLS / "bin" / "docker-registry", "serve", path]
    try:
        with Process("docker-registry", command, folder / "log") as process:
            process.wait_for(port)
            yield f"127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder)


def cost(command: list) -> Cost:
    """Runs a command to its end.

    The peak is the kernel's VmHWM, looked at while the command runs: what wait4 tells of memory begins with our own,
    which the command had before it was executed.
    """
    begin = time.monotonic()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen([str(word) for word in command], stdout=said, stderr=said, stdin=subprocess.DEVNULL)
        ended, memory = 0, 0
        while not ended:
            ended, status, usage = os.wait4(child.pid, os.WNOHANG)
            memory = max(memory, peak(child.pid))
            time.sleep(0.01)
        seconds = time.monotonic() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            raise SystemExit(f"{command[0]} failed: {said.read().decode(errors='replace')}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, memory)


def peak(pid: int) -> int:
    """None of a process that has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def copies(folder: Path, sizes: list) -> tuple[int, dict[str, Cost]]:
    """Bytes of an image, and what it costs each tool to copy it to a registry that has nothing."""
    layout = Layout(folder / "images")
    image = big_image(layout, sizes)
    layout.tag("big", image)
    size = sum(path.stat().st_size for path in layout.blobs.iterdir())
    release = folder / "deploy-manifest.json"
    release.write_text(json.dumps({"images": [{"repository": "big", "tag": "1"}]}))
    plain = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    costs = {}
    with registry(folder / "source") as source:
        cost([SKOPEO, "copy", *plain, f"oci:{layout.folder}:big", f"docker://{source}/big:1"])
        shutil.rmtree(layout.folder)
        with registry(folder / "target") as target:
            there = ["--source", f"http://{source}", "--target", f"http://{target}"]
            costs["drayage"] = cost([DRAYAGE, "promote", release, *there, "--quiet"])
        with registry(folder / "target") as target:
            names = [f"docker://{host}/big:1" for host in (source, target)]
            costs["skopeo"] = cost([SKOPEO, "copy", *plain, "--all", "--preserve-digests", *names])
    return size, costs


def main() -> int:
    print(f"{'case':<22}{'tool':<9}{'moved':>10}{'time':>9}{'rate':>12}{'processor':>12}{'peak memory':>14}")
    worst = 0
    for name, sizes in CASES.items():
        with tempfile.TemporaryDirectory(prefix="drayage-bench-") as folder:
            moved, costs = copies(Path(folder), sizes)
        worst = max(worst, costs["drayage"].memory)
        for tool, used in costs.items():
            rate = moved / MIB / used.seconds
            print(
                f"{name:<22}{tool:<9}{moved / MIB:>6.0f} MiB{used.seconds:>7.1f} s{rate:>6.0f} MiB/s"
                f"{used.processor:>10.2f} s{used.memory / MIB:>10.1f} MiB",
                flush=True,
            )
    if worst > MOST_MEMORY:
        print(f"FAILED: more than {MOST_MEMORY // MIB} MiB of memory")
        return 1
    return 0
