"""Runs a machine on answers that are made up, and measures what it passes on. Nothing is asked of any service.

JSONata is evaluated by jsonata-python, with the functions that Step Functions adds as the local AWS has them.
"""

import json
from dataclasses import dataclass, field
from functools import cache

import jsonata
from ministack.services.stepfunctions import _register_sfn_jsonata_functions

from static.calls import call_of
from static.definitions import Machine, State, expression

ROUNDS = 5_000  # states in one walk: more is a loop that does not end


@dataclass(frozen=True)
class Failure(Exception):
    error: str
    cause: str


@dataclass
class Walk:
    """One execution. `answers`: by the name of a Task, what gives its result from its arguments."""

    machine: Machine
    answers: dict
    execution: dict
    sizes: dict = field(default_factory=dict)
    states: list = field(default_factory=list)
    variables: dict = field(default_factory=dict)

    def run(self, given):
        """The output, or the Failure that the execution ends with."""
        self.execution = {**self.execution, "Input": given}
        self.measure(("", "input"), given)
        return self._states(self.machine.definition, given, self.variables, {})

    def measure(self, where: tuple, value):
        size = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
        self.sizes[where] = max(size, self.sizes.get(where, 0))

    def _states(self, definition: dict, given, variables: dict, map_item: dict):
        name = definition["StartAt"]
        while True:
            assert len(self.states) < ROUNDS, f"{self.machine.name} does not end"
            self.states.append(name)
            body = definition["States"][name]
            step = Step(self, name, body, variables, map_item)
            self.measure((name, "input"), given)
            after, given = step.take(given)
            self.measure((name, "output"), given)
            self.measure(("", "all variables"), variables)
            if after is None:
                return given
            name = after


@dataclass
class Step:
    walk: Walk
    name: str
    body: dict
    variables: dict
    map_item: dict

    def take(self, given) -> tuple:
        """The name of the next state, or None, and what it gets."""
        kind = self.body["Type"]
        if kind == "Fail":
            raise Failure(*(self.value(self.body.get(key, ""), given) for key in ("Error", "Cause")))
        if kind == "Choice":
            return self._choose(given)
        try:
            result = {"Task": self._call, "Map": self._each}.get(kind, lambda given: None)(given)
        except Failure as failure:
            return self._caught(failure, given)
        if kind in ("Task", "Map"):
            self.walk.measure((self.name, "result"), result)
        if kind == "Wait":
            self.value(self.body.get("Seconds", self.body.get("Timestamp")), given)
        output = self._finish(self.body, given, result, default=given if result is None else result)
        return self.body.get("Next"), output

    def _finish(self, body: dict, given, result=None, failure=None, default=None):
        """Both are evaluated with the variables as they were before."""
        output = self.value(body["Output"], given, result, failure) if "Output" in body else default
        assigned = {name: self.value(value, given, result, failure) for name, value in body.get("Assign", {}).items()}
        if assigned:
            self.walk.measure((self.name, "assigned"), assigned)
        self.variables.update(assigned)
        return output

    def _choose(self, given) -> tuple:
        for choice in self.body["Choices"]:
            if self.value(choice["Condition"], given) is True:
                return choice["Next"], self._finish(choice, given, default=given)
        return self.body["Default"], self._finish(self.body, given, default=given)

    def _call(self, given):
        state = State(self.walk.machine.name, self.name, self.body)
        arguments = self.value(self.body.get("Arguments", {}), given)
        self.walk.measure((self.name, "arguments"), arguments)
        assert self.name in self.walk.answers, f"{state}: no answer for {call_of(state)}"
        return self.walk.answers[self.name](arguments)

    def _each(self, given) -> list:
        items = self.value(self.body["Items"], given) if "Items" in self.body else given
        assert isinstance(items, list), f"{self.name}: Items is no array"
        found = []
        for index, item in enumerate(items):
            map_item = {"Map": {"Item": {"Index": index, "Value": item}}}
            inner = Step(self.walk, self.name, self.body, self.variables, map_item)
            chosen = inner.value(self.body["ItemSelector"], given) if "ItemSelector" in self.body else item
            # What is assigned inside stays inside.
            found.append(self.walk._states(self.body["ItemProcessor"], chosen, dict(self.variables), map_item))
        return found

    def _caught(self, failure: Failure, given) -> tuple:
        for catcher in self.body.get("Catch", []):
            names = catcher["ErrorEquals"]
            everything = "States.ALL" in names and failure.error not in ("States.DataLimitExceeded", "States.Runtime")
            if (
                failure.error in names
                or everything
                or ("States.TaskFailed" in names and failure.error != "States.Timeout")
            ):
                output = {"Error": failure.error, "Cause": failure.cause}
                return catcher["Next"], self._finish(catcher, given, failure=output, default=output)
        raise failure

    def value(self, template, given, result=None, failure=None):
        if isinstance(template, dict):
            return {key: self.value(inner, given, result, failure) for key, inner in template.items()}
        if isinstance(template, list):
            return [self.value(inner, given, result, failure) for inner in template]
        text = expression(template)
        return template if text is None else self._evaluate(text, given, result, failure)

    def _evaluate(self, text: str, given, result, failure):
        context = {"Execution": self.walk.execution, "State": {"Name": self.name, "RetryCount": 0}, **self.map_item}
        states = {"input": given, "result": result, "errorOutput": failure, "context": context}
        null = jsonata.utils.Utils.NULL_VALUE
        bindings = {name: null if value is None else value for name, value in self.variables.items()}
        value = read(text).evaluate(None, {**bindings, "states": states})
        if value is None:
            is_null = read(f"$exists(({text}))").evaluate(None, {**bindings, "states": states})
            assert is_null, f"{self.name}: nothing comes of {text}"
        return value


@cache
def read(text: str) -> jsonata.Jsonata:
    tree = jsonata.Jsonata.jsonata(text)
    _register_sfn_jsonata_functions(tree)
    return tree
