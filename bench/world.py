"""promote-images between two accounts on a local AWS, run by the bench itself."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from pipeline import world
from pipeline.deployment import DEPLOYER, TARGET
from pipeline.invoke import credentials
from runtime import Bootstrap
from seed import Seeder

FUNCTION = "promote-images"


@dataclass
class Local:
    """The local AWS with its ECR double."""

    aws: world.World
    folder: Path

    def __post_init__(self):
        # A client takes longer to make than what it is used for here.
        self._clients = {account: self.aws.ecr.ecr(account) for account in (DEPLOYER, TARGET)}
        self._registries = {account: self.aws.ecr.registry(account) for account in self._clients}

    def create_repository(self, name: str) -> None:
        """In source and target account."""
        for client in self._clients.values():
            client.create_repository(repositoryName=name)

    def seeder(self, repository: str, account: str = DEPLOYER) -> Seeder:
        registry = self._registries[account]
        return Seeder(registry.host, repository, f"Basic {registry.token}")

    def event(self, images: list, **extra) -> dict:
        """Uploads a release of images, and gives the event for the function."""
        named = [{"repository": each.repository, "tag": each.tag} for each in images]
        return self.aws.release().upload(named).event(**extra)

    @contextlib.contextmanager
    def bootstrap(self):
        """A fresh process of the function, with the role and the variables that it was deployed with."""
        variables = {
            "AWS_ENDPOINT_URL": self.aws.aws.endpoint,
            **credentials(self.aws, FUNCTION),
            **self.aws.functions.variables(FUNCTION),
        }
        with Bootstrap(FUNCTION, self.folder / "bootstrap.log", variables) as bootstrap:
            yield bootstrap

    def delay(self, milliseconds: int) -> None:
        """Has the double wait with every request from now on."""
        self.aws.ecr.control("POST", "faults", {"fault": {"kind": "delay", "millis": milliseconds}})

    def no_delay(self) -> None:
        self.aws.ecr.control("DELETE", "faults")

    def counts(self) -> dict:
        """Requests to the double since the last call, by operation."""
        counts = self.aws.ecr.control("GET", "counts")
        self.aws.ecr.control("DELETE", "requests")
        return counts


@contextlib.contextmanager
def running(folder: Path):
    with world.running(folder, ("functions",)) as aws:
        yield Local(aws, folder)
