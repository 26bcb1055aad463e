"""`make demo`: releases go through the whole pipeline on this machine, from an upload to the accounts."""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import keep
import release
from follow import follow
from pipeline import world
from pipeline.deployment import Installation
from pipeline.executions import Execution
from pipeline.pipelines import machines_of
from pipeline.processes import exit_on_sigterm
from show import quote, say, section, short, size, table

MISSING = "9.9.9-missing"
RECORD = ("status", "error", "version", "started_at", "ended_at", "image_count", "images_present", "deployment")


class Unexpected(Exception):
    """Something that the demo did not expect."""


def expect(truth, what: str) -> None:
    if not truth:
        raise Unexpected(what)


def main() -> int:
    exit_on_sigterm()
    folder = Path(tempfile.mkdtemp(prefix="transship-demo-"))
    begun = time.monotonic()
    try:
        introduce()
        with world.running(folder, ("single", "multi")) as local:
            outcome = Demo(local, folder).run()
            children = [local.aws.process, local.ecr.process]
            if os.environ.get("KEEP"):
                section("Done")
                print("\n".join(outcome))
                keep.until_ended(local, folder)
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
    if os.environ.get("KEEP"):
        print("\nEnded. Nothing is left running.")
        return 0
    section("Done")
    for line in outcome:
        print(line)
    print(f"Took {time.monotonic() - begun:.1f} s. Nothing is left running.")
    return 0


def introduce() -> None:
    section("Transship, from an upload to the accounts")
    table(
        ("real", "stand-in"),
        [
            (
                "both templates, state machines, rules, tables, roles",
                "AWS: MiniStack, with trust and permissions enforced",
            ),
            ("the three functions, as they are deployed", "ECR: tests/ecr-double, as strict as ECR is known to be"),
            ("images (this build's own binaries), bytes, requests", "accounts: three, in two regions"),
            ("", "MOCKED: what the deploy machine asks of CloudFormation"),
        ],
    )
    say("  Deploying cloudformation.template twice and cloudformation-target.template to each account ...")


class Demo:
    def __init__(self, local: world.World, folder: Path):
        self.local, self.folder = local, folder
        self.layout = release.build(folder / "images")
        self.staged = 0

    def run(self) -> list:
        self.installed()
        return [
            self.promote("myapp", self.local.single, "1. One account: an upload starts the pipeline"),
            self.broken("shop", self.local.multi),
            self.go_on("shop", self.local.multi),
            self.again("shop", self.local.multi),
            self.fail("shop", self.local.multi),
        ]

    def installed(self) -> None:
        rows = [
            (each.pipeline.split(":")[-1], each.source, ", ".join("/".join(target) for target in each.targets))
            for each in (self.local.single, self.local.multi)
        ]
        table(("installed", "images come from", "and go to"), rows)

    def push(self, app: str, installation: Installation) -> None:
        """What the build of an application does."""
        repositories = [f"{app}/{name}" for name in release.KINDS]
        self.local.create_source_repositories(installation, *repositories)
        for account, region in installation.targets:
            self.local.create_repositories(account, *repositories, region=region, imageTagMutability="IMMUTABLE")
            self.local.ecr.ecr(account, region).put_account_setting(name="BLOB_MOUNTING", value="ENABLED")
        source, rows = self.local.ecr.registry(installation.source), []
        for name, repository in zip(release.KINDS, repositories, strict=True):
            pushed = source.push(self.layout, name, repository, release.VERSION)
            weight = sum(source.digests(repository, pushed.digest).values())
            rows.append((f"{repository}:{release.VERSION}", release.KINDS[name], size(weight), short(pushed.digest)))
        table((f"pushed to {installation.source}", "kind", "size", "digest"), rows)

    def promote(self, app: str, installation: Installation, title: str) -> str:
        section(title)
        self.push(app, installation)
        built = self.succeed(app, installation, 1)
        images, targets = built["image_count"], len(installation.targets)
        return f"{installation.mode}: {images} images to {targets} target(s), {size(built['bytes_copied'])} copied."

    def upload(self, app: str, installation: Installation, number: int) -> Execution:
        """Uploads the release, for the time that `number` says, and follows what that starts."""
        upload = self.local.release(f"{app}/main/42.0a1b2c3/", installation)
        print(f"  uploaded: s3://{installation.bucket}/{upload.folder}, cloudformation-params.json last")
        upload.put("cloudformation.template", release.TEMPLATE)
        upload.upload(release.manifest(app), {"Environment": installation.environment})
        return follow(machines_of(installation).of(upload, number))

    def succeed(self, app: str, installation: Installation, number: int) -> dict:
        ended = self.upload(app, installation, number)
        expect(ended.status == "SUCCEEDED", f"the execution succeeds, not {ended.outcome}")
        self.show_targets(app, installation)
        built = self.show_record(app, installation, ended)
        expect(built["status"] == "SUCCESS", f"the record says SUCCESS, not {built}")
        return built

    def broken(self, app: str, installation: Installation) -> str:
        section("2. Many accounts, and the last target fails in the middle: no tag in any of them")
        self.push(app, installation)
        account, region = installation.targets[-1]
        refused = {"kind": "error", "code": "KmsException", "message": "the key is disabled"}
        rule = {"operation": "PutImage", "repository": f"{app}/*", "skip": 1, "fault": refused}
        self.local.ecr.control("POST", "faults", {**rule, "account": account, "region": region})
        print(f"  broken on purpose: {account}/{region} takes one manifest, and then its key is disabled")
        ended = self.upload(app, installation, 1)
        self.local.ecr.control("DELETE", "faults")
        expect(ended.status == "FAILED", f"the execution fails, not {ended.outcome}")
        built = self.show_record(app, installation, ended)
        quote(built["error_message"])
        self.staged = self.show_staged(app, installation)
        expect(f"{account}/{region}" in built["error_message"], f"the record says where, not {built}")
        return f"broken: {built['error']} in the middle, {size(self.staged)} staged, no tag in any target."

    def show_staged(self, app: str, installation: Installation) -> int:
        """What each target has now: content without a tag. Gives how many bytes of blobs that is."""
        rows, whole = [], 0
        for account, region in installation.targets:
            expect(self.tags(app, account, region) == {}, f"nothing is tagged in {account}/{region}")
            client = self.local.ecr.ecr(account, region)
            images = sum(len(client.list_images(repositoryName=f"{app}/{name}")["imageIds"]) for name in release.KINDS)
            folder = self.local.ecr.data / account / region / "blobs/sha256"
            weight = sum(blob.stat().st_size for blob in folder.iterdir()) if folder.exists() else 0
            rows.append((f"{account}/{region}", f"{images} manifests", size(weight), "0 tags"))
            whole += weight
        table(("where", "by digest", "of blobs", "tagged"), rows)
        return whole

    def go_on(self, app: str, installation: Installation) -> str:
        section("3. The same release, once the key is enabled: it goes on from there, and tags come last")
        built = self.succeed(app, installation, 2)
        copied = built["bytes_copied"]
        expect(copied < self.staged, f"what was staged is not copied again: {size(copied)} after {size(self.staged)}")
        images, targets = built["image_count"], len(installation.targets)
        went = f"{installation.mode}: {images} images to {targets} target(s)"
        return f"{went}, {size(copied)} copied, after what was staged."

    def show_targets(self, app: str, installation: Installation) -> None:
        """Read by others: each target's own API, and skopeo pulling every byte."""
        source, rows = self.local.ecr.registry(installation.source), []
        for account, region in installation.targets:
            target = self.local.ecr.registry(account, region)
            tags = self.tags(app, account, region)
            for name in release.KINDS:
                expected, repository = self.layout.tags[name].digest, f"{app}/{name}"
                image = f"{repository}:{release.VERSION}"
                expect(tags.get(image) == expected, f"{account}/{region} has {image} as {expected}, not {tags}")
                target.skopeo_pull(repository, release.VERSION, self.folder / "pulled" / account / region / repository)
                same = target.digests(repository, expected) == source.digests(repository, expected)
                expect(same, f"{repository} has the same content in both registries")
                rows.append(
                    (f"{account}/{region}", image, short(expected), "skopeo pulled it; same bytes as the source")
                )
        table(("where", "image", "digest", ""), rows)

    def show_record(self, app: str, installation: Installation, execution: Execution) -> dict:
        machines = machines_of(installation)
        built = machines.record(execution, app)
        rows = [(name, built[name]) for name in RECORD if name in built]
        # Nobody asks for the blobs of an image that is there whole: that none of them was seen is no fault.
        rows += [(name, size(built[name])) for name in ("bytes_copied", "bytes_present") if built.get(name)]
        table((f"build record {built['pk']}", ""), rows)
        expect(machines.holder(app) is None, "the lock is free")
        return built

    def tags(self, app: str, account: str, region: str) -> dict:
        """What a registry's own API says: image -> digest."""
        client = self.local.ecr.ecr(account, region)
        return {
            f"{app}/{name}:{tag}": image["imageDigest"]
            for name in release.KINDS
            for image in client.describe_images(repositoryName=f"{app}/{name}")["imageDetails"]
            for tag in image.get("imageTags", [])
        }

    def again(self, app: str, installation: Installation) -> str:
        section("4. The same release uploaded again: nothing is copied")
        ended = self.upload(app, installation, 3)
        expect(ended.status == "SUCCEEDED", f"the execution succeeds, not {ended.outcome}")
        built = self.show_record(app, installation, ended)
        expect(built["bytes_copied"] == 0, f"a second upload copies nothing, not {built['bytes_copied']} bytes")
        return "again: 0 B copied."

    def fail(self, app: str, installation: Installation) -> str:
        section("5. A release that cannot work: one of its images was never pushed")
        images = [*release.manifest(app), {"repository": f"{app}/worker", "tag": MISSING}]
        before = [self.tags(app, *target) for target in installation.targets]
        upload = self.local.release(f"{app}/main/43.4d5e6f7/", installation)
        upload.put("cloudformation.template", release.TEMPLATE)
        upload.upload(images, {})
        ended = follow(machines_of(installation).of(upload))
        expect(ended.status == "FAILED", f"the execution fails, not {ended.outcome}")
        built = self.show_record(app, installation, ended)
        expect(
            (built["status"], built["error"]) == ("FAILED", "SourceImageNotFound"), f"the record says why, not {built}"
        )
        quote(built["error_message"])
        expect([self.tags(app, *target) for target in installation.targets] == before, "nothing was tagged")
        print("  No target has a new tag; the lock is free.")
        ending = f"record {built['status']}, execution {ended.status}"
        return f"failing: {built['error']}, nothing tagged, lock free, {ending}."


if __name__ == "__main__":
    sys.exit(main())
