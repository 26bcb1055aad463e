"""Each error has one name: what functions fail with, what machines match on and what the documents say is the same."""

import pytest

from static import errors, sample
from static.calls import call_of, calls

NO_CONCURRENCY = "Lambda.TooManyRequestsException"

# Of the machines themselves, beside those that are names of the code too.
NEVER_RETRIED = {"DynamoDB.ConditionalCheckFailedException", "DynamoDb.ConditionalCheckFailedException"}


def tasks(states, *integrations):
    found = [call_of(state) for state in states if state.kind == "Task"]
    return [call for call in found if call.integration in integrations]


def test_the_names_of_the_code_are_read():
    assert {"InvalidInput", "OutOfTime", "RegistryUnavailable", "Panic"} <= errors.of_the_code()
    assert len(errors.of_the_code()) == 18


def test_the_reference_lists_the_names_of_the_code_and_those_of_the_machines(machines):
    of_machines = set().union(*map(errors.own_names, machines.values()))
    assert set(errors.of_the_reference()) == errors.of_the_code() | of_machines


def test_what_is_retried_is_what_the_reference_calls_worth_running_again(machines, states):
    retried = {name for state in states for name in errors.of_retry(state) if "." not in name}
    again = {name for name, answer in errors.of_the_reference().items() if answer.startswith("yes")}
    assert retried == again


def test_every_call_of_a_function_retries_the_same(states):
    found = tasks(states, "lambda")
    assert found
    for call in found:
        assert call.state.retriers == found[0].state.retriers, f"{call} retries otherwise than {found[0]}"
        assert call.state.body["TimeoutSeconds"] == found[0].state.body["TimeoutSeconds"], str(call)


def test_no_call_that_can_fail_for_a_reason_of_ours_is_retried_whatever_the_reason(states):
    for call in tasks(states, "lambda", "states"):
        assert not errors.of_retry(call.state) & errors.ANY_FAILURE, str(call)


def test_a_condition_that_did_not_hold_is_not_retried(states):
    for state in states:
        assert not errors.of_retry(state) & NEVER_RETRIED, str(state)


def test_every_task_catches_everything(states):
    """States.ALL stands for everything but States.DataLimitExceeded and States.Runtime."""
    for state in states:
        if state.kind == "Task":
            assert {"States.ALL", "States.DataLimitExceeded"} <= errors.of_catch(state), str(state)


def test_a_pipeline_catches_what_its_maps_end_with(states):
    for state in states:
        if state.kind in ("Map", "Parallel") and state.machine == "pipeline":
            assert {"States.ALL", "States.DataLimitExceeded"} <= errors.of_catch(state), str(state)


def wildcard_problems(state) -> list:
    """States Language: States.ALL stands alone, and last."""
    found = []
    for field, entries in (("Retry", state.retriers), ("Catch", state.catchers)):
        for number, entry in enumerate(entries, 1):
            names = entry["ErrorEquals"]
            if "States.ALL" in names and (len(names) > 1 or number < len(entries)):
                found.append(f"{state}: {field} {number}: States.ALL stands alone and last")
    return found


def test_what_matches_everything_stands_alone_and_last(states):
    assert [problem for state in states for problem in wildcard_problems(state)] == []


def test_it_is_found_where_it_does_not():
    (state, *_) = sample.machine(
        Read={"Catch": [{"ErrorEquals": ["States.Timeout", "States.ALL"], "Next": "Failed"}]}
    ).states
    assert wildcard_problems(state)


def test_no_name_is_matched_twice(states):
    for state in states:
        for entries in (state.retriers, state.catchers):
            names = [name for entry in entries for name in entry["ErrorEquals"]]
            assert len(names) == len(set(names)), str(state)


def test_what_is_retried_more_than_twice_backs_off_with_jitter(states):
    """But for OutOfTime, which is worth running again at once."""
    for state in states:
        for retrier in state.retriers:
            assert retrier["MaxAttempts"] <= (35 if retrier["ErrorEquals"] == [NO_CONCURRENCY] else 20), str(state)
            if retrier["ErrorEquals"] != ["OutOfTime"] and retrier["MaxAttempts"] > 2:
                assert retrier.get("JitterStrategy") == "FULL", f"{state}: {retrier['ErrorEquals']}"
                assert retrier.get("BackoffRate", 2) > 1, str(state)


def test_an_invocation_waits_as_long_as_others_may_hold_the_concurrency(states):
    """An invocation lasts 900 seconds at most (Lambda quotas), and with jitter a wait is half as long on average."""
    invoking = [state for state in states if state.body.get("Resource", "").endswith(":lambda:invoke")]
    assert invoking
    for state in invoking:
        [retrier] = [each for each in state.retriers if NO_CONCURRENCY in each["ErrorEquals"]]
        assert retrier["ErrorEquals"] == [NO_CONCURRENCY], str(state)
        assert retrier["MaxDelaySeconds"] <= 60, str(state)
        waits = (
            min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** number, retrier["MaxDelaySeconds"])
            for number in range(retrier["MaxAttempts"])
        )
        assert sum(waits) / 2 >= 900, str(state)


def test_every_name_of_a_service_has_a_public_source(states):
    known = errors.with_sources()
    found = {name for state in states for name in errors.of_retry(state) | errors.of_catch(state) if "." in name}
    assert {name for name in found if not name.startswith("States.")} - set(known) == set()
    assert {name for name in found if name.startswith("States.")} <= errors.RESERVED


def test_no_name_is_explained_that_no_machine_knows(states):
    text = (errors.ROOT / "docs/service-errors.md").read_text()
    explained = {name for row in errors.rows(text) for name in errors.CODE.findall(row[0])}
    assert explained - set().union(*(errors.of_retry(state) | errors.of_catch(state) for state in states)) == set()


def test_what_is_caught_by_name_is_what_the_call_can_fail_with(states):
    for call in (call_of(state) for state in states if state.kind == "Task"):
        for name in errors.of_catch(call.state):
            if "." in name and not name.startswith("States."):
                assert errors.may_fail_with(call, name), f"{call}: {name}"


def test_what_is_retried_is_the_called_service_s(states):
    """The same names for all operations of a service, so not each can fail with each."""
    for call in (call_of(state) for state in states if state.kind == "Task"):
        for name in errors.of_retry(call.state):
            if "." in name and not name.startswith("States."):
                assert name.split(".")[0] in errors.prefixes(call), f"{call}: {name}"


def test_the_names_in_a_machine_are_found():
    machine = sample.machine(
        Read={"Assign": {"failure": {"error": "Superseded"}, "other": "{% $x ? {'error': 'NoTargets'} : {} %}"}},
        Look={"Output": "{% $failure.error in ['OutOfTime', 'Abandoned'] %}"},
        Later={"Output": {":error": {"S": "Gone"}}},
    )
    assert errors.own_names(machine) == {"LockTimeout", "Superseded", "NoTargets", "OutOfTime", "Abandoned", "Gone"}


@pytest.mark.parametrize(
    ("resource", "name", "may"),
    [
        ("aws-sdk:sfn:describeExecution", "Sfn.ExecutionDoesNotExistException", True),
        ("aws-sdk:sfn:describeExecution", "Sfn.ExecutionDoesNotExist", False),
        ("aws-sdk:sfn:describeExecution", "Sfn.StateMachineDeletingException", False),
        ("aws-sdk:cloudformation:createStack", "CloudFormation.AlreadyExistsException", True),
        ("aws-sdk:cloudformation:createStack", "CloudFormation.CloudFormationException", True),
        ("aws-sdk:cloudformation:describeStacks", "CloudFormation.AlreadyExistsException", False),
        ("dynamodb:putItem", "DynamoDB.ConditionalCheckFailedException", True),
        ("dynamodb:putItem", "DynamoDB.ThrottlingException", True),
        ("dynamodb:getItem", "DynamoDB.ConditionalCheckFailedException", False),
        ("dynamodb:putItem", "DynamoDb.ConditionalCheckFailedException", False),
        ("lambda:invoke", "Lambda.TooManyRequestsException", True),
        ("lambda:invoke", "Sandbox.Timedout", True),
        ("dynamodb:putItem", "Sandbox.Timedout", False),
    ],
)
def test_what_a_call_may_fail_with(resource, name, may):
    (call, *_) = calls(sample.machine(Read={"Resource": "arn:${Partition}:states:::" + resource}))
    assert errors.may_fail_with(call, name) == may
