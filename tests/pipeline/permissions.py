"""What the deployed roles may do, read from IAM: not from the templates, and not from constants.

MiniStack holds roles to their policies for all services but ECR, which is the double's. The double is given the same.
"""

import contextlib
import json
from urllib.parse import unquote

from .double import Double
from .ministack import MiniStack


def document(given) -> dict:
    """IAM gives documents URL-encoded, and boto3 mostly decodes them."""
    return json.loads(unquote(given)) if isinstance(given, str) else given


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def documents(aws: MiniStack, account: str, role: str) -> list[dict]:
    """The role's own policies and those attached to it."""
    iam = aws.client("iam", account)
    found = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found.append(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
    return [document(each) for each in found]


def statements(aws: MiniStack, account: str, role: str) -> list[dict]:
    return [statement for each in documents(aws, account, role) for statement in listed(each["Statement"])]


def enforce(ecr: Double, aws: MiniStack, account: str) -> None:
    """Has the double hold the roles of an account to the policies that they have now."""
    pages = aws.client("iam", account).get_paginator("list_roles").paginate()
    roles = [role for page in pages for role in page["Roles"]]
    ecr.control("PUT", "policies", {role["Arn"]: documents(aws, account, role["RoleName"]) for role in roles})


@contextlib.contextmanager
def changed(ecr: Double, aws: MiniStack, account: str, role: str, change):
    """Has the double hold a role to what `change` makes of its statements, for as long as the context lasts."""
    arn, before = f"arn:aws:iam::{account}:role/{role}", documents(aws, account, role)
    after = [new for each in before for statement in listed(each["Statement"]) for new in change(statement)]
    ecr.control("PUT", "policies", {arn: [{"Version": "2012-10-17", "Statement": after}]})
    try:
        yield
    finally:
        ecr.control("PUT", "policies", {arn: before})


def without(*actions: str):
    """A change that takes actions away."""

    def change(statement: dict) -> list[dict]:
        left = [each for each in listed(statement["Action"]) if each not in actions]
        return [{**statement, "Action": left}] if left else []

    return change


def denying(action: str):
    """A change that denies an action, whatever allows it."""
    return lambda statement: [statement, {"Effect": "Deny", "Action": action, "Resource": "*"}]


def actions(aws: MiniStack, account: str, role: str, service: str = "") -> set[str]:
    """The actions that a role is allowed, of one service if it is named."""
    allowed = {action for statement in statements(aws, account, role) for action in listed(statement["Action"])}
    return {action for action in allowed if action.startswith(f"{service}:" if service else "")}


def trust(aws: MiniStack, account: str, role: str) -> list[dict]:
    return document(aws.client("iam", account).get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"])["Statement"]
