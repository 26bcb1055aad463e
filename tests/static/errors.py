"""The names of errors: in the machines, in the code and in the documents."""

import re

from jsonata.parser import Parser

from static.calls import Call
from static.definitions import ROOT, Machine, State, expressions
from static.model import operation, service

# Source: Amazon States Language specification, Appendix A, and Step Functions Developer Guide, "Error names".
RESERVED = set(
    re.findall(
        r"\S+",
        """
        States.ALL States.BranchFailed States.DataLimitExceeded States.ExceedToleratedFailureThreshold
        States.HeartbeatTimeout States.Http.Socket States.IntrinsicFailure States.ItemReaderFailed
        States.NoChoiceMatched States.ParameterPathFailure States.Permissions States.QueryEvaluationError
        States.ResultPathMatchFailure States.ResultWriterFailed States.Runtime States.TaskFailed States.Timeout
        """,
    )
)
# What stands for any failure of a task, a business error among them.
ANY_FAILURE = {"States.ALL", "States.TaskFailed"}

# The client's name in the AWS SDK for Java 2 begins the name of an error of an aws-sdk integration. Source: Developer
# Guide, "Learning to use AWS service SDK integrations".
PREFIXES = {"sfn": "Sfn", "cloudformation": "CloudFormation", "dynamodb": "DynamoDb", "s3": "S3"}
ROW = re.compile(r"^\|(.+)\|$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")


def of_the_code() -> set:
    """The names that functions fail with, and the one of a fault of their own."""
    text = (ROOT / "promotion/src/error.rs").read_text()
    own = (ROOT / "lambdas/invocation/src/serve.rs").read_text()
    return set(re.findall(r'Self::(\w+) => "\1",', text)) | set(re.findall(r'error_type: "(\w+)"', own))


def rows(text: str) -> list:
    """The rows of all tables: cells, without heads and rules."""
    found = [[cell.strip() for cell in row.split("|")] for row in ROW.findall(text)]
    return [row for row in found if CODE.search(row[0])]


def section(document: str, title: str) -> str:
    text = (ROOT / document).read_text()
    parts = re.split(r"^## ", text, flags=re.MULTILINE)
    return next((part for part in parts if part.split("\n", 1)[0] == title), "")


def of_the_reference() -> dict:
    """Every name in the reference's section about errors, and what the column `run again?` says."""
    return {CODE.search(row[0])[1]: row[1] for row in rows(section("docs/reference.md", "Errors"))}


def with_sources() -> dict:
    """Every name in the first column of a table in docs/, and the row where it has a public source."""
    found = {}
    for path in sorted((ROOT / "docs").glob("*.md")):
        for row in rows(path.read_text()):
            for name in CODE.findall(row[0]):
                if any("https://" in cell for cell in row[1:]):
                    found[name] = row
    return found


def of_retry(state: State) -> set:
    return {name for retrier in state.retriers for name in retrier["ErrorEquals"]}


def of_catch(state: State) -> set:
    return {name for catcher in state.catchers for name in catcher["ErrorEquals"]}


def own_names(machine: Machine) -> set:
    """The names without a service's prefix: what it catches and retries, and what it fails with or writes down."""
    found = set()
    for state in machine.states:
        found |= of_retry(state) | of_catch(state)
        if state.kind == "Fail":
            found |= _constants(state.body.get("Error"))
        found |= _under_error(state.own())
        for text in expressions(state.own()):
            found |= _in_expression(Parser().parse(text))
    return {name for name in found if "." not in name}


def _constants(value) -> set:
    return {value} if isinstance(value, str) and value and not value.startswith("{%") else set()


def _under_error(value) -> set:
    """What a template sets `error` to, as a text or as an attribute of DynamoDB."""
    if isinstance(value, list):
        return set().union(*map(_under_error, value))
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, inner in value.items():
        if key.lstrip(":").lower() == "error":
            found |= _constants(inner["S"] if isinstance(inner, dict) and set(inner) == {"S"} else inner)
        found |= _under_error(inner)
    return found


def _in_expression(node) -> set:
    """Texts that an expression gives to a field `error`, or compares one with."""
    found = set()
    if getattr(node, "type", None) == "unary" and node.value == "{":
        for key, value in node.lhs_object:
            if key.type == "string" and key.value.lower() == "error":
                found |= _texts(value)
    if getattr(node, "type", None) == "binary" and node.value in ("=", "!=", "in"):
        for side, other in ((node.lhs, node.rhs), (node.rhs, node.lhs)):
            if _is_error(side):
                found |= _texts(other)
    for child in children(node):
        found |= _in_expression(child)
    return found


def _is_error(node) -> bool:
    last = node.steps[-1] if node.type == "path" else node
    return last.type in ("name", "variable") and str(last.value).lower() == "error"


def _texts(node) -> set:
    """The texts that a value can be: a text, one of a list, or either side of a choice."""
    if node.type == "string":
        return {node.value}
    if node.type == "condition":
        return _texts(node.then) | (_texts(node._else) if getattr(node, "_else", None) else set())
    if node.type == "unary" and node.value == "[":
        return set().union(*map(_texts, node.expressions))
    return set()


def children(node) -> list:
    """The nodes inside a node of the parser."""
    found = []
    for value in vars(node).values():
        for inner in value if isinstance(value, list) else [value]:
            pair = inner if isinstance(inner, tuple | list) else [inner]
            found += [child for child in pair if hasattr(child, "type") and hasattr(child, "position")]
    return [child for child in found if child is not node]


def may_fail_with(call: Call, name: str) -> bool:
    """Whether the prefix is the call's, and the service's model does not know the error for other operations only.

    Throttling and faults are in few models: a table of the documents has to have the source for all of them.
    """
    prefix, _, error = name.partition(".")
    if prefix not in prefixes(call):
        return False
    of_operation = {_spelt(shape, call) for shape in operation(call).error_shapes}
    of_service = {_spelt(shape, call) for shape in service(call.service).error_shapes}
    if call.is_sdk and not error.endswith("Exception"):
        return False
    return error in of_operation or error not in of_service


def prefixes(call: Call) -> set:
    if call.is_sdk:
        return {PREFIXES[call.integration]}
    # A function's own crash comes by the name that the runtime gives it.
    return {"dynamodb": {"DynamoDB"}, "lambda": {"Lambda", "Runtime", "Sandbox"}, "states": {"StepFunctions"}}[
        call.integration
    ]


def _spelt(shape, call: Call) -> str:
    """The SDK for Java 2 lets every error end in Exception."""
    name = shape.name.removesuffix("Fault")
    return name if name.endswith("Exception") or not call.is_sdk else f"{name}Exception"
