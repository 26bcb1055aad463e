"""The servers that are copied between: docker-registry, and the proxy in front of it."""

import contextlib
import http.client
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipeline.processes import ROOT, TOOLS, Process, free_port

PROXY = ROOT / "target/release/proxy"


@dataclass(frozen=True)
class Registry:
    """A docker-registry that keeps what it has in `storage`."""

    host: str
    storage: Path
    pid: int

    def clear(self) -> None:
        """Forgets everything. It looks into its folder for each request and keeps nothing in memory."""
        shutil.rmtree(self.storage, ignore_errors=True)

    def digest(self, repository: str, tag: str) -> str | None:
        """What a tag points to."""
        connection = http.client.HTTPConnection(self.host, timeout=60)
        with contextlib.closing(connection):
            accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"
            connection.request("HEAD", f"/v2/{repository}/manifests/{tag}", headers={"Accept": accept})
            answer = connection.getresponse()
            return answer.headers["Docker-Content-Digest"] if answer.status == 200 else None


@contextlib.contextmanager
def registry(folder: Path):
    """Starts a docker-registry with its files in `folder`, which goes with it."""
    port, storage = free_port(), folder / "storage"
    config = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(storage)}},
        "http": {"addr": f"127.0.0.1:{port}", "secret": "bench"},
    }
    folder.mkdir(parents=True)
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    try:
        with Process("docker-registry", [TOOLS / "bin/docker-registry", "serve", path], folder / "log") as process:
            process.wait_for(port)
            yield Registry(f"127.0.0.1:{port}", storage, process.pid)
    finally:
        shutil.rmtree(folder)


@dataclass(frozen=True)
class Passed:
    """What went through proxies: requests, by kind too, and the bytes of their bodies."""

    requests: int
    by_kind: dict
    bytes_up: int
    bytes_down: int

    def __add__(self, other: "Passed") -> "Passed":
        kinds = {kind: self.by_kind.get(kind, 0) + other.by_kind.get(kind, 0) for kind in self.by_kind | other.by_kind}
        return Passed(
            self.requests + other.requests, kinds, self.bytes_up + other.bytes_up, self.bytes_down + other.bytes_down
        )


@dataclass(frozen=True)
class Proxy:
    """A proxy that counts what passes."""

    host: str
    pid: int

    def forget(self) -> None:
        self._ask("DELETE")

    def passed(self) -> Passed:
        return Passed(**json.loads(self._ask("GET")))

    def _ask(self, method: str) -> bytes:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, "/.proxy/requests")
            return connection.getresponse().read()


@contextlib.contextmanager
def proxy(upstream: str, log: Path, latency: int = 0, bandwidth: int = 0, storage: str | None = None):
    """Starts a proxy that adds milliseconds to each request and bounds each connection to so many bytes a second. With
    a storage, who asks for a blob is sent on to there."""
    command = [PROXY, "--to", upstream, "--latency", latency, "--bandwidth", bandwidth]
    if storage:
        command += ["--storage", storage]
    with Process("proxy", command, log, stdout=subprocess.PIPE) as process:
        line = process.child.stdout.readline()
        if not line:
            raise process.fail("said nothing")
        yield Proxy(line.decode().strip(), process.pid)
