"""The ECR double: one process that stands for every registry, with a control endpoint for scripts."""

import contextlib
import json
import subprocess
import urllib.request
from pathlib import Path

from .distribution import Registry
from .ministack import REGION, client
from .processes import ROOT, Process

BINARY = ROOT / "target/release/ecr-double"


class Double:
    """A running double, and the folder that holds its blobs."""

    def __init__(self, process: Process, endpoints: dict, data: Path):
        self.process, self.endpoints, self.data = process, endpoints, data

    @property
    def api(self) -> str:
        return self.endpoints["api"]

    @property
    def sts(self) -> str:
        """A relay to the STS it was started with: roles assumed through it are known to it by name."""
        return self.endpoints["sts"]

    def ecr(self, account: str, region: str = REGION):
        """ECR's API, as that account's root."""
        return client(self.api, "ecr", account, region)

    def registry(self, account: str, region: str = REGION) -> Registry:
        """The `/v2` side of an account's registry, with the token of its root."""
        data = self.ecr(account, region).get_authorization_token()["authorizationData"][0]
        return Registry(data["proxyEndpoint"].split("://")[1], data["authorizationToken"])

    def blob_file(self, account: str, digest: str, region: str = REGION) -> Path:
        """Where a registry keeps a blob, for tests that spoil it."""
        return self.data / account / region / "blobs/sha256" / digest.removeprefix("sha256:")

    def control(self, method: str, path: str, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.endpoints['control']}/{path}", data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = response.read()
        return json.loads(answer) if answer else None


@contextlib.contextmanager
def running(folder: Path, sts: str, registries: list):
    """Starts the double with registries of accounts and regions; who owns a key it asks `sts`."""
    registries = [word for place in registries for word in ("--registry", "/".join(place))]
    data = folder / "registries"
    command = [BINARY, "--dir", data, "--sts-endpoint", sts, "--exit-with-parent", *registries]
    with Process(
        "ecr-double", command, folder / "ecr-double.log", stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}
    ) as process:
        line = process.child.stdout.readline()
        if not line:
            raise process.fail("said nothing")
        yield Double(process, json.loads(line), data)
