"""What the machines call, and what they read from answers, is what the services offer."""

import pytest

from static import calls, reading, sample


def problems(**changes) -> str:
    return "\n".join(reading.read(sample.machine(**changes))[0])


def test_arguments_answers_and_variables_are_those_of_the_services(deployed):
    assert [problem for machine in deployed.values() for problem in reading.read(machine)[0]] == []


def test_no_variable_is_kept_for_nothing(machines):
    for machine in machines.values():
        _, assigned, used = reading.read(machine)
        assert assigned - used == set(), machine.name


def test_every_task_is_an_integration_that_is_known(machines):
    for machine in machines.values():
        assert calls.calls(machine), machine.name


def test_the_sample_is_right():
    assert problems() == ""


GET = {"TableName": "${LocksTable}", "Key": {"id": {"S": "a"}}}
WRONG = {
    "TableNmae": {"Read": {"Arguments": {"TableNmae": "${LocksTable}", "Key": GET["Key"]}}},
    "lacks Key": {"Read": {"Arguments": {"TableName": "${LocksTable}"}}},
    "no parameter String": {"Read": {"Arguments": {**GET, "Key": {"id": {"String": "a"}}}}},
    "is a string, not 1": {"Read": {"Arguments": {**GET, "Key": {"id": {"N": 1}}}}},
    "is a string, not a number": {"Read": {"Arguments": {**GET, "Key": {"id": {"N": "{% $count([1]) %}"}}}}},
    "has 2 types": {"Read": {"Arguments": {**GET, "Key": {"id": {"S": "a", "N": "1"}}}}},
    "is one of": {"Read": {"Arguments": {**GET, "ReturnConsumedCapacity": "SOME"}}},
    "no parameter Consistent": {"Read": {"Arguments": "{% {'TableName': 't', 'Key': {}, 'Consistent': true} %}"}},
    "put [ ] around it": {"Read": {"Arguments": {**GET, "AttributesToGet": "{% $states.input.names[old].name %}"}}},
    "no operation GetThing": {"Read": {"Resource": "arn:${Partition}:states:::aws-sdk:dynamodb:getThing"}},
    "has no Itme": {"Read": {"Assign": {"holder": "{% $states.result.Itme.holder.S %}"}}},
    "has no Text": {"Read": {"Assign": {"holder": "{% $states.result.Item.holder.Text %}"}}},
    "has no status": {"Look": {"Output": "{% $states.result.status %}"}},
    "$holdr is assigned nowhere": {"Look": {"Arguments": {"ExecutionArn": "{% $holdr %}"}}},
    "$states here has no result": {"Look": {"Arguments": {"ExecutionArn": "{% $states.result.x %}"}}},
    "$states here has no errorOutput": {"Look": {"Output": "{% $states.errorOutput.Cause %}"}},
    "has no Message": {
        "Read": {"Catch": [{"ErrorEquals": ["A"], "Output": "{% $states.errorOutput.Message %}", "Next": "Failed"}]}
    },
    "holder stands alone": {"Look": {"Output": "{% holder %}"}},
    "$eval is assigned nowhere": {"Look": {"Output": "{% $eval('1') %}"}},
    "has no Named": {"Look": {"Output": "{% $states.context.Execution.Named %}"}},
    "+ takes no string": {"Look": {"Output": "{% $states.result.Status + 1 %}"}},
}


@pytest.mark.parametrize(("expected", "changes"), WRONG.items(), ids=WRONG)
def test_a_wrong_call_or_expression_is_found(expected, changes):
    assert expected.replace("TableNmae", "no parameter TableNmae") in problems(**changes)


def test_an_unknown_integration_is_found():
    with pytest.raises(AssertionError, match="no service integration"):
        problems(Read={"Resource": "arn:aws:states:::dynamodb:getItem"})
    with pytest.raises(AssertionError, match="not an optimized"):
        problems(Read={"Resource": "arn:${Partition}:states:::dynamodb:scan"})
