"""What the template refuses, and what a first installation that fails leaves behind."""

import pytest
from botocore.exceptions import ClientError

from pipeline import installations, ministack
from pipeline.deployment import CODE_BUCKET, DEPLOYER, LAMBDAS, TARGET, Code, StackFailed
from pipeline.processes import ROOT

KEY = "arn:aws:kms:eu-west-1:111122223333:key/0c3e7b80-c6d5-11f0-9d2c-0a1b2c3d4e5f"
ROLE = f"arn:aws:iam::{DEPLOYER}:role/stacks"
# The smallest zip: nothing runs here.
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    with ministack.running(tmp_path_factory.mktemp("ministack")) as aws:
        installations.create_bucket(aws, CODE_BUCKET)
        s3 = aws.client("s3", DEPLOYER)
        for function in LAMBDAS:
            s3.put_object(Bucket=CODE_BUCKET, Key=f"whole/{function}.zip", Body=EMPTY_ZIP)
        for path in ROOT.glob("statemachines/*.asl.json"):
            s3.put_object(Bucket=CODE_BUCKET, Key=f"whole/statemachines/{path.name}", Body=path.read_bytes())
        yield aws


def install(aws, environment: str, prefix: str = "whole", mode: str = "multi", **parameters) -> dict:
    machine = "deploy-stack" if mode == "single" else "deploy-stackset"
    return installations.deployer(aws, Code(CODE_BUCKET, prefix), environment, mode, machine, **parameters)


@pytest.mark.parametrize("mode", ["single", "multi"])
def test_a_first_installation_that_fails_does_not_block_the_next(aws, mode):
    environment = f"again-{mode}"
    role = {"DeployRoleArn": ROLE} if mode == "single" else {}
    with pytest.raises(StackFailed):
        install(aws, environment, "not-uploaded", mode, **role)
    tables = aws.client("dynamodb", DEPLOYER).list_tables()["TableNames"]
    assert not [name for name in tables if name.startswith(environment)]
    client = aws.client("cloudformation", DEPLOYER)
    client.delete_stack(StackName=f"{environment}-aws-deployer")
    client.get_waiter("stack_delete_complete").wait(
        StackName=f"{environment}-aws-deployer", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    assert install(aws, environment, mode=mode, **role)["PipelineArn"]


@pytest.mark.parametrize("accounts", [f"own,{TARGET}", f"{TARGET},own"])
def test_the_word_own_among_accounts_is_refused(aws, accounts):
    with pytest.raises(ClientError, match="TargetAccounts"):
        install(aws, "mixed", TargetAccounts=accounts)


@pytest.mark.parametrize("environment", ["aws-prd", "ssm1"])
def test_an_environment_that_ssm_reserves_is_refused(aws, environment):
    with pytest.raises(ClientError, match="Environment"):
        install(aws, environment)


def test_a_key_without_its_bucket_is_refused(aws):
    with pytest.raises(ClientError, match="AKeyIsThatOfAnExistingBucket"):
        install(aws, "keyless", ArtifactKeyArn=KEY)


def test_a_bucket_with_a_key_is_taken(aws):
    bucket = installations.create_bucket(aws, "transship-encrypted")
    assert install(aws, "keyed", ArtifactBucketName=bucket, ArtifactKeyArn=KEY)["ArtifactBucketName"] == bucket
