"""What surely has a value where an expression of a machine reads it.

Sources, measured on AWS: an expression that returns nothing fails its state with States.QueryEvaluationError
(floci-io/floci#2665, #2689), and only Task, Map and Parallel states may have a Catch (floci-io/floci#2735, #2786).
What JSONata makes of nothing is that of its documentation: `&`, `=`, `!=`, `in`, `and`, `or`, `[ ]` and `{ }` always
have a value, `<` and `+` only where both sides have.

A value is known as the fields that it surely has, by name and each known likewise; None is what may be nothing.
"""

from dataclasses import dataclass, field

from jsonata.parser import Parser

from static.definitions import Machine, State, expression
from static.jsonata_reader import parse


def fields(text: str) -> dict:
    return {name: {} for name in text.split()}


# Functions by when they have a value: always, or where their first argument has one. Of all others it is not known.
ALWAYS = fields("count exists now millis uuid random")
OF_FIRST = fields(
    "string length substring substringBefore substringAfter uppercase lowercase trim pad contains split join replace "
    "base64encode base64decode encodeUrlComponent encodeUrl decodeUrlComponent decodeUrl number abs floor ceil round "
    "power sqrt sum formatNumber formatBase formatInteger fromMillis toMillis type boolean not hash parse partition "
    "sort reverse shuffle distinct"
)
CONSTANT = {"string", "number", "value", "regex", "lambda"}
# No variable has this name: what was found to have a value.
PROVEN = "?"
CATCHING = {"Task", "Map", "Parallel"}
CAUGHT_BY = {"States.ALL", "States.QueryEvaluationError"}

# Source: Step Functions Developer Guide, "Accessing execution data from the Context object".
CONTEXT = {"State": fields("EnteredTime Name RetryCount"), "StateMachine": fields("Id Name")}
EXECUTION = fields("Id Name RoleArn StartTime")
ITEM = {"Map": {"Item": fields("Index Value")}}
# A Fail state, or a service, may leave the cause out.
FAILURE = fields("Error")


def both(one: dict | None, other: dict | None) -> dict | None:
    """What is sure of a value that is one or the other."""
    if one is None or other is None:
        return None
    return {name: known for name in one if name in other and (known := both(one[name], other[name])) is not None}


def form(node):
    """Equal for expressions that are written alike."""
    if isinstance(node, list | tuple):
        return tuple(map(form, node))
    if isinstance(node, Parser.Symbol):
        parts = {name: value for name, value in vars(node).items() if name not in ("position", "id", "_outer_instance")}
        return tuple((name, form(value)) for name, value in sorted(parts.items()) if value not in (None, False, []))
    return str(node)


def proven(condition) -> frozenset:
    """The expressions that have a value where this holds."""
    if condition.type == "block" and len(condition.expressions) == 1:
        return proven(condition.expressions[0])
    if condition.type == "function" and condition.procedure.value == "exists":
        return frozenset([form(condition.arguments[0])])
    if condition.type == "binary" and condition.value == "and":
        return proven(condition.lhs) | proven(condition.rhs)
    # Nothing is neither equal nor unequal to anything.
    if condition.type == "binary" and condition.value in ("=", "!="):
        return frozenset([form(condition.lhs), form(condition.rhs)])
    return frozenset()


@dataclass
class Scope:
    """What an expression reads: `$states` and variables."""

    names: dict

    def template(self, value) -> dict:
        """An expression, or JSON with expressions inside, once it is evaluated: else its state would have failed."""
        if (text := expression(value)) is not None:
            return self.read(text) or {}
        return {name: self.template(inner) for name, inner in value.items()} if isinstance(value, dict) else {}

    def read(self, text: str) -> dict | None:
        return self._value(parse(text), dict(self.names))

    def _value(self, node, names: dict) -> dict | None:
        if form(node) in names.get(PROVEN, ()):
            return {}
        if any(getattr(node, part, None) for part in ("predicate", "stages", "group")):
            return None
        return {} if node.type in CONSTANT else getattr(self, f"_{node.type}", self._unknown)(node, names)

    def _unknown(self, node, names):
        return None

    def _variable(self, node, names):
        return names.get(node.value)

    def _path(self, node, names):
        first, *steps = node.steps
        known = self._value(first, names)
        for step in steps:
            if known is None or step.type != "name" or getattr(step, "stages", None):
                return None
            known = known.get(step.value)
        return known

    def _block(self, node, names):
        inner, known = dict(names), None
        for step in node.expressions:
            known = self._value(step, inner)
        return known

    def _bind(self, node, names):
        names[node.lhs.value] = self._value(node.rhs, names)
        return names[node.lhs.value]

    def _condition(self, node, names):
        otherwise = getattr(node, "_else", None)
        sure = {**names, PROVEN: names.get(PROVEN, frozenset()) | proven(node.condition)}
        return both(self._value(node.then, sure), self._value(otherwise, names) if otherwise is not None else None)

    def _binary(self, node, names):
        if node.value in ("&", "=", "!=", "in", "and", "or"):
            return {}
        return both(self._value(node.lhs, names), self._value(node.rhs, names))

    def _unary(self, node, names):
        if node.value == "{":
            pairs = [(key, self._value(value, names)) for key, value in node.lhs_object]
            return {key.value: known for key, known in pairs if key.type == "string" and known is not None}
        return {} if node.value == "[" else self._value(node.expression, names)

    def _function(self, node, names):
        name = node.procedure.value if node.procedure.type == "variable" else None
        known = [self._value(argument, names) for argument in node.arguments]
        literal = [argument for argument in node.arguments[:1] if argument.type == "unary" and argument.value == "["]
        if name in ALWAYS:
            return {}
        if name in OF_FIRST and known:
            return None if known[0] is None else {}
        if name == "append":
            return {} if any(value is not None for value in known) else None
        if name in ("min", "max", "merge") and literal:
            parts = [self._value(part, names) for part in literal[0].expressions]
            if name == "merge":
                return {inner: fields for part in parts for inner, fields in (part or {}).items()}
            return {} if any(part is not None for part in parts) else None
        return None


@dataclass
class Flow:
    """All ways through a machine. `given`: what its input surely has."""

    machine: Machine
    given: dict
    problems: list = field(default_factory=list)
    # By state: what its Arguments surely have.
    passed: dict = field(default_factory=dict)

    def __post_init__(self):
        self._follow(self.machine.definition, {}, self.given, {})

    def _follow(self, definition: dict, variables: dict, given: dict, inside: dict):
        """Until nothing more becomes unsure; then every state is looked at once."""
        known, ahead = {definition["StartAt"]: (variables, given)}, [definition["StartAt"]]
        while ahead:
            name = ahead.pop()
            for after, *found in self._ways(definition["States"][name], *known[name], inside):
                found = tuple(found)
                if after in known:
                    found = tuple(both(*pair) for pair in zip(known[after], found, strict=True))
                if known.get(after) != found:
                    known[after] = found
                    ahead.append(after)
        for name, (variables, given) in known.items():
            self._look(State(self.machine.name, name, definition["States"][name]), variables, given, inside)

    def _scope(self, variables: dict, given: dict, inside: dict, **more) -> Scope:
        context = {**CONTEXT, "Execution": {**EXECUTION, "Input": self.given}, **inside}
        return Scope({**variables, "states": {"input": given, "context": context, **more}})

    def _ways(self, body: dict, variables: dict, given: dict, inside: dict):
        """Each next state, with the variables and the input that it gets."""
        kind, scope = body["Type"], self._scope(variables, given, inside, result={})
        result = {} if kind in CATCHING else given
        for part in (body, *body.get("Choices", [])):
            if after := part.get("Next", part.get("Default")):
                yield after, *self._after(part, scope, variables, result)
        for catcher in body.get("Catch", []):
            failed = self._scope(variables, given, inside, errorOutput=FAILURE)
            yield catcher["Next"], *self._after(catcher, failed, variables, FAILURE)

    def _after(self, part: dict, scope: Scope, variables: dict, otherwise: dict) -> tuple:
        assigned = {name: scope.template(value) for name, value in part.get("Assign", {}).items()}
        return {**variables, **assigned}, scope.template(part["Output"]) if "Output" in part else otherwise

    def _look(self, state: State, variables: dict, given: dict, inside: dict):
        scope = self._scope(variables, given, inside)
        if "Arguments" in state.body:
            self.passed[state.name] = scope.template(state.body["Arguments"])
        if not any(CAUGHT_BY & set(catcher["ErrorEquals"]) for catcher in state.catchers):
            own = {name: value for name, value in state.own().items() if name not in ("Catch", "Retry", "Comment")}
            self._check(state, own, self._scope(variables, given, inside, result={}))
        failed = self._scope(variables, given, inside, errorOutput=FAILURE)
        for catcher in state.catchers:
            self._check(state, {name: catcher.get(name) for name in ("Assign", "Output")}, failed)
        if "ItemProcessor" in state.body:
            item = scope.template(state.body.get("ItemSelector", ""))
            self._follow(state.body["ItemProcessor"], variables, item, ITEM)
        for branch in state.body.get("Branches", []):
            self._follow(branch, variables, given, inside)

    def _check(self, state: State, value, scope: Scope):
        if isinstance(value, dict) and (condition := expression(value.get("Condition"))) is not None:
            scope = Scope({**scope.names, PROVEN: proven(parse(condition))})
        if isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                self._check(state, inner, scope)
        elif (text := expression(value)) is not None and scope.read(text) is None:
            self.problems.append(f"{state}: {text}")
