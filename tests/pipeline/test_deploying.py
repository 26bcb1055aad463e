"""`make deploy`, `make deploy-target` and `make update-lambda-code` with the AWS CLI against a local AWS."""

import base64
import hashlib
import json
import os
import shutil
import subprocess

import pytest

from pipeline import deployment, ministack
from pipeline.deployment import ARCHITECTURE, DEPLOYER, LAMBDAS
from pipeline.ministack import REGION
from pipeline.processes import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("aws"), reason="needs the AWS CLI")
BUCKET = "code"
ROLE = f"arn:aws:iam::{DEPLOYER}:role/stacks"


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    with ministack.running(tmp_path_factory.mktemp("aws")) as running:
        running.client("s3", DEPLOYER).create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        yield running


@pytest.fixture
def make(aws, tmp_path):
    def make(*words: str) -> subprocess.CompletedProcess:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}
        environment = {
            **kept,
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": aws.endpoint,
            "AWS_ACCESS_KEY_ID": DEPLOYER,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }
        deployment.packages()
        # Everything is built already.
        command = ["make", "--assume-old=build", "LOCAL=yes", *words]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    return make


def deploy(make, *words: str) -> subprocess.CompletedProcess:
    return make("deploy", f"CODE_BUCKET={BUCKET}", *words)


def function(aws, name: str) -> dict:
    return aws.client("lambda", DEPLOYER).get_function_configuration(FunctionName=f"dev-aws-deployer-{name}")


def parameters(aws, stack: str = "dev-aws-deployer") -> dict:
    [found] = aws.client("cloudformation", DEPLOYER).describe_stacks(StackName=stack)["Stacks"]
    return {each["ParameterKey"]: each["ParameterValue"] for each in found["Parameters"]}


def code_hash(function: str) -> str:
    package = ROOT / "target/package/local" / f"{function}.zip"
    return base64.b64encode(hashlib.sha256(package.read_bytes()).digest()).decode()


def test_a_bucket_for_the_code_is_asked_for(make):
    done = make("deploy")
    assert done.returncode != 0
    assert "CODE_BUCKET is not set" in done.stderr


def test_what_is_missing_is_said_before_anything_is_built(make, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text('{"LogRetentionDays": 30}')
    for words, expected in [
        ([], "CODE_BUCKET is not set"),
        (["CODE_BUCKET=of-another"], "of-another (CODE_BUCKET) cannot be reached"),
        ([f"CODE_BUCKET={BUCKET}", "PARAMETERS=LogRetentionDays"], "LogRetentionDays is no Key=Value"),
        ([f"CODE_BUCKET={BUCKET}", f"PARAMETERS={broken}"], "the value of LogRetentionDays is no text"),
        ([f"CODE_BUCKET={BUCKET}", "PARAMETERS=missing.json"], "missing.json cannot be read"),
    ]:
        done = make("deploy", *words)
        assert done.returncode != 0
        assert expected in done.stderr
        assert not any(word in done.stdout for word in ("Building", "Uploading"))


def test_a_role_for_stacks_is_asked_for(make):
    done = deploy(make, "ENV=tst", "MODE=single")
    assert done.returncode != 0
    assert "DeployRoleArn is needed in mode single" in done.stderr


def test_deploying_installs_and_keeps_what_is_not_given_again(aws, make):
    done = deploy(make, "MODE=single", f"PARAMETERS=DeployRoleArn={ROLE} LogRetentionDays=30")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "dev-aws-deployer-single-account" in done.stdout
    assert {name: function(aws, name)["CodeSha256"] for name in LAMBDAS} == {name: code_hash(name) for name in LAMBDAS}
    first = parameters(aws)
    assert first["Architecture"] == ARCHITECTURE

    done = deploy(make, "PARAMETERS=LambdaMemory=2048")
    assert done.returncode == 0, done.stdout + done.stderr
    assert parameters(aws) == {**first, "LambdaMemory": "2048"}
    assert function(aws, "promote-images")["MemorySize"] == 2048

    done = deploy(make)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No changes to deploy" in done.stdout


@pytest.mark.parametrize("named", ["promote-images", ""])
def test_only_code_is_updated_of_one_function_or_of_all(aws, make, named):
    if "dev-aws-deployer" not in str(aws.client("cloudformation", DEPLOYER).list_stacks()["StackSummaries"]):
        assert deploy(make, "MODE=single", f"PARAMETERS=DeployRoleArn={ROLE}").returncode == 0
    client = aws.client("lambda", DEPLOYER)
    old = deployment.packages()[0].read_bytes() + b"old"
    for name in LAMBDAS:
        client.update_function_code(FunctionName=f"dev-aws-deployer-{name}", ZipFile=old)
    before = {name: function(aws, name) for name in LAMBDAS}

    done = make("update-lambda-code", *([f"LAMBDA={named}"] if named else []))
    assert done.returncode == 0, done.stdout + done.stderr
    for name in LAMBDAS:
        now = function(aws, name)
        updated = not named or name == named
        assert now["CodeSha256"] == (code_hash(name) if updated else before[name]["CodeSha256"])
        assert now["Environment"] == before[name]["Environment"]
        assert now["MemorySize"] == before[name]["MemorySize"]


def test_a_function_that_is_none_is_not_updated(make):
    done = make("update-lambda-code", "LAMBDA=promote-image")
    assert done.returncode != 0
    assert "update-promote-image" in done.stderr


def test_a_target_account_is_prepared(aws, make):
    done = make("deploy-target", f"PARAMETERS=DeployerAccount={DEPLOYER} Repositories=myapp/*,base/*")
    assert done.returncode == 0, done.stdout + done.stderr
    assert parameters(aws, "dev-aws-deployer-target")["Repositories"] == "myapp/*,base/*"


def test_values_with_spaces_come_from_a_file(aws, make, tmp_path):
    given = tmp_path / "target parameters.json"
    given.write_text(json.dumps({"DeployerAccount": DEPLOYER, "Repositories": "myapp/*, base/*"}))
    done = make("deploy-target", "ENV=tst", f"PARAMETERS={given}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert parameters(aws, "tst-aws-deployer-target")["Repositories"] == "myapp/*, base/*"
