"""Reads every expression of a machine where it stands: what `$states` holds there, and which variables there are."""

from static import model
from static.calls import call_of
from static.definitions import Machine, State, expression, strings
from static.jsonata_reader import Reader
from static.value_kinds import ANY, NUMBER, STRING, Kind, either

TEXT = Kind("string")
# Source: Step Functions Developer Guide, "Accessing execution data from the Context object".
CONTEXT = Kind(
    "object",
    {
        "Execution": Kind(
            "object",
            {"Id": TEXT, "Input": ANY, "Name": TEXT, "RoleArn": TEXT, "StartTime": TEXT}
            | {"RedriveCount": NUMBER, "RedriveTime": TEXT},
            where="$states.context.Execution",
        ),
        "State": Kind(
            "object", {"EnteredTime": TEXT, "Name": TEXT, "RetryCount": NUMBER}, where="$states.context.State"
        ),
        "StateMachine": Kind("object", {"Id": TEXT, "Name": TEXT}, where="$states.context.StateMachine"),
        "Map": Kind(
            "object",
            {"Item": Kind("object", {"Index": NUMBER, "Value": ANY, "Key": TEXT, "Source": TEXT})},
            where="$states.context.Map",
        ),
    },
    where="$states.context",
)
FAILURE = Kind("object", {"Error": STRING, "Cause": STRING}, where="$states.errorOutput")

# Fields that are evaluated once the state has its result.
AFTER = {"Assign", "Output"}
NOT_READ = {"Comment", "Type", "Next", "Default", "Resource", "Retry", "QueryLanguage", "StartAt", "End"}


def states_of(state: State, field: str) -> Kind:
    """What `$states` holds in a field of a state."""
    fields = {"input": ANY, "context": CONTEXT}
    if field in AFTER and state.kind in ("Task", "Map", "Parallel"):
        fields["result"] = model.result(call_of(state)) if state.kind == "Task" else _of_map(state)
    if field == "Catch":
        fields["errorOutput"] = FAILURE
    return Kind("object", fields, where="$states here")


def _of_map(state: State) -> Kind:
    return Kind("list", items=ANY, where=f"the result of {state.name}")


def assignments(state: State):
    """Each object that assigns variables, with the field whose `$states` it sees."""
    if "Assign" in state.body:
        yield "Assign", state.body["Assign"]
    for catcher in state.catchers:
        if "Assign" in catcher:
            yield "Catch", catcher["Assign"]
    for choice in state.body.get("Choices", []):
        if "Assign" in choice:
            yield "Choices", choice["Assign"]


def kind_of(value, reader: Reader) -> Kind:
    """The kind of a template: an expression, or JSON with expressions inside."""
    if (text := expression(value)) is not None:
        return reader.read(text)
    if isinstance(value, dict):
        return Kind("object", {name: kind_of(inner, reader) for name, inner in value.items()}, where="the object")
    if isinstance(value, list):
        return Kind("list", items=either([kind_of(inner, reader) for inner in value]))
    return {bool: Kind("boolean"), int: NUMBER, float: NUMBER, str: STRING}.get(type(value), ANY)


def variables(machine: Machine) -> dict:
    """Every variable with what it can be. Twice, because variables are made from variables."""
    known = {name: ANY for state in machine.states for _, assign in assignments(state) for name in assign}
    for _ in range(2):
        found = {}
        for state in machine.states:
            for field, assign in assignments(state):
                reader = Reader(known, states_of(state, field))
                for name, value in assign.items():
                    found.setdefault(name, []).append(kind_of(value, reader))
        known = {name: either(kinds) for name, kinds in found.items()}
    return known


def argument_names(machine: Machine) -> dict:
    """By state, the names of the arguments that its call can be made with."""
    known = variables(machine)
    found = {}
    for state in machine.states:
        if state.kind == "Task":
            kind = kind_of(state.body.get("Arguments", {}), Reader(known, states_of(state, "Arguments")))
            assert kind.name == "object", f"{state}: what its arguments are is not known"
            found[state.name] = set(kind.fields)
    return found


def read(machine: Machine):
    """Problems of all expressions, and the names of the variables that are read."""
    known = variables(machine)
    problems, used = [], set()
    for state in machine.states:
        for field, value in state.own().items():
            if field in NOT_READ:
                continue
            reader = Reader(known, states_of(state, field))
            if field == "Arguments":
                problems += [f"{state}: {problem}" for problem in model.argument_problems(call_of(state), reader)]
            for text in strings(value):
                if (found := expression(text)) is not None:
                    kind = reader.read(found)
                    if field == "Items" and kind.name not in ("list", "any", "either"):
                        reader.say("a Map's Items must be an array: put [ ] around it")
            problems += [f"{state}: {problem}" for problem in dict.fromkeys(reader.problems)]
            used |= reader.read_variables
    return problems, set(known), used
