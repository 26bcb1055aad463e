"""JSONata as Step Functions has it: what AWS refuses when a machine is made, and what fails where nothing can catch it.

Measured on AWS, each by the issue that the test names. A local AWS takes most of it.
"""

import json

import pytest

from static import reading, sample
from static.definitions import SAMPLE, Machine, expression, expressions
from static.flow import Flow

# IsRelease fails before, where the key does not match. Where it does, each of its groups has a text.
GUARDED = {f"DescribeRelease: {text}" for text in ("$parts[1]", "$parts[2]", "$parts[3]", "$number($parts[4])")}
PIPELINES = {"single-account": "deploy-stack", "multi-account": "deploy-stackset"}


def flows(machines: dict) -> dict:
    """Each machine with what its parent starts it with. An event may have anything."""
    filled = {name: Machine(name, machine.filled(SAMPLE)) for name, machine in machines.items()}
    found = {name: Flow(filled[name], {}) for name in PIPELINES}
    given = {child: found[name].passed["DeployCloudFormation"]["Input"] for name, child in PIPELINES.items()}
    given["promote-batch"] = found["multi-account"].passed["PromoteBatch"]["Input"]
    assert set(given) | set(found) == set(machines)
    return found | {name: Flow(filled[name], known) for name, known in given.items()}


def test_what_nothing_can_catch_has_a_value(deployed):
    """Else the execution ends with States.QueryEvaluationError (floci-io/floci#2665)."""
    for name, flow in flows(deployed).items():
        expected = {f"{name}: {problem}" for problem in GUARDED} if name in PIPELINES else set()
        assert set(flow.problems) == expected


CAUGHT = {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}]}
CAUGHT_OTHERWISE = {"Catch": [{"ErrorEquals": ["A"], "Next": "Failed"}]}


def problems(**changes) -> list:
    look = {**CAUGHT, **changes.get("Look", {})}
    return Flow(sample.machine(**{**changes, "Look": look}), {"repo": {}}).problems


def test_the_sample_has_a_value_everywhere():
    assert problems() == []


NOTHING = {
    "a field that the input may lack": {"Later": {"Seconds": "{% $states.input.seconds %}"}},
    "a variable that is assigned on another way only": {"Failed": {"Cause": "{% $holder %}"}},
    "a field that a variable may lack": {"Later": {"Assign": {"a": "{% $holder.name %}"}}},
    "an item that a list may lack": {"Later": {"Assign": {"a": "{% [$holder][1] %}"}}},
    "a comparison with nothing": {"Is": {"Choices": [{"Condition": "{% $states.input.a < 1 %}", "Next": "Later"}]}},
    "a sum with nothing": {"Later": {"Seconds": "{% 1 + $states.input.a %}"}},
    "a condition with one side": {"Later": {"Seconds": "{% $holder = 'a' ? 1 %}"}},
    "a side that may be nothing": {"Later": {"Seconds": "{% $exists($holder.a) ? $holder.b : 1 %}"}},
    "a function of nothing": {"Later": {"Assign": {"a": "{% $split($states.input.a, ',') %}"}}},
    "the keys of what may have none": {"Later": {"Assign": {"a": "{% $keys({}) %}"}}},
    "a field of an object that is left out": {"Later": {"Assign": {"a": "{% {'b': $holder.b}.b %}"}}},
    "a cause that may be left out": {
        "Read": {"Catch": [{"ErrorEquals": ["A"], "Output": "{% $states.errorOutput.Cause %}", "Next": "Failed"}]}
    },
    "an answer to a task that catches something else": {"Look": CAUGHT_OTHERWISE},
    "an answer to a task that catches nothing": {"Look": {"Catch": None}},
}
SURE = {
    "joined to a text": {"Failed": {"Cause": "{% '' & $holder %}"}},
    "looked for": {"Later": {"Seconds": "{% $exists($holder.a) ? $holder.a : 1 %}"}},
    "compared": {"Later": {"Seconds": "{% $holder.a = 1 ? $holder.a : 1 %}"}},
    "looked for in a choice": {
        "Is": {
            "Choices": [{"Condition": "{% $exists($holder.a) %}", "Assign": {"a": "{% $holder.a %}"}, "Next": "Later"}]
        }
    },
    "put into a list": {"Later": {"Assign": {"a": "{% [$states.input.a] %}"}}},
    "a field that each way gives": {"Look": {"Output": {"a": 1}}, "Later": {"Seconds": "{% $states.input.a %}"}},
    "an answer to a task that catches it by name": {
        "Look": {"Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "Failed"}]}
    },
}


@pytest.mark.parametrize("changes", NOTHING.values(), ids=NOTHING)
def test_what_may_be_nothing_is_found(changes):
    assert problems(**changes)


@pytest.mark.parametrize("changes", SURE.values(), ids=SURE)
def test_what_has_a_value_is_let_through(changes):
    assert problems(**changes) == []


def everywhere(machine: Machine, text: str) -> Machine:
    """With this instead of every expression."""

    def replaced(value):
        if isinstance(value, dict):
            return {key: replaced(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [replaced(inner) for inner in value]
        return value if expression(value) is None else f"{{% {text} %}}"

    return Machine(machine.name, json.dumps(replaced(machine.definition)))


# By what AWS refuses: what the reader says of it, and the issue that has AWS's own words.
REFUSED = {
    "phone": ("phone stands alone", "floci-io/floci#2670"),
    "$count(phone.number)": ("phone stands alone", "floci-io/floci#2699"),
    "$": ("$ stands alone", "floci-io/floci#2699"),
    "$string($)": ("$ stands alone", "floci-io/floci#2699"),
    "$$": ("$$ is refused", "floci-io/floci#2745"),
    "[1].($$.phone)": ("$$ is refused", "floci-io/floci#2786"),
    "a[1,2)": ("Expected ], got ,", "floci-io/floci#2745"),
    "$states.errorOutput.Error": ("$states here has no errorOutput", "floci-io/floci#2786"),
    " + ".join(["1"] * 200): ("nested 200 deep", "floci-io/floci#2737"),
    "($f := function($n) { $f($n + 1) }; $f(1))": ("$f may call itself", "floci-io/floci#2667"),
}


@pytest.mark.parametrize("text", REFUSED, ids=[f"{source} {text[:20]}" for text, (_, source) in REFUSED.items()])
def test_what_aws_refuses_is_found_wherever_it_stands(text, deployed):
    said = REFUSED[text][0]
    for machine in deployed.values():
        found = [problem for problem in reading.read(everywhere(machine, text))[0] if said in problem]
        for state in machine.states:
            fields = {field for field, value in state.own().items() if any(expressions(value))} - reading.NOT_READ
            # A catcher has the error that it catches.
            fields -= {"Catch"} if "errorOutput" in text else set()
            assert sum(problem.startswith(f"{state}: ") for problem in found) == len(fields), state


def test_a_hundred_deep_is_let_through():
    for count, found in ((100, False), (101, True)):
        machine = sample.machine(Later={"Seconds": f"{{% {' + '.join(['1'] * count)} %}}"})
        assert bool(reading.read(machine)[0]) == found


def test_nothing_is_found_wherever_nothing_can_catch_it(deployed):
    for flow in flows(deployed).values():
        found = Flow(everywhere(flow.machine, "$states.input.missing"), flow.given).problems
        for state in flow.machine.states:
            uncaught = state.catchers if state.catchers else state.own()
            places = sum(1 for _ in expressions(uncaught))
            assert found.count(f"{state}: $states.input.missing") == places, state
