"""`make bench`: how fast promote-images moves bytes between two registries here, and how much memory it takes for that.

Everything is on loopback and on the same cores, so the rate says little about AWS. The memory is the bootstrap's own.
"""

import random
import sys
import tempfile
from pathlib import Path

from pipeline import world
from pipeline.deployment import DEPLOYER, TARGET
from pipeline.images import Layer, Layout
from pipeline.processes import exit_on_sigterm

MIB = 1 << 20
CASES = {"one layer of 2 GiB": [2048], "6 layers of 256 MiB": [256] * 6}
MOST_MEMORY = 64 * MIB


def noise(layout: Layout, seed: int, size: int) -> Layer:
    """A layer of `size` MiB that no other has, in blocks that differ."""
    block = random.Random(seed).randbytes(MIB - 16)
    path = layout.folder / "noise"
    with path.open("wb") as file:
        for number in range(size):
            file.write(number.to_bytes(16) + block)
    layer = layout.layer({"noise": path}, "none")
    path.unlink()
    return layer


def bootstrap_of(local: world.World, function: str) -> int:
    """The process that MiniStack runs a function in."""
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            words = environ.read_bytes().split(b"\0")
            parent = int((environ.parent / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == local.aws.process.pid and f"AWS_LAMBDA_FUNCTION_NAME={function}".encode() in words:
            return int(environ.parent.name)
    raise LookupError(f"no bootstrap of {function}")


def peak_memory(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise LookupError("VmHWM")


def measure(folder: Path, sizes: list) -> tuple[int, float, int]:
    """Bytes, seconds and peak memory of one promotion, in a world of its own so that the process is fresh."""
    with world.running(folder) as local:
        layout = Layout(folder / "images")
        layout.tag("big", layout.image([noise(layout, *each) for each in enumerate(sizes)]))
        for account in (DEPLOYER, TARGET):
            local.create_repositories(account, "myapp/big")
        local.ecr.registry(DEPLOYER).push(layout, "big", "myapp/big", "1.0.0")
        release = local.release().upload([{"repository": "myapp/big", "tag": "1.0.0"}])
        answer = local.invoke("promote-images", release.event())
        if answer.failed:
            sys.exit(f"promote-images failed: {answer.payload}")
        return (
            answer.payload["bytes_copied"],
            answer.payload["seconds"],
            peak_memory(bootstrap_of(local, "promote-images")),
        )


def main() -> int:
    exit_on_sigterm()
    print(f"{'case':<22}{'moved':>10}{'time':>9}{'rate':>12}{'peak memory':>14}")
    worst = 0
    for name, sizes in CASES.items():
        with tempfile.TemporaryDirectory(prefix="drayage-bench-") as folder:
            moved, seconds, memory = measure(Path(folder), sizes)
        worst = max(worst, memory)
        rate = moved / MIB / seconds
        print(
            f"{name:<22}{moved / MIB:>6.0f} MiB{seconds:>7.1f} s{rate:>6.0f} MiB/s{memory / MIB:>10.1f} MiB", flush=True
        )
    if worst > MOST_MEMORY:
        print(f"FAILED: more than {MOST_MEMORY // MIB} MiB of memory")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
