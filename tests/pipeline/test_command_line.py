"""The command line between ECR registries: with AWS credentials, and a role in the target account."""

import json
import subprocess

import pytest

from pipeline import permissions
from pipeline.case import TAG
from pipeline.deployment import DEPLOYER, EXTERNAL_ID, TARGET, policy
from pipeline.ministack import REGION
from pipeline.processes import ROOT

ROLE = "transship-command-line"


def host(account: str) -> str:
    return f"{account}.dkr.ecr.{REGION}.amazonaws.com"


@pytest.fixture(scope="module")
def role(local):
    """A role of the target account that whoever is in the source account may take on."""
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{DEPLOYER}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
    }
    iam = local.aws.client("iam", TARGET)
    created = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=policy(trust))["Role"]
    allowed = permissions.statements(local.aws, TARGET, local.functions.role("promotion"))
    iam.put_role_policy(RoleName=ROLE, PolicyName="transship", PolicyDocument=policy(*allowed))
    permissions.enforce(local.ecr, local.aws, TARGET)
    return created["Arn"]


def transship(case, tmp_path, command: str, *options: str) -> tuple[int, dict]:
    manifest = tmp_path / "deploy-manifest.json"
    manifest.write_text(json.dumps({"images": case.images}))
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": DEPLOYER,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL_ECR": case.local.ecr.api,
        "AWS_ENDPOINT_URL_STS": case.local.ecr.sts,
    }
    between = ["--source", host(DEPLOYER), "--target", host(TARGET)]
    run = subprocess.run(
        [ROOT / "target/release/transship", command, manifest, *between, "--json", *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.count("\n") == 1, (run.stdout, run.stderr)
    return run.returncode, json.loads(run.stdout)


def test_a_release_goes_from_ecr_to_ecr_with_the_role_of_the_target(case, tmp_path, role):
    pushed = case.push("api", "index")
    options = ("--target-role", role, "--external-id", EXTERNAL_ID)
    code, planned = transship(case, tmp_path, "check", *options)
    assert (code, planned["images"][0]["digest"]) == (0, pushed.digest)
    assert case.target_is_empty("api")
    code, promoted = transship(case, tmp_path, "promote", *options)
    assert code == 0, promoted
    assert promoted["bytes_copied"] == planned["bytes_copied"] > 0
    assert case.target_tags("api") == {TAG: pushed.digest}
    assert case.target.digests(f"{case.app}/api", TAG) == case.source.digests(f"{case.app}/api", TAG)
    code, again = transship(case, tmp_path, "promote", *options)
    assert (code, again["bytes_copied"], again["images"][0]["targets"][0]["outcome"]) == (0, 0, "present")
    code, verified = transship(case, tmp_path, "verify", "--full", *options)
    assert code == 0, verified


def test_a_role_that_cannot_be_assumed_fails_and_says_why(case, tmp_path, role):
    case.push("api")
    code, failed = transship(case, tmp_path, "promote", "--target-role", role, "--external-id", "somebody-else")
    assert code == 1
    assert failed["error"]["name"] == "AssumeRoleDenied"
    assert "ExternalId" in failed["error"]["message"]
    assert case.target_is_empty("api")
