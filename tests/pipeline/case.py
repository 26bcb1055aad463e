"""What one test works on: repositories of its own in both accounts, images in the source, a release that names them."""

from pathlib import Path

from .deployment import DEPLOYER, TARGET, Answer
from .images import Layout, Manifest
from .kinds import KINDS
from .releases import Release
from .world import World

TAG = "1.0.0"


class Case:
    def __init__(self, local: World, folder: Path, app: str):
        self.local, self.app = local, app
        self.layout = Layout(folder / "images")
        self.images: list[dict] = []
        self.release: Release = local.release(f"{app}/main/1.0a1b2c3/")

    @property
    def source(self):
        return self.local.ecr.registry(DEPLOYER)

    @property
    def target(self):
        return self.local.ecr.registry(TARGET)

    def repository(self, name: str, target: bool = True, **settings) -> str:
        """Creates a repository in the source and, with `settings`, in the target."""
        full = f"{self.app}/{name}"
        self.local.create_repositories(DEPLOYER, full)
        if target:
            self.local.create_repositories(TARGET, full, **settings)
        return full

    def push(self, name: str, kind: str = "single", target: bool = True, **settings) -> Manifest:
        """An image in the source, in a repository that both accounts have, named by the release."""
        return self._push(name, KINDS[kind](self.layout), target, **settings)

    def push_family(self, *names: str) -> None:
        """Images in several repositories that share one layer."""
        shared = self.layout.layer({"shared": self.app.encode() * 1000})
        for name in names:
            own = self.layout.layer({"own": f"{self.app} {name}".encode()})
            self._push(name, self.layout.image([shared, own]))

    def _push(self, name: str, manifest: Manifest, target: bool = True, **settings) -> Manifest:
        repository = self.repository(name, target, **settings)
        self.layout.tag(name, manifest)
        self.images.append({"repository": repository, "tag": TAG})
        return self.source.push(self.layout, name, repository, TAG)

    def upload(self, images: list | None = None, parameters: dict | None = None) -> "Case":
        self.release.upload(self.images if images is None else images, parameters)
        return self

    def invoke(self, function: str, **extra) -> Answer:
        return self.local.invoke(function, self.release.event(**extra))

    def succeed(self, function: str, **extra) -> dict:
        answer = self.invoke(function, **extra)
        assert not answer.failed, answer.payload
        return answer.payload

    def fail(self, function: str, error: str, *mentions: str, **extra) -> Answer:
        """The function fails with the error of that name, and its message says all that is mentioned."""
        answer = self.invoke(function, **extra)
        assert answer.failed, answer.payload
        assert answer.error == error, answer.payload
        for words in mentions:
            assert words in answer.message, answer.message
        return answer

    def target_tags(self, name: str) -> dict:
        client = self.local.ecr.ecr(TARGET)
        images = client.describe_images(repositoryName=f"{self.app}/{name}")["imageDetails"]
        return {tag: image["imageDigest"] for image in images for tag in image.get("imageTags", [])}

    def target_is_empty(self, name: str) -> bool:
        return not self.local.ecr.ecr(TARGET).list_images(repositoryName=f"{self.app}/{name}")["imageIds"]
