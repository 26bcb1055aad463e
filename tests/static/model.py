"""The AWS service models that botocore carries: which operations, parameters and result fields there are."""

from functools import cache

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

from static.calls import Call
from static.definitions import expression
from static.jsonata_reader import Reader
from static.value_kinds import ANY, SCALARS, Kind, from_shape, names, pascal

# Where Step Functions takes or gives JSON instead of the model's text or bytes. Source: Developer Guide, "Invoke AWS
# Lambda function", "Start a new AWS Step Functions state machine from a running execution".
JSON_ARGUMENTS = {("Invoke", "Payload"), ("StartExecution", "Input")}
JSON_RESULTS = {"Invoke": {"Payload": ANY}}


@cache
def service(name: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(name)


def operation(call: Call) -> OperationModel | None:
    model = service(call.service)
    return model.operation_model(call.operation) if call.operation in model.operation_names else None


def result(call: Call) -> Kind:
    """What `$states.result` is."""
    if call.service == "stepfunctions" and call.pattern == ".sync:2":
        # It answers what DescribeExecution answers, with Output as JSON.
        shape = service("stepfunctions").operation_model("DescribeExecution").output_shape
        return from_shape(shape, "DescribeExecution", {"Output": ANY})
    found = operation(call)
    return from_shape(found.output_shape, call.operation, JSON_RESULTS.get(call.operation, {})) if found else ANY


def argument_problems(call: Call, reader: Reader) -> list:
    """What is wrong with the names and values of a call's arguments."""
    found = operation(call)
    if found is None:
        return [f"{call.service} has no operation {call.operation}"]
    value = call.arguments
    if found.input_shape is None:
        return [f"{call.operation} takes no arguments"] if value else []
    return list(_check(value, found.input_shape, call.operation, reader))


def _check(value, shape: Shape, path: str, reader: Reader):
    text = expression(value)
    if text is not None:
        yield from _check_kind(reader.read(text), shape, path)
    elif tuple(path.split(".", 1)) in JSON_ARGUMENTS:
        return
    elif shape.type_name == "structure":
        yield from _check_structure(value, shape, path, reader)
    elif shape.type_name == "list":
        if not isinstance(value, list):
            yield f"{path} is a list"
            return
        for inner in value:
            yield from _check(inner, shape.member, f"{path}[]", reader)
    elif shape.type_name == "map":
        if not isinstance(value, dict):
            yield f"{path} is an object"
            return
        for key, inner in value.items():
            yield from _check(inner, shape.value, f"{path}.{key}", reader)
    else:
        yield from _check_scalar(value, shape, path)


def _check_structure(value, shape, path, reader):
    if not isinstance(value, dict):
        yield f"{path} is an object"
        return
    members = {pascal(name): member for name, member in shape.members.items()}
    for required in shape.required_members:
        if pascal(required) not in value:
            yield f"{path} lacks {pascal(required)}"
    for name, inner in value.items():
        if name in members:
            yield from _check(inner, members[name], f"{path}.{name}", reader)
        else:
            yield f"{path} has no parameter {name}"
    if shape.name == "AttributeValue" and len(value) != 1:
        yield f"{path} has {len(value)} types"


def _check_scalar(value, shape, path):
    wanted = SCALARS[shape.type_name]
    actual = {bool: "boolean", int: "number", float: "number", str: "string"}.get(type(value))
    if actual != wanted:
        yield f"{path} is a {wanted}, not {value!r}"
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path} is one of {shape.enum}, not {value!r}"


def _check_kind(kind: Kind, shape: Shape, path: str):
    """An expression's kind against the model's: only what cannot be right is a problem."""
    if tuple(path.split(".", 1)) in JSON_ARGUMENTS:
        return
    for name in sorted(names(kind)):
        if name == "any":
            continue
        if shape.type_name == "list":
            if name == "sequence":
                yield f"{path} is a list, and one value would come by itself: put [ ] around it"
            elif name != "list":
                yield f"{path} is a list, not a {name}"
        elif shape.type_name in ("structure", "map"):
            if name not in ("object", "map", "sequence"):
                yield f"{path} is an object, not a {name}"
        elif name != SCALARS[shape.type_name] and name != "sequence":
            yield f"{path} is a {SCALARS[shape.type_name]}, not a {name}"
    if kind.name == "object" and shape.type_name == "structure" and kind.fields and kind.shape is None:
        members = {pascal(name): member for name, member in shape.members.items()}
        for name, inner in kind.fields.items():
            if name in members:
                yield from _check_kind(inner, members[name], f"{path}.{name}")
            else:
                yield f"{path} has no parameter {name}"
        for required in shape.required_members:
            if pascal(required) not in kind.fields:
                yield f"{path} lacks {pascal(required)}"
    if kind.name == "list" and shape.type_name == "list" and kind.items is not None:
        yield from _check_kind(kind.items, shape.member, f"{path}[]")
