"""What one test works on: repositories of its own in source and targets, images in the source, a release of them."""

from pathlib import Path

from .deployment import Answer, Installation
from .image_kinds import KINDS
from .images import Layout, Manifest
from .releases import Release
from .world import World

TAG = "1.0.0"


class Case:
    """Of an installation, `functions` unless another one is named, with the first of its targets unless more are."""

    def __init__(
        self,
        local: World,
        folder: Path,
        app: str,
        installation: Installation | None = None,
        targets: list | None = None,
    ):
        self.local, self.app = local, app
        self.installation = installation or local.functions
        self.targets = targets or self.installation.targets[:1]
        self.layout = Layout(folder / "images")
        self.images: list[dict] = []
        self.release: Release = local.release(f"{app}/main/1.0a1b2c3/", self.installation)

    @property
    def source(self):
        return self.local.ecr.registry(self.installation.source)

    @property
    def target(self):
        return self.local.ecr.registry(*self.targets[0])

    def repository(self, name: str, target: bool = True, **settings) -> str:
        """Creates a repository in the source and, with `settings`, in the targets."""
        full = f"{self.app}/{name}"
        self.local.create_source_repositories(self.installation, full)
        for account, region in self.targets if target else ():
            self.local.create_repositories(account, full, region=region, **settings)
        return full

    def push(self, name: str, kind: str = "single", target: bool = True, **settings) -> Manifest:
        """An image in the source, in a repository that the targets have too, named by the release."""
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
        return self.installation.invoke(function, self.release.event(**extra))

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

    def target_tags(self, name: str, target: tuple | None = None) -> dict:
        client = self.local.ecr.ecr(*(target or self.targets[0]))
        images = client.describe_images(repositoryName=f"{self.app}/{name}")["imageDetails"]
        return {tag: image["imageDigest"] for image in images for tag in image.get("imageTags", [])}

    def target_is_empty(self, name: str, target: tuple | None = None) -> bool:
        client = self.local.ecr.ecr(*(target or self.targets[0]))
        return not client.list_images(repositoryName=f"{self.app}/{name}")["imageIds"]
