"""Reads JSONata without running it: which functions, variables and fields an expression uses, and what it is.

Source: the JSONata documentation, and the Step Functions Developer Guide, "Transforming data with JSONata": `$eval` is
left out, six functions are added, and no document is bound, so that a name with nothing before it is nothing. What AWS
refuses, and how deep an expression may be, was measured by floci-io/floci#2670, #2699, #2737, #2745 and #2786.
"""

from functools import cache

import jsonata
from jsonata.parser import Parser

from static.value_kinds import ANY, BOOLEAN, NOTHING, NULL, NUMBER, STRING, Kind, either, member, names, one

RESULTS = {
    STRING: "string substring substringBefore substringAfter uppercase lowercase trim pad join replace base64encode "
    "base64decode encodeUrlComponent encodeUrl decodeUrlComponent decodeUrl now fromMillis formatNumber formatBase "
    "formatInteger type uuid hash",
    NUMBER: "length number abs floor ceil round power sqrt random sum count millis toMillis parseInteger",
    BOOLEAN: "contains boolean not exists",
    ANY: "lookup merge single reduce sift parse error assert max min average clone",
    Kind("list", items=ANY): "partition range sort reverse shuffle zip",
    Kind("list", items=STRING): "split",
    Kind("sequence", items=STRING): "keys",
    Kind("sequence", items=ANY): "match append distinct each map filter spread",
}
FUNCTIONS = {name: kind for kind, text in RESULTS.items() for name in text.split()}
# A chain of 200 sums is too deep (#2737), and so is what is nested more than 100 deep (#2783).
DEEPEST = 100
# Functions that call another with each item of their first argument.
EACH = {"map", "filter", "single", "sort", "each"}


@cache
def parse(text: str) -> Parser.Symbol:
    return Parser().parse(text)


@cache
def depth(node) -> int:
    """How deep its evaluation is nested. Functions are called only where they stand: none may have a name."""
    parts, ahead = [], list(vars(node).values())
    while ahead:
        part = ahead.pop()
        if isinstance(part, list | tuple):
            ahead += part
        elif isinstance(part, Parser.Symbol) and part is not node:
            parts.append(part)
    return 1 + max(map(depth, parts), default=0)


class Reader:
    """Reads the expressions of one state. `problems` says what cannot be right."""

    def __init__(self, variables: dict, states: Kind):
        self.variables = {**variables, "states": states}
        self.problems = []
        self.read_variables = set()

    def read(self, text: str) -> Kind:
        try:
            tree = parse(text)
        except jsonata.JException as error:
            self.problems.append(f"{text}: {error}")
            return ANY
        self.text = text
        if (found := depth(tree)) > DEEPEST:
            self.say(f"nested {found} deep, of {DEEPEST}")
        return self.infer(tree, dict(self.variables), NOTHING)

    def say(self, problem: str):
        self.problems.append(f"{problem}: {self.text}")

    def infer(self, node, scope: dict, context: Kind) -> Kind:
        kind = getattr(self, f"_{node.type}", self._other)(node, scope, context)
        for stage in getattr(node, "predicate", None) or []:
            kind = self._filtered(kind, stage, scope)
        group = getattr(node, "group", None)
        if group:
            self._pairs(group.lhs_object, scope, one(kind))
            return ANY
        return kind

    def _filtered(self, kind: Kind, stage, scope) -> Kind:
        if stage.type != "filter":
            return kind
        item = one(kind)
        index = self.infer(stage.expr, scope, item)
        return item if index.name == "number" else Kind("sequence", items=item)

    def _other(self, node, scope, context):
        for value in vars(node).values():
            for child in value if isinstance(value, list) else [value]:
                if hasattr(child, "type") and child is not node and hasattr(child, "position"):
                    self.infer(child, scope, context)
        return ANY

    def _string(self, node, scope, context):
        return STRING

    def _number(self, node, scope, context):
        return NUMBER

    def _value(self, node, scope, context):
        return NULL if node.value is None else BOOLEAN

    def _variable(self, node, scope, context):
        if node.value == "":
            if context.name == "nothing":
                self.say("$ stands alone: there is nothing that it could be")
                return ANY
            return context
        if node.value == "$":
            self.say("$$ is refused")
            return ANY
        if node.value in scope:
            self.read_variables.add(node.value)
            return scope[node.value]
        if node.value not in FUNCTIONS:
            self.say(f"${node.value} is assigned nowhere")
        return ANY

    def _name(self, node, scope, context):
        if context.name == "nothing":
            self.say(f"{node.value} stands alone: only $states and variables hold anything")
            return ANY
        found = member(context, node.value)
        if found is None:
            self.say(f"{context} has no {node.value}")
            return ANY
        return found

    def _path(self, node, scope, context):
        kind, many = context, False
        for number, step in enumerate(node.steps):
            if step.type == "sort":
                for term in step.terms:
                    self.infer(term.expression, scope, one(kind))
                continue
            if number:
                many = many or kind.name in ("list", "sequence")
            if getattr(step, "focus", None):
                scope[step.focus] = ANY
            if getattr(step, "index", None):
                scope[step.index] = NUMBER
            kind = self.infer(step, scope, one(kind) if number else kind)
            for stage in getattr(step, "stages", None) or []:
                kind = self._filtered(kind, stage, scope)
        return Kind("sequence", items=one(kind)) if many else kind

    def _block(self, node, scope, context):
        inner = dict(scope)
        kind = NULL
        for expression in node.expressions:
            kind = self.infer(expression, inner, context)
        return kind

    def _bind(self, node, scope, context):
        if node.rhs.type == "lambda":
            self.say(f"${node.lhs.value} may call itself: how deep is not known")
        kind = self.infer(node.rhs, scope, context)
        scope[node.lhs.value] = kind
        return kind

    def _condition(self, node, scope, context):
        self.infer(node.condition, scope, context)
        options = [self.infer(node.then, scope, context)]
        otherwise = getattr(node, "_else", None)
        if otherwise is not None:
            options.append(self.infer(otherwise, scope, context))
        return either(options)

    def _binary(self, node, scope, context):
        sides = [self.infer(side, scope, context) for side in (node.lhs, node.rhs)]
        if node.value == "&":
            return STRING
        if node.value in ("+", "-", "*", "/", "%"):
            for side in sides:
                if names(side) <= {"string", "boolean", "object"}:
                    self.say(f"{node.value} takes no {side.name}")
            return NUMBER
        return Kind("list", items=NUMBER) if node.value == ".." else BOOLEAN

    def _unary(self, node, scope, context):
        if node.value == "{":
            return Kind("object", self._pairs(node.lhs_object, scope, context), where="the object made here")
        if node.value == "[":
            return Kind("list", items=either([one(self.infer(inner, scope, context)) for inner in node.expressions]))
        self.infer(node.expression, scope, context)
        return NUMBER

    def _pairs(self, pairs, scope, context) -> dict:
        found = {}
        for key, value in pairs:
            if key.type == "string":
                found[key.value] = self.infer(value, scope, context)
            else:
                self.infer(key, scope, context)
                self.infer(value, scope, context)
                found = {}
        return found

    def _lambda(self, node, scope, context):
        inner = {**scope, **{argument.value: ANY for argument in node.arguments}}
        self.infer(node.body, inner, context)
        return Kind("function")

    def _merged(self, node, scope, context) -> Kind | None:
        """What `$merge([...])` can have, where all its parts are known."""
        if node.type != "unary" or node.value != "[":
            return None
        fields = {}
        for part in node.expressions:
            kind = self.infer(part, scope, context)
            for option in kind.fields["options"] if kind.name == "either" else [kind]:
                if option.name != "object" or option.shape is not None:
                    return None
                fields |= option.fields
        return Kind("object", fields, where="the merged object")

    def _function(self, node, scope, context):
        name = node.procedure.value if node.procedure.type == "variable" else None
        if name is None or name in scope or name not in FUNCTIONS:
            self.infer(node.procedure, scope, context)
        arguments = []
        for argument in node.arguments:
            if argument.type == "lambda" and name in EACH and arguments:
                item = one(arguments[0])
                given = zip((a.value for a in argument.arguments), (item, NUMBER, arguments[0]), strict=False)
                inner = {**scope, **dict(given)}
                if name == "sort":
                    inner.update({a.value: item for a in argument.arguments})
                if name == "each":
                    inner.update(zip((a.value for a in argument.arguments), (ANY, STRING), strict=False))
                body = self.infer(argument.body, inner, context)
                arguments.append(Kind("function", items=body))
            else:
                arguments.append(self.infer(argument, scope, context))
        if name is None or name in scope:
            return ANY
        if name in ("filter", "distinct") and arguments:
            return Kind("sequence", items=one(arguments[0]))
        if name in ("sort", "reverse", "shuffle") and arguments:
            return Kind("list", items=one(arguments[0]))
        if name == "merge" and arguments:
            return self._merged(node.arguments[0], scope, context) or ANY
        if name == "single" and arguments:
            return one(arguments[0])
        if name in ("map", "each") and len(arguments) > 1:
            return Kind("sequence", items=one(arguments[1].items or ANY))
        if name == "append" and len(arguments) > 1:
            sure = any(argument.name == "list" for argument in arguments)
            return Kind("list" if sure else "sequence", items=either([one(argument) for argument in arguments]))
        return FUNCTIONS.get(name, ANY)
