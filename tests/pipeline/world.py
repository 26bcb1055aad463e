"""A whole local AWS: MiniStack, the ECR double, and the installations between three accounts."""

import contextlib
import itertools
from dataclasses import dataclass
from pathlib import Path

from . import deployment, double, installations, ministack, permissions
from .deployment import LAMBDAS, Answer, Installation
from .double import Double
from .ministack import REGION, MiniStack
from .mocks import Mocks
from .processes import ROOT
from .releases import Release

BOOTSTRAPS = {function: ROOT / "target/release" / function for function in LAMBDAS}
INSTALLATIONS = ("single", "multi", "functions")


@dataclass
class World:
    aws: MiniStack
    ecr: Double
    # None if it was not asked for.
    single: Installation | None
    multi: Installation | None
    functions: Installation | None

    def __post_init__(self):
        self._builds = itertools.count(1)

    def release(self, folder: str | None = None, installation: Installation | None = None) -> Release:
        """A release folder of its own, unless one is named."""
        return Release(installation or self.functions, folder or f"myapp/main/{next(self._builds)}.0a1b2c3/")

    def invoke(self, function: str, event: dict) -> Answer:
        return self.functions.invoke(function, event)

    def create_repositories(self, account: str, *names: str, region: str = REGION, **settings) -> None:
        client = self.ecr.ecr(account, region)
        for name in names:
            client.create_repository(repositoryName=name, **settings)

    def create_source_repositories(self, installation: Installation, *names: str) -> None:
        """Repositories that the functions may read: in another account by the policy that the template gives out."""
        self.create_repositories(installation.source, *names)
        policy = installation.outputs.get("SourceRepositoryPolicy")
        for name in names if policy else ():
            self.ecr.ecr(installation.source).set_repository_policy(repositoryName=name, policyText=policy)


@contextlib.contextmanager
def running(folder: Path, names: tuple = INSTALLATIONS):
    """Brings everything up with its files in `folder`, and takes it all down again."""
    with (
        ministack.running(folder / "ministack") as aws,
        double.running(folder / "ecr", aws.endpoint, installations.REGISTRIES) as ecr,
    ):
        code = deployment.upload(aws)
        made = {name: getattr(installations, name)(aws, code) if name in names else None for name in INSTALLATIONS}
        for installation in filter(None, made.values()):
            # The SDKs send ECR's calls to the double, and STS's through it; all others go to MiniStack.
            installation.set_variables({"AWS_ENDPOINT_URL_ECR": ecr.api, "AWS_ENDPOINT_URL_STS": ecr.sts})
            Mocks(aws).base(installation.environment)
        for account in {account for account, _ in installations.REGISTRIES}:
            permissions.enforce(ecr, aws, account)
        yield World(aws, ecr, **made)
