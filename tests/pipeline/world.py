"""A whole local AWS: MiniStack, the ECR double, two accounts, and the three functions deployed between them."""

import contextlib
import itertools
from dataclasses import dataclass
from pathlib import Path

from . import double, ministack
from .deployment import DEPLOYER, LAMBDAS, TARGET, Answer, Deployment
from .double import Double
from .ministack import MiniStack
from .processes import ROOT
from .releases import Release

BOOTSTRAPS = {function: ROOT / "target/release" / function for function in LAMBDAS}


@dataclass
class World:
    aws: MiniStack
    ecr: Double
    deployment: Deployment

    def __post_init__(self):
        self._builds = itertools.count(1)

    def release(self, folder: str | None = None) -> Release:
        """A release folder of its own, unless one is named."""
        return Release(self.aws, folder or f"myapp/main/{next(self._builds)}.0a1b2c3/")

    def invoke(self, function: str, event: dict) -> Answer:
        return self.deployment.invoke(function, event)

    def create_repositories(self, account: str, *names: str, **settings) -> None:
        client = self.ecr.ecr(account)
        for name in names:
            client.create_repository(repositoryName=name, **settings)


@contextlib.contextmanager
def running(folder: Path):
    """Brings everything up with its files in `folder`, and takes it all down again."""
    with (
        ministack.running(folder / "ministack") as aws,
        double.running(folder / "ecr", aws.endpoint, [DEPLOYER, TARGET]) as ecr,
    ):
        # The SDKs send ECR's calls to the double, and STS's through it; all others go to MiniStack.
        deployment = Deployment(aws, BOOTSTRAPS, {"AWS_ENDPOINT_URL_ECR": ecr.api, "AWS_ENDPOINT_URL_STS": ecr.sts})
        deployment.deploy()
        yield World(aws, ecr, deployment)
