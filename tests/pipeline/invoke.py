"""`make invoke-LAMBDA`: runs one function by hand under cargo-lambda, with its event in events/, on a local AWS.

`RELEASE=DIR` takes the release of a folder of one's own instead: its files are uploaded, and for each image that its
deploy-manifest.json names a small one is made and pushed to the source.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from . import world
from .deployment import DEPLOYER, LAMBDAS, TARGET, policy
from .images import Layout
from .ministack import REGION
from .processes import ROOT, TOOLS, NotStarted, Process, exit_on_sigterm, free_port

CARGO_LAMBDA = TOOLS / "venv/bin/cargo-lambda"
EVENTS = ROOT / "events"
# The installation that the events are for.
WORLD = ("functions",)
IMAGES = [{"repository": "myapp/api", "tag": "1.0.0"}, {"repository": "myapp/worker", "tag": "1.0.0"}]


def event(function: str) -> dict:
    return json.loads((EVENTS / f"{function}.json").read_text())


class Unusable(Exception):
    """What was asked for cannot be done, and why."""


def own_release(folder: Path) -> dict:
    """The files of a release folder by name."""
    if not folder.is_dir():
        raise Unusable(f"RELEASE={folder}: there is no such folder")
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    if "deploy-manifest.json" not in files and "cloudformation-params.json" not in files:
        raise Unusable(f"RELEASE={folder}: it holds neither deploy-manifest.json nor cloudformation-params.json")
    return files


def images_of(manifest: bytes) -> list:
    """Repositories and tags that a manifest names. What is wrong with it the function is to say."""
    try:
        images = json.loads(manifest)["images"]
        named = {(image["repository"], image["tag"]) for image in images}
    except (KeyError, TypeError, ValueError):
        return []
    is_name = re.compile(r"[a-z0-9]+([._/-]+[a-z0-9]+)*").fullmatch
    is_tag = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*").fullmatch
    return sorted((repository, tag) for repository, tag in named if is_name(repository) and is_tag(tag))


def seed_own(local: world.World, folder: Path, files: dict) -> None:
    """A release of one's own, with made-up images under the names that it has."""
    layout, created = Layout(folder), set()
    for repository, tag in images_of(files.get("deploy-manifest.json", b"")):
        if repository not in created:
            for account in (DEPLOYER, TARGET):
                local.create_repositories(account, repository)
            created.add(repository)
        name = f"{repository}-{tag}".replace("/", "-")
        layout.tag(name, layout.image([layout.layer({"app": f"{repository}:{tag}".encode()}, "none")]))
        local.ecr.registry(DEPLOYER).push(layout, name, repository, tag)
    release = local.release("myapp/main/42.0a1b2c3/")
    for name, content in files.items():
        release.put(name, content)


def seed(local: world.World, folder: Path) -> None:
    """The release that the events name: two images with one layer in common, the same bytes on every machine."""
    layout = Layout(folder)
    # Not compressed: two versions of zlib need not write the same bytes.
    shared = layout.layer({"etc/base": b"the base of both images\n" * 1000}, "none")
    for image in IMAGES:
        own = layout.layer({"app": image["repository"].encode()}, "none")
        layout.tag(image["repository"], layout.image([shared, own]))
        for account in (DEPLOYER, TARGET):
            local.create_repositories(account, image["repository"])
        local.ecr.registry(DEPLOYER).push(layout, image["repository"], image["repository"], image["tag"])
    parameterised = [{**image, "parameter": f"{image['repository'].split('/')[1].title()}Image"} for image in IMAGES]
    local.release("myapp/main/42.0a1b2c3/").upload(parameterised, {"Environment": "dev"})


def credentials(local: world.World, function: str) -> dict:
    """The function's role, as a developer who may assume it would hold it."""
    local.aws.client("iam", DEPLOYER).update_assume_role_policy(
        RoleName=local.functions.role(function),
        PolicyDocument=policy(
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{DEPLOYER}:root"}, "Action": "sts:AssumeRole"},
        ),
    )
    role = local.functions.role_arn(function)
    assumed = local.aws.client("sts", DEPLOYER).assume_role(RoleArn=role, RoleSessionName="by-hand")
    return {
        "AWS_ACCESS_KEY_ID": assumed["Credentials"]["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": assumed["Credentials"]["SecretAccessKey"],
        "AWS_SESSION_TOKEN": assumed["Credentials"]["SessionToken"],
    }


@contextlib.contextmanager
def watching(local: world.World, function: str, log: Path):
    """`cargo lambda watch` on a free loopback port, with the function's role and settings. Gives the port."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": local.aws.endpoint,
        **credentials(local, function),
        **local.functions.variables(function),
    }
    port = free_port()
    command = [CARGO_LAMBDA, "lambda", "watch", "--ignore-changes", "--release"]
    command += ["--invoke-address", "127.0.0.1", "--invoke-port", port]
    with Process("cargo lambda watch", command, log, cwd=ROOT, env=environment) as process:
        process.wait_for(port)
        yield port


def invoke(port: int, function: str, payload: dict) -> subprocess.CompletedProcess:
    """`cargo lambda invoke`: the answer is on standard output, or a failure on standard error with status 1."""
    command = [CARGO_LAMBDA, "lambda", "invoke", function, "--invoke-address", "127.0.0.1", "--invoke-port", str(port)]
    command += ["--output-format", "json", "--data-ascii", json.dumps(payload)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def run(local: world.World, function: str, log: Path) -> subprocess.CompletedProcess:
    if function == "verify-pull":
        promoted = local.invoke("promote-images", event("promote-images"))
        if promoted.failed:
            raise Unusable(f"promote-images, which has to come first, failed: {promoted.payload}")
    with watching(local, function, log) as port:
        return invoke(port, function, event(function))


def main(function: str, release: str | None) -> int:
    exit_on_sigterm()
    try:
        return by_hand(function, own_release(Path(release)) if release else None)
    except (Unusable, NotStarted, OSError) as error:
        print(f"invoke-{function}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def by_hand(function: str, files: dict | None) -> int:
    with tempfile.TemporaryDirectory(prefix="transship-invoke-") as name:
        folder = Path(name)
        with world.running(folder, WORLD) as local:
            if files is None:
                seed(local, folder / "images")
            else:
                seed_own(local, folder / "images", files)
            print(f"cargo lambda invoke {function} --data-file events/{function}.json", file=sys.stderr)
            done = run(local, function, folder / "watch.log")
        if done.returncode:
            print(done.stderr.strip() or done.stdout.strip(), file=sys.stderr)
        else:
            print(json.dumps(json.loads(done.stdout), indent=2))
        return done.returncode


if __name__ == "__main__":
    if sys.argv[1:2] == [] or sys.argv[1] not in LAMBDAS:
        sys.exit(f"usage: invoke {'|'.join(LAMBDAS)}")
    sys.exit(main(sys.argv[1], os.environ.get("RELEASE")))
