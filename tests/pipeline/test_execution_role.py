"""What a StackSet does in a target, done with the roles of the templates, for MiniStack has no StackSets."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError

from pipeline import permissions
from pipeline.deployment import DEPLOYER, OTHER, TARGET, policy
from pipeline.ministack import CLIENT, REGION

TEMPLATE = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
# As StackSets calls them. Source: CloudFormation API Reference, "ListStackInstances", Examples.
STACK = "StackSet-prd-myapp-35a6ac50-d9f8-4084-86e4-7da34d5de4c4"


@pytest.fixture
def administration(local):
    """STS with the administration role, which trusts CloudFormation alone: the account's root takes its place."""
    iam, name = local.aws.client("iam", DEPLOYER), local.multi.role("stackset-administration")
    before = permissions.trust(local.aws, DEPLOYER, name)
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{DEPLOYER}:root"}, "Action": "sts:AssumeRole"}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=policy(root))
    try:
        yield assume(local, local.aws.client("sts", DEPLOYER), local.multi.role_arn("stackset-administration"), "sts")
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=policy(*before))


def assume(local, sts, role: str, service: str):
    """A client of a service with the credentials of a role."""
    credentials = sts.assume_role(RoleArn=role, RoleSessionName="stack-sets")["Credentials"]
    return boto3.client(
        service,
        endpoint_url=local.aws.endpoint,
        region_name=REGION,
        config=CLIENT,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


@pytest.mark.parametrize("account", [TARGET, OTHER])
def test_the_execution_role_deploys_stacks_of_stack_sets_and_no_others(local, administration, account):
    role = local.multi.role_arn("stackset-execution", account)
    cloudformation = assume(local, administration, role, "cloudformation")
    cloudformation.create_stack(StackName=STACK, TemplateBody=TEMPLATE)
    cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    cloudformation.delete_stack(StackName=STACK)
    with pytest.raises(ClientError, match="AccessDenied"):
        cloudformation.create_stack(StackName="prd-myapp", TemplateBody=TEMPLATE)
