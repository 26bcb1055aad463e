"""What a role grants, and what the calls of a machine need: both as (action, resource) pairs."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

from static.calls import Call, calls
from static.definitions import Machine
from static.reading import argument_names
from static.template import PSEUDO, Template

PREFIX = f"arn:{PSEUDO['AWS::Partition']}"
HERE = f"{PSEUDO['AWS::Region']}:{PSEUDO['AWS::AccountId']}"
# What an installation deploys is called {env}-{repo}, and a release names both.
CLOUDFORMATION = {
    "stack": f"{PREFIX}:cloudformation:{HERE}:stack/*/*",
    "stackset": f"{PREFIX}:cloudformation:{HERE}:stackset/*:*",
    # In any region, and a type is of whoever published it. Source: CloudFormation User Guide, "Example IAM
    # identity-based policies for CloudFormation", on stack sets.
    "stackset-target": f"{PREFIX}:cloudformation:*:{PSEUDO['AWS::AccountId']}:stackset-target/*",
    "type": f"{PREFIX}:cloudformation:*:*:type/resource/*",
}
TEMPLATES = ("cloudformation.template", "cloudformation-*.template")

# How `.sync:2` hears of the end of a child. Source: Step Functions Developer Guide, "IAM policies for calling Step
# Functions workflows".
CHILD_RULE = f"{PREFIX}:events:{HERE}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
# Source: Step Functions Developer Guide, "Using CloudWatch Logs to log execution history": of no resource.
LOG_DELIVERY = {
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}
# What S3 asks for besides, of the caller, where a bucket is encrypted with a key of the customer's. Source: S3 User
# Guide, "Using server-side encryption with AWS KMS keys".
WITH_A_KEY = {"s3:GetObject": "kms:Decrypt", "s3:PutObject": "kms:GenerateDataKey"}
# Actions that know resources, but are called without naming one: a template by its URL is neither stack nor stack set.
NO_RESOURCE_IN_THE_CALL = {"cloudformation:GetTemplateSummary"}


@dataclass(frozen=True)
class Grant:
    action: str
    resource: str
    condition: str
    sid: str

    @property
    def pair(self) -> tuple:
        return self.action, self.resource


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def grants(template: Template, role: str) -> list:
    """What a role's own and managed policies of this template allow."""
    return _statements(template, role, "Allow")


def denials(template: Template, role: str) -> list:
    """What they deny."""
    return _statements(template, role, "Deny")


def _statements(template: Template, role: str, effect: str) -> list:
    properties = template.resources[role]["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    for name, policy in template.of_type("AWS::IAM::ManagedPolicy").items():
        if template.arn(name) in properties.get("ManagedPolicyArns", []):
            documents.append(policy["Properties"]["PolicyDocument"])
    found = []
    for document in documents:
        for statement in document["Statement"]:
            if statement["Effect"] != effect:
                continue
            condition = json.dumps(statement.get("Condition", {}), sort_keys=True)
            for action in listed(statement["Action"]):
                for resource in listed(statement["Resource"]):
                    found.append(Grant(action, resource, condition, statement.get("Sid", "")))
    return found


@cache
def known_actions() -> dict:
    """cfn-lint's copy of the Service Authorization Reference: each action, and the types of resource it knows."""
    text = resources.files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json").read_text()
    return {
        f"{service}:{action}": entry.get("Resources", [])
        for service, body in json.loads(text).items()
        for action, entry in body["Actions"].items()
    }


def may_be_wildcard(action: str) -> bool:
    """Whether there is no ARN that the action could be bound to."""
    return not known_actions()[action.lower()] or action in NO_RESOURCE_IN_THE_CALL


def role_of(template: Template, machine: str) -> str:
    """The role, by its name in the template, that a machine's definition runs with."""
    arn = template.resources[machine]["Properties"]["RoleArn"]
    return next(name for name in template.of_type("AWS::IAM::Role") if template.arn(name) == arn)


def needs(machine: Machine, values: dict, bucket: str, key: str) -> set:
    """What the calls of a machine need, its substitutions filled with these values. The bucket may have a KMS key."""
    found = _needs(machine, tuple(sorted(values.items())), bucket)
    if not key:
        return found
    return found | {(WITH_A_KEY[action], key) for action, _ in found if action in WITH_A_KEY}


@cache
def _needs(machine: Machine, values: tuple, bucket: str) -> set:
    values = dict(values)
    filled = Machine(machine.name, machine.filled({**values, "Partition": "${Partition}"})).reached
    names = argument_names(filled)
    found = {(action, "*") for action in LOG_DELIVERY}
    for call in calls(filled):
        found |= set(_of_call(call, names[call.state.name], values, bucket))
    return found


def _of_call(call: Call, names: set, values: dict, bucket: str):
    if call.integration == "dynamodb":
        yield f"dynamodb:{call.operation}", f"{PREFIX}:dynamodb:{HERE}:table/{call.arguments['TableName']}"
    elif call.integration == "lambda":
        yield "lambda:InvokeFunction", call.arguments["FunctionName"]
    elif call.integration == "states":
        yield from _of_child(call)
    elif (call.integration, call.action) == ("sfn", "describeExecution"):
        # Of whoever owns a claim or holds a lock: of either mode, for it may have been changed.
        for mode in ("single", "multi"):
            yield "states:DescribeExecution", f"{PREFIX}:states:{HERE}:execution:dev-aws-deployer-{mode}-account:*"
    elif call.integration == "cloudformation":
        yield from _of_cloudformation(call, names, values, bucket)
    else:
        raise AssertionError(f"{call}: what this needs is not known")


def _of_child(call: Call):
    # Behind a # stands a test case of an emulator.
    machine = call.arguments["StateMachineArn"].split("#")[0]
    yield "states:StartExecution", machine
    if call.pattern:
        executions = machine.replace(":stateMachine:", ":execution:") + ":*"
        yield from (("states:DescribeExecution", executions), ("states:StopExecution", executions))
        yield from ((f"events:{name}", CHILD_RULE) for name in ("PutTargets", "PutRule", "DescribeRule"))


def _of_cloudformation(call: Call, names: set, values: dict, bucket: str):
    action = f"cloudformation:{call.operation}"
    if may_be_wildcard(action):
        yield action, "*"
    else:
        yield from ((action, CLOUDFORMATION[kind]) for kind in known_actions()[action.lower()])
    if "TemplateURL" in names:
        # CloudFormation reads a template as its caller.
        yield from (("s3:GetObject", f"{PREFIX}:s3:::{bucket}/*/{key}") for key in TEMPLATES)
    if "Tags" in names:
        # Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS CloudFormation".
        kind = "stackset" if "StackSet" in call.operation else "stack"
        yield "cloudformation:TagResource", CLOUDFORMATION[kind]
    for name, role in (("RoleARN", "DeployRoleArn"), ("AdministrationRoleARN", "StackSetAdministrationRoleArn")):
        if name in names and values[role]:
            yield "iam:PassRole", values[role]
