"""A CloudFormation template with its conditions, references and functions worked out for given parameters."""

import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import yaml

from static.definitions import ROOT

DEPLOYER = ROOT / "cloudformation.template"
TARGET = ROOT / "cloudformation-target.template"
PSEUDO = {
    "AWS::AccountId": "111122223333",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::StackName": "transship",
    "AWS::URLSuffix": "amazonaws.com",
}
ABSENT = object()  # AWS::NoValue
VARIABLE = re.compile(r"\$\{(!?)([^}]+)\}")

# What `Fn::GetAtt ...Arn` gives, by the type of the resource and its name.
ARNS = {
    "AWS::CloudWatch::Alarm": "cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::Events::Rule": "events:{region}:{account}:rule/{name}",
    "AWS::IAM::ManagedPolicy": "iam::{account}:policy/{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::StepFunctions::StateMachine": "states:{region}:{account}:stateMachine:{name}",
}
REF_IS_ARN = {"AWS::StepFunctions::StateMachine", "AWS::IAM::ManagedPolicy"}
NAMES = ("RoleName", "TableName", "FunctionName", "StateMachineName", "LogGroupName", "QueueName", "BucketName", "Name")


class Loader(yaml.CSafeLoader):
    """Reads the short forms of the functions as their long ones, and numbers of accounts as the texts they are."""


def _short(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _short)
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in Loader.yaml_implicit_resolvers.items()
}


@dataclass
class Template:
    body: dict
    given: dict

    def parameter(self, name: str):
        definition = self.body["Parameters"][name]
        value = str(self.given.get(name, definition.get("Default", "")))
        return value.split(",") if definition["Type"] == "CommaDelimitedList" else value

    @cached_property
    def conditions(self) -> dict:
        return {name: self._holds(rule) for name, rule in self.body.get("Conditions", {}).items()}

    def _holds(self, rule) -> bool:
        ((function, value),) = rule.items()
        match function:
            case "Condition":
                return self._holds(self.body["Conditions"][value])
            case "Fn::Equals":
                return self.resolve(value[0]) == self.resolve(value[1])
            case "Fn::Not":
                return not self._holds(value[0])
            case "Fn::And":
                return all(map(self._holds, value))
            case "Fn::Or":
                return any(map(self._holds, value))
        raise AssertionError(f"unknown condition {rule}")

    @cached_property
    def resources(self) -> dict:
        """What is made with these parameters, its properties worked out."""
        return {
            name: self.resolve({key: value for key, value in resource.items() if key != "Condition"})
            for name, resource in self.body["Resources"].items()
            if self.is_made(name)
        }

    def is_made(self, name: str) -> bool:
        condition = self.body["Resources"][name].get("Condition")
        return condition is None or self.conditions[condition]

    def of_type(self, kind: str) -> dict:
        return {name: resource for name, resource in self.resources.items() if resource["Type"] == kind}

    def resolve(self, value):
        if isinstance(value, list):
            return [inner for item in value if (inner := self.resolve(item)) is not ABSENT]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, inner),) = value.items()
            if function == "Ref":
                return self._ref(inner)
            if function.startswith("Fn::"):
                return getattr(self, "_" + function.removeprefix("Fn::").lower())(inner)
        return {key: inner for key, item in value.items() if (inner := self.resolve(item)) is not ABSENT}

    def _ref(self, name: str):
        if name == "AWS::NoValue":
            return ABSENT
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.body.get("Parameters", {}):
            return self.parameter(name)
        assert self.is_made(name), f"{name} is referred to where it is not made"
        kind = self.body["Resources"][name]["Type"]
        return self.arn(name) if kind in REF_IS_ARN else self.name(name)

    def name(self, resource: str) -> str:
        properties = self.body["Resources"][resource].get("Properties", {})
        given = next((properties[key] for key in NAMES if key in properties), f"transship-{resource}")
        resolved = self.resolve(given)
        return f"transship-{resource}" if resolved is ABSENT else resolved

    def arn(self, resource: str) -> str:
        kind = self.body["Resources"][resource]["Type"]
        return f"arn:{PSEUDO['AWS::Partition']}:" + ARNS[kind].format(
            region=PSEUDO["AWS::Region"], account=PSEUDO["AWS::AccountId"], name=self.name(resource)
        )

    def _getatt(self, value):
        resource, attribute = value
        assert self.is_made(resource), f"{resource} is referred to where it is not made"
        return self.arn(resource) if attribute == "Arn" else self.name(resource)

    def _if(self, value):
        return self.resolve(value[1] if self.conditions[value[0]] else value[2])

    def _sub(self, value):
        text, own = (value, {}) if isinstance(value, str) else value

        def replaced(match):
            literal, name = match.groups()
            if literal:
                return "${" + name + "}"
            if name in own:
                found = self.resolve(own[name])
            else:
                found = self._getatt(name.split(".", 1)) if "." in name else self._ref(name)
            assert isinstance(found, str | int), f"{name} in {text} is no text"
            return str(found)

        return VARIABLE.sub(replaced, text)

    def _join(self, value):
        return value[0].join(str(item) for item in self.resolve(value[1]))

    def _split(self, value):
        return self.resolve(value[1]).split(value[0])

    def _select(self, value):
        return self.resolve(value[1])[int(value[0])]


@cache
def read(path: Path) -> dict:
    return yaml.load(path.read_text(), Loader)  # noqa: S506


def load(path: Path = DEPLOYER, **parameters) -> Template:
    return Template(read(path), parameters)


def references(value) -> set:
    """Every name in Ref, GetAtt, Sub and Condition."""
    found = set()
    if isinstance(value, list):
        return found.union(*map(references, value))
    if not isinstance(value, dict):
        return found
    for key, inner in value.items():
        if key in ("Ref", "Condition") and isinstance(inner, str):
            found.add(inner)
        elif key in ("Fn::GetAtt", "Fn::If"):
            found.add(inner[0])
        elif key == "Fn::Sub":
            text, own = (inner, {}) if isinstance(inner, str) else inner
            found |= {name.split(".")[0] for literal, name in VARIABLE.findall(text) if not literal and name not in own}
        found |= references(inner)
    return found
