"""What the deployed roles may do, read from IAM: not from the templates, and not from constants."""

import json
from urllib.parse import unquote

from .ministack import MiniStack


def document(given) -> dict:
    """IAM gives documents URL-encoded, and boto3 mostly decodes them."""
    return json.loads(unquote(given)) if isinstance(given, str) else given


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def statements(aws: MiniStack, account: str, role: str) -> list[dict]:
    """Of the role's own policies and of those attached to it."""
    iam = aws.client("iam", account)
    documents = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        documents.append(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
    return [statement for each in documents for statement in listed(document(each)["Statement"])]


def actions(aws: MiniStack, account: str, role: str, service: str = "") -> set[str]:
    """The actions that a role is allowed, of one service if it is named."""
    allowed = {action for statement in statements(aws, account, role) for action in listed(statement["Action"])}
    return {action for action in allowed if action.startswith(f"{service}:" if service else "")}


def trust(aws: MiniStack, account: str, role: str) -> list[dict]:
    return document(aws.client("iam", account).get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"])["Statement"]
