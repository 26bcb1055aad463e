"""What every case needs: a folder to work in, the peers, and how often to go round."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import servers
from contestants import Image, Transship, environment
from cost import processor_time, run
from results import Measure, Run

GIB = 1 << 30


@dataclass(frozen=True)
class Contestant:
    """A way to copy images: the commands for it, and how many of them run at once."""

    who: str
    commands: Callable[[str, str], list]
    at_once: int = 1


@dataclass(frozen=True)
class Pair:
    """Two registries, and how they are reached: directly, or through proxies that count."""

    source: servers.Registry
    target: servers.Registry
    proxies: tuple[servers.Proxy, ...] = ()
    storage: servers.Proxy | None = None

    @property
    def hosts(self) -> tuple[str, str]:
        if self.proxies:
            return self.proxies[0].host, self.proxies[1].host
        return self.source.host, self.target.host

    def copy(self, contestant: Contestant, images: list[Image]) -> tuple[Run, dict]:
        """One measured run to the target as it is. Every tag has to be there afterwards."""
        for proxy in self._all_proxies():
            proxy.forget()
        before = self._servers()
        used = run(contestant.commands(*self.hosts), contestant.at_once, environment())
        servers_used = self._servers() - before
        for image in images:
            found = self.target.digest(image.repository, image.tag)
            if found != image.digest:
                raise SystemExit(f"{contestant.who} left {image} at {found}, not {image.digest}")
        done = Run(seconds=used.seconds, processor=used.processor, servers=servers_used, memory=used.memory)
        if not self.proxies:
            return done, {}
        passed = self.proxies[0].passed() + self.proxies[1].passed()
        read = sum(proxy.passed().bytes_down for proxy in (self.proxies[0], self.storage) if proxy)
        return replace(done, requests=passed.requests, bytes=read), passed.by_kind

    def _all_proxies(self) -> list[servers.Proxy]:
        return [*self.proxies, *filter(None, [self.storage])]

    def _servers(self) -> float:
        return sum(processor_time(each.pid) for each in (self.source, self.target, *self._all_proxies()))


@dataclass(frozen=True)
class Bench:
    """Rounds, the peers that are there, and where to put things."""

    rounds: int
    peers: list

    @contextlib.contextmanager
    def folder(self, need: int) -> Iterator[Path]:
        """A folder that goes afterwards, in memory if there is twice the room for `need` bytes, else on the disk."""
        with tempfile.TemporaryDirectory(prefix="transship-bench-", dir=place(need)) as name:
            yield Path(name)

    @contextlib.contextmanager
    def pair(
        self, folder: Path, latency: int | None = None, bandwidth: int = 0, storage: bool = False
    ) -> Iterator[Pair]:
        """Source and target, with proxies in front of both if there is a latency. The bandwidth is the source's, as
        is the storage to which it sends who asks for a blob: requests to that are not counted."""
        with contextlib.ExitStack() as stack:
            source, target = (stack.enter_context(servers.registry(folder / name)) for name in ("source", "target"))
            if latency is None:
                yield Pair(source, target)
                return
            log, behind = folder / "proxy.log", None
            if storage:
                behind = stack.enter_context(servers.proxy(source.host, log, latency, bandwidth))
            before = servers.proxy(source.host, log, latency, bandwidth, behind and behind.host)
            proxies = (stack.enter_context(before), stack.enter_context(servers.proxy(target.host, log, latency)))
            yield Pair(source, target, proxies, behind)

    def transship(self, folder: Path, images: list[Image], *options: str) -> Contestant:
        ours = Transship(folder)
        return Contestant(
            " ".join(("transship", *options)),
            lambda source, target: ours.commands(images, source, target, options=options),
        )

    def those(self, images: list[Image], *at_once: int) -> list[Contestant]:
        """The peers, with so many commands at once each."""
        return [
            Contestant(
                peer.name if at_once == (1,) and len(images) == 1 else f"{peer.name}, {count} at a time",
                lambda source, target, peer=peer: peer.commands(images, source, target),
                count,
            )
            for count in at_once
            for peer in self.peers
        ]


def rounds(
    count: int, contestants: list[Contestant], step: Callable[[Contestant], dict[str, tuple[Run, dict]]]
) -> dict:
    """Lets everybody in turn do it, each round with another one first. A step gives runs by phase, and the answer
    measures by phase."""
    phases = {}
    for number in range(count):
        first = number % len(contestants)
        for contestant in contestants[first:] + contestants[:first]:
            os.sync()
            for phase, (used, kinds) in step(contestant).items():
                measure = phases.setdefault(phase, {}).setdefault(contestant.who, Measure(contestant.who))
                measure.runs.append(used)
                measure.kinds = kinds
    return {phase: list(measures.values()) for phase, measures in phases.items()}


def first_copies(count: int, contestants: list[Contestant], pair: Pair, images: list[Image]) -> list[Measure]:
    """Lets everybody in turn copy to a target that has nothing."""

    def step(contestant):
        pair.target.clear()
        return {"first": pair.copy(contestant, images)}

    return rounds(count, contestants, step)["first"]


def place(need: int) -> str | None:
    """Memory, where disks make no noise, if there is plenty; None is the usual place."""
    shared = Path("/dev/shm")
    if "TMPDIR" in os.environ or not os.access(shared, os.W_OK):
        return None
    room = os.statvfs(shared)
    available = next(
        int(line.split()[1]) * 1024
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemAvailable:")
    )
    return str(shared) if min(room.f_bavail * room.f_frsize, available) > 2 * need + GIB else None
