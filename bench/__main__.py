"""`make bench`: how fast promote-images and the command line move bytes between two registries here, and in how much
memory.

Everything is on loopback and on the same cores, so the rate says little about a network. The memory is the process's
own.
"""

import sys
import tempfile
from pathlib import Path

import command_line
from big import CASES, MIB, big_image
from pipeline import world
from pipeline.deployment import DEPLOYER, TARGET
from pipeline.images import Layout
from pipeline.processes import exit_on_sigterm

MOST_MEMORY = 64 * MIB


def bootstrap_of(local: world.World, function: str) -> int:
    """The process that MiniStack runs a function in."""
    name = f"AWS_LAMBDA_FUNCTION_NAME={local.functions.function(function)}"
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            words = environ.read_bytes().split(b"\0")
            parent = int((environ.parent / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == local.aws.process.pid and name.encode() in words:
            return int(environ.parent.name)
    raise LookupError(f"no bootstrap of {function}")


def peak_memory(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise LookupError("VmHWM")


def measure(folder: Path, sizes: list) -> tuple[int, float, int]:
    """Bytes, seconds and peak memory of one promotion, in a world of its own so that the process is fresh."""
    with world.running(folder, ("functions",)) as local:
        layout = Layout(folder / "images")
        layout.tag("big", big_image(layout, sizes))
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
    print()
    return command_line.main()


if __name__ == "__main__":
    sys.exit(main())
