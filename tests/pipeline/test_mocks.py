"""The mocked cases on a MiniStack, as pipelines start them."""

import json
import re
import time
from pathlib import Path

import pytest

from pipeline import interpreter, ministack, mocks
from pipeline.processes import ROOT

GIVEN = {
    "env": "test",
    "repo": "myapp",
    "stack_name": "test-myapp",
    "template_url": "https://artifacts.s3.eu-west-1.amazonaws.com/myapp/main/42.0a1b2c3/cloudformation.template",
    "parameters": {"Environment": "test", "ApiImage": "api@sha256:1"},
    "image_parameters": ["ApiImage"],
    "token": "t-42",
    "targets": [{"account": "444455556666", "region": "eu-west-1"}, {"account": "777788889999", "region": "eu-west-1"}],
    "release": {"repo": "myapp", "version": "42.0a1b2c3"},
}
MACHINES = ["deploy-stack", "deploy-stackset"]
TRUST = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    with ministack.running(tmp_path_factory.mktemp("ministack")) as aws:
        client = aws.client("stepfunctions", mocks.DEPLOYER)
        role = aws.client("iam", mocks.DEPLOYER).create_role(
            RoleName="machine", AssumeRolePolicyDocument=json.dumps(TRUST)
        )
        for machine in MACHINES:
            client.create_state_machine(
                name=f"test-aws-deployer-{machine}",
                definition=interpreter.definition(machine),
                roleArn=role["Role"]["Arn"],
            )
        yield aws


def execute(aws, machine: str, case: str) -> dict:
    client = aws.client("stepfunctions", mocks.DEPLOYER)
    arn = f"arn:aws:states:{mocks.REGION}:{mocks.DEPLOYER}:stateMachine:test-aws-deployer-{machine}{case}"
    execution = client.start_execution(stateMachineArn=arn, input=json.dumps(GIVEN))["executionArn"]
    while (found := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("machine", MACHINES)
def test_the_base_case_creates(aws, machine):
    ended = execute(aws, machine, mocks.Mocks(aws).base("test"))
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"])["result"] == "CREATED"


def test_another_case_leaves_those_before_alone(aws):
    created = mocks.Mocks(aws).base("test")
    states = {**mocks.created_stack(), "CreateStack": [mocks.throw("no_capability", "CAPABILITY_IAM")]}
    failed = mocks.Mocks(aws).case("test-aws-deployer-deploy-stack", "Refused", states)
    ended = execute(aws, "deploy-stack", failed)
    assert (ended["status"], ended["error"]) == ("FAILED", "DeployFailed")
    assert execute(aws, "deploy-stack", created)["status"] == "SUCCEEDED"


def test_every_error_has_its_source():
    """Each name and text that is mocked, retried or caught is in the table."""
    table = (ROOT / "docs/cloudformation-errors.md").read_text()
    for name, text in mocks.ERRORS.values():
        assert f"`{name}`" in table
        assert re.split(r"\{\}", text)[0].strip(" :'[") in table, text
    for machine in MACHINES:
        for how in ("Retry", "Catch"):
            for _, name, _ in interpreter.handled(machine, how):
                assert f"`{name}`" in table, name
    rows = [line for line in Path(ROOT / "docs/cloudformation-errors.md").read_text().splitlines() if "| `" in line]
    assert all("https://" in row for row in rows)
