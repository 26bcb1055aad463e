"""`make invoke-LAMBDA`: runs one function by hand under cargo-lambda, with its event in events/, on a local AWS."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from . import world
from .deployment import DEPLOYER, LAMBDAS, TARGET, policy
from .images import Layout
from .ministack import REGION
from .processes import ROOT, TOOLS, Process, exit_on_sigterm, free_port

CARGO_LAMBDA = TOOLS / "venv/bin/cargo-lambda"
EVENTS = ROOT / "events"
# The installation that the events are for.
WORLD = ("functions",)
IMAGES = [{"repository": "myapp/api", "tag": "1.0.0"}, {"repository": "myapp/worker", "tag": "1.0.0"}]


def event(function: str) -> dict:
    return json.loads((EVENTS / f"{function}.json").read_text())


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
        assert not promoted.failed, promoted.payload
    with watching(local, function, log) as port:
        return invoke(port, function, event(function))


def main(function: str) -> int:
    exit_on_sigterm()
    with tempfile.TemporaryDirectory(prefix="transship-invoke-") as name:
        folder = Path(name)
        with world.running(folder, WORLD) as local:
            seed(local, folder / "images")
            print(f"cargo lambda invoke {function} --data-file events/{function}.json", file=sys.stderr)
            done = run(local, function, folder / "watch.log")
        if done.returncode:
            sys.stderr.write((folder / "watch.log").read_text() + done.stderr)
        else:
            print(json.dumps(json.loads(done.stdout), indent=2))
        return done.returncode


if __name__ == "__main__":
    if sys.argv[1:2] == [] or sys.argv[1] not in LAMBDAS:
        sys.exit(f"usage: invoke {'|'.join(LAMBDAS)}")
    sys.exit(main(sys.argv[1]))
