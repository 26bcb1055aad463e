"""The state machines as they lie in statemachines/: their states, and the strings and expressions in them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "statemachines"

SUBSTITUTION = re.compile(r"\$\{([A-Za-z0-9_]+)\}")
# A condition that substitutions decide.
DECIDED = re.compile(r"'(\w+)' = '(\w+)'")
MODES = ("single", "multi")


@dataclass(frozen=True)
class State:
    """One state, wherever it is nested."""

    machine: str
    name: str
    body: dict

    def __str__(self):
        return f"{self.machine}: {self.name}"

    @property
    def kind(self) -> str:
        return self.body["Type"]

    @property
    def retriers(self) -> list:
        return self.body.get("Retry", [])

    @property
    def catchers(self) -> list:
        return self.body.get("Catch", [])

    def own(self) -> dict:
        """The state without the states inside it."""
        return {key: value for key, value in self.body.items() if key not in ("ItemProcessor", "Branches")}


@dataclass(frozen=True)
class Machine:
    name: str
    text: str

    @cached_property
    def definition(self) -> dict:
        return json.loads(self.text)

    @cached_property
    def states(self) -> list:
        return [State(self.name, name, body) for name, body in every_state(self.definition)]

    @property
    def substitutions(self) -> set:
        return set(SUBSTITUTION.findall(self.text))

    def filled(self, values: dict) -> str:
        """The definition with each `${Name}` replaced, as CloudFormation does it."""
        return SUBSTITUTION.sub(lambda match: values[match[1]], self.text)

    def in_mode(self, mode: str) -> "Machine":
        """What is deployed in this mode, without the states that only the other one comes to."""
        return Machine(f"{mode}-account", self.text.replace("${DeploymentMode}", mode)).reached

    @property
    def reached(self) -> "Machine":
        """Without the states that no way leads to, once substitutions have decided their conditions."""
        states = {name: decided(body) for name, body in self.definition["States"].items()}
        found, ahead = set(), [self.definition["StartAt"]]
        while ahead:
            name = ahead.pop()
            if name not in found:
                found.add(name)
                body = states[name]
                ahead += [body[key] for key in ("Next", "Default") if key in body]
                ahead += [way["Next"] for way in (*body.get("Choices", []), *body.get("Catch", []))]
        reached = {name: body for name, body in states.items() if name in found}
        return Machine(self.name, json.dumps({**self.definition, "States": reached}))


@cache
def load(folder: Path = FOLDER) -> dict:
    return {path.name.removesuffix(".asl.json"): read(path) for path in sorted(folder.glob("*.asl.json"))}


@cache
def deployed() -> dict:
    """By the name that they are deployed with: the pipeline has one in each mode."""
    machines = load()
    pipelines = {f"{mode}-account": machines["pipeline"].in_mode(mode) for mode in MODES}
    return pipelines | {name: machine for name, machine in machines.items() if name != "pipeline"}


def decided(body: dict) -> dict:
    """A state without the choices that are never taken, or never come to."""
    if body["Type"] != "Choice":
        return body
    choices = []
    for choice in body["Choices"]:
        sides = DECIDED.fullmatch(expression(choice["Condition"]))
        if sides and sides[1] == sides[2]:
            assert set(choice) == {"Condition", "Next"}, "a Default assigns otherwise"
            return {**body, "Choices": choices, "Default": choice["Next"]}
        if not sides:
            choices.append(choice)
    return {**body, "Choices": choices}


def read(path: Path) -> Machine:
    return Machine(path.name.removesuffix(".asl.json"), path.read_text())


def every_state(definition: dict) -> Iterator:
    for name, body in definition["States"].items():
        yield name, body
        for inner in (body.get("ItemProcessor"), *body.get("Branches", [])):
            if inner:
                yield from every_state(inner)


def strings(value) -> Iterator[str]:
    """Every string inside, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def expression(text) -> str | None:
    """The JSONata of a `{% ... %}` string."""
    if isinstance(text, str) and text.startswith("{%") and text.endswith("%}"):
        return text[2:-2].strip()
    return None


def expressions(value) -> Iterator[str]:
    return (found for text in strings(value) if (found := expression(text)) is not None)


# Stand-ins of the right form, for checks that do not read them from the template.
SAMPLE = {
    "DeploymentMode": "multi",
    "Partition": "aws",
    "UrlSuffix": "amazonaws.com",
    "BuildsTable": "dev-aws-deployer--builds",
    "TargetsTable": "dev-aws-deployer--targets",
    "LocksTable": "dev-aws-deployer--locks",
    "CheckManifestFunction": "arn:aws:lambda:eu-west-1:111122223333:function:dev-aws-deployer-check-manifest",
    "PromoteImagesFunction": "arn:aws:lambda:eu-west-1:111122223333:function:dev-aws-deployer-promote-images",
    "VerifyPullFunction": "arn:aws:lambda:eu-west-1:111122223333:function:dev-aws-deployer-verify-pull",
    "PromoteBatchMachine": "arn:aws:states:eu-west-1:111122223333:stateMachine:dev-aws-deployer-promote-batch",
    "DeployMachine": "arn:aws:states:eu-west-1:111122223333:stateMachine:dev-aws-deployer-deploy-stack",
    "DeployRoleArn": "arn:aws:iam::111122223333:role/dev-aws-deployer-cloudformation",
    "StackSetAdministrationRoleArn": "arn:aws:iam::111122223333:role/dev-aws-deployer-stackset-administration",
    "StackSetExecutionRoleName": "dev-aws-deployer-stackset-execution",
}
