"""`make demo`: a release goes from one account's registry to another's, on this machine, before your eyes."""

import shutil
import sys
import tempfile
import time
from pathlib import Path

import release
from pipeline import world
from pipeline.deployment import DEPLOYER, TARGET
from pipeline.processes import exit_on_sigterm
from show import quote, section, short, size, table


class Unexpected(Exception):
    """Something that the demo did not expect."""


def expect(truth, what: str) -> None:
    if not truth:
        raise Unexpected(what)


def main() -> int:
    exit_on_sigterm()
    folder = Path(tempfile.mkdtemp(prefix="drayage-demo-"))
    begun = time.monotonic()
    try:
        with world.running(folder) as local:
            outcome = Demo(local, folder).run()
            children = [local.aws.process, local.ecr.process]
        expect(all(child.child.poll() is not None for child in children), "everything that was started has ended")
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        return 130
    except Exception as error:
        print(f"\nThe demo failed: {type(error).__name__}: {error}\nLogs: {folder}", file=sys.stderr)
        if not isinstance(error, Unexpected):
            raise
        return 1
    shutil.rmtree(folder)
    section("Done")
    for line in outcome:
        print(line)
    print(f"Took {time.monotonic() - begun:.1f} s. Nothing is left running.")
    return 0


class Demo:
    def __init__(self, local: world.World, folder: Path):
        self.local = local
        self.source, self.target = local.ecr.registry(DEPLOYER), local.ecr.registry(TARGET)
        self.layout = release.build(folder / "images")
        self.folder = folder
        self.upload = local.release("myapp/main/42.0a1b2c3/")

    def run(self) -> list:
        self.introduce()
        self.push()
        checked = self.check()
        promoted = self.promote(checked["pinned"])
        verified = self.look()
        self.again()
        self.fail()
        return [
            f"Promoted: {promoted['images_promoted']} images, {size(promoted['bytes_copied'])} in"
            f" {promoted['blobs_copied']} blobs, {DEPLOYER} -> {TARGET}.",
            f"Verified: {verified['images_verified']} images by digest, {verified['blobs']} blobs,"
            f" {size(verified['bytes_read'])} read and hashed; skopeo agrees.",
        ]

    def introduce(self) -> None:
        section("Drayage promotes a release between two accounts")
        table(
            ("real", "stand-in"),
            [
                (
                    "the three Lambdas, as release-built bootstraps",
                    "AWS: MiniStack, with trust and permissions enforced",
                ),
                ("the images: this build's own binaries", "ECR: tests/ecr-double, as strict as ECR is known to be"),
                ("the bytes, digests and HTTP requests", f"the accounts: {DEPLOYER} (source), {TARGET} (target)"),
            ],
        )

    def push(self) -> None:
        section("1. A build job pushes images to the source registry, and uploads the release to S3")
        rows = []
        self.local.create_repositories(DEPLOYER, *release.REPOSITORIES)
        self.local.create_repositories(TARGET, *release.REPOSITORIES, imageTagMutability="IMMUTABLE")
        self.local.ecr.ecr(TARGET).put_account_setting(name="BLOB_MOUNTING", value="ENABLED")
        for repository in release.REPOSITORIES:
            pushed = self.source.push(self.layout, repository, repository, release.VERSION)
            weight = sum(self.source.digests(repository, pushed.digest).values())
            rows.append(
                (f"{repository}:{release.VERSION}", release.KINDS[repository], size(weight), short(pushed.digest))
            )
        table(("image", "kind", "size", "digest"), rows)
        self.upload.upload(release.manifest(), {"Environment": "dev"})
        print(f"  s3://.../{self.upload.folder}deploy-manifest.json names these three")

    def call(self, function: str, **extra) -> dict:
        answer = self.local.invoke(function, self.upload.event(**extra))
        expect(not answer.failed, f"{function} succeeds, not {answer.payload}")
        return answer.payload

    def check(self) -> dict:
        section("2. check-manifest pins every tag to a digest and looks for all that would fail later")
        checked = self.call("check-manifest")
        expect(checked["image_count"] == 3, f"three images are pinned, not {checked['image_count']}")
        table(
            ("image", "pinned to"),
            [(f"{each['repository']}:{each['tag']}", short(each["digest"])) for each in checked["pinned"]],
        )
        print(f"  stack parameters: {checked['parameters']}")
        print(f"  warnings: {checked['warnings'] or 'none'}; {checked['requests']} requests; nothing written")
        return checked

    def promote(self, pinned: list) -> dict:
        section("3. promote-images stages by digest, verify-pull pulls it back, promote-images tags")
        staged = self.call("promote-images", pinned=pinned, phase="stage")
        print("  stage   ", transferred(staged))
        expect(not self.tags(), "nothing is visible before tagging")
        print(f"           tags in the target so far: {self.tags() or 'none'}")
        verified = self.call("verify-pull", pinned=pinned, mode="full", by="digest")
        read = f"{verified['blobs']} blobs, {size(verified['bytes_read'])} read"
        print(f"  verify   {verified['images_verified']} images, {read}")
        tagged = self.call("promote-images", pinned=pinned, phase="tag")
        print("  tag      " + ", ".join(tagged["images"]))
        expect(len(self.tags()) == 3, "all three are tagged")
        return staged

    def tags(self) -> dict:
        """What the target's own API says: image -> digest."""
        client = self.local.ecr.ecr(TARGET)
        return {
            f"{repository}:{tag}": image["imageDigest"]
            for repository in release.REPOSITORIES
            for image in client.describe_images(repositoryName=repository)["imageDetails"]
            for tag in image.get("imageTags", [])
        }

    def look(self) -> dict:
        section("4. What is in the target now, read by others: its own API, and skopeo pulling every byte")
        rows = []
        for repository in release.REPOSITORIES:
            expected = self.layout.tags[repository].digest
            digest = self.tags()[f"{repository}:{release.VERSION}"]
            expect(digest == expected, f"{repository} has {expected} in the target, not {digest}")
            self.target.skopeo_pull(repository, release.VERSION, self.folder / "pulled" / repository)
            same = self.target.digests(repository, digest) == self.source.digests(repository, digest)
            expect(same, f"{repository} has the same content in both registries")
            rows.append((f"{repository}:{release.VERSION}", short(digest), "same bytes as the source"))
        table(("image", "digest", ""), rows)
        return self.call("verify-pull", mode="full", by="tag")

    def again(self) -> None:
        section("5. The same release again: nothing moves")
        again = self.call("promote-images")
        present = sum(target["images_present"] for target in again["targets"])
        print(f"  {present} of {again['images_promoted']} images are there already; {again['requests']} requests")
        expect(again["bytes_copied"] == 0 and again["blobs_copied"] == 0, "a second run copies nothing")

    def fail(self) -> None:
        section("6. A release that cannot work: its repository is missing in the target")
        self.local.create_repositories(DEPLOYER, "myapp/new")
        self.source.push(self.layout, "myapp/worker", "myapp/new", "2.0.0")
        broken = self.local.release("myapp/main/43.4d5e6f7/").upload([{"repository": "myapp/new", "tag": "2.0.0"}])
        answer = self.local.invoke("check-manifest", broken.event())
        expect(
            answer.error == "TargetRepositoryNotFound", f"TargetRepositoryNotFound is the error, not {answer.payload}"
        )
        print(f"  {answer.error}")
        quote(answer.message)


def transferred(answer: dict) -> str:
    whole = sum(target["images_present"] for target in answer["targets"])
    return (
        f"{answer['images_promoted']} images, {whole} of them there before:"
        f" {answer['blobs_copied']} blobs copied ({size(answer['bytes_copied'])}), {answer['blobs_mounted']} mounted;"
        f" {answer['requests']} requests, {answer['seconds']:.1f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
