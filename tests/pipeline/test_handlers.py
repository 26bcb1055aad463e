"""Every Catch and every Retry of the pipelines' machines, driven: none is there for show, and no failure ends green."""

import json

import pytest

from pipeline import handlers, ministack
from pipeline.handlers import REFUSED, Driven
from pipeline.pipelines import event, machines_of

PIPELINES = [*handlers.driven("single-account"), *handlers.driven("multi-account")]
BATCHES = handlers.driven("promote-batch")
# Few: an expression has a second, of a clock that does not stop while other executions run.
AT_ONCE = 4


@pytest.fixture(scope="module")
def executions(local, mocks, no_waits) -> dict:
    """Every case with its execution."""
    found = {}
    cases = PIPELINES + BATCHES
    for first in range(0, len(cases), AT_ONCE):
        started = {case: start(local, mocks, case) for case in cases[first : first + AT_ONCE]}
        for execution in started.values():
            execution.ended()
        found |= started
    return found


@pytest.fixture(scope="module")
def no_waits(local):
    """Retries follow at once."""
    local.aws.configure("stepfunctions._SFN_WAIT_SCALE", 0)
    yield
    local.aws.configure("stepfunctions._SFN_WAIT_SCALE", ministack.WAIT_SCALE)


def installation(local, case: Driven):
    return local.single if case.machine == "single-account" else local.multi


def repository(case: Driven) -> str:
    return f"{case.machine}-{case.case}".lower()


def release(local, case: Driven):
    return local.release(f"{repository(case)}/main/1.a/", installation(local, case))


def start(local, mocks, case: Driven):
    machines = machines_of(installation(local, case))
    name = mocks.case(machines.installation.name(case.machine), case.case, case.mocks)
    if case.machine != "promote-batch":
        return machines.start(event(release(local, case)), name)
    return machines.start(batch(case.state), name, machines.installation.machine(case.machine))


def batch(state: str) -> dict:
    target = {"account": "444455556666", "region": "eu-west-1"}
    return {"phase": handlers.PHASES[state], "release": {}, "pinned": [], "targets": [target]}


@pytest.mark.parametrize("case", [case for case in PIPELINES if case.error != REFUSED], ids=str)
def test_a_failure_is_retried_recorded_and_never_green(local, executions, case):
    execution, machines = executions[case], machines_of(installation(local, case))
    failures = execution.failures(case.seen_as)
    assert failures[: case.attempts] == [case.error] * case.attempts
    assert len(failures) == case.attempts
    follow = {"StealLock": "StealLock", "TakeOverClaim": "TakeOverClaim"}.get(case.next)
    if follow:
        # An execution that nobody knows any more is dead.
        assert execution.states[execution.states.index(case.state) + 1] == follow
        return
    first = "PullFailed" if "CheckManifest" in handlers.WAYS.get(case.state, {}) else case.error
    execution.failed(first)
    assert execution.cause == f"{first}, as a test wants it"
    if case.seen_as == case.state:
        assert execution.states[execution.states.index(case.state) + 1] == case.next
    assert execution.states[-1] == "Failed"
    assert "SUCCESS" not in str(execution.output)
    environment = machines.installation.environment if "CreateBuildRecord" in execution.states else "dev"
    record = machines.record(execution, repository(case), environment)
    if case.state == "UpdateBuildStatusFailed":
        assert record["status"] == "IN_PROGRESS"
    else:
        assert (record["status"], record["error"], record["error_message"]) == ("FAILED", first, execution.cause)
    held = execution.arn if case.state == "ReleaseLockAfterFailure" else None
    assert machines.holder(repository(case), environment) == held


@pytest.mark.parametrize("case", [case for case in PIPELINES if case.error == REFUSED], ids=str)
def test_a_condition_that_does_not_hold_leads_on(local, executions, case):
    execution, machines = executions[case], machines_of(installation(local, case))
    assert execution.failures(case.state)[0] == REFUSED
    states = execution.states
    assert states[states.index(case.state) + 1] == case.next
    if case.state == "ConfirmLock":
        execution.failed("LockLost", repository(case))
        assert "DeployCloudFormation" not in states
    if case.state == "ReleaseLock":
        # What refused is a mock, so the lock is not released.
        execution.failed("LockLost", repository(case))
        assert machines.record(execution, repository(case))["error"] == "LockLost"


@pytest.mark.parametrize("case", BATCHES, ids=str)
def test_a_target_that_fails_is_tried_again_and_then_reported(executions, case):
    execution = executions[case].failed(case.error)
    assert execution.failures("Targets") == [case.error] * case.attempts
    assert execution.cause == f"444455556666/eu-west-1: {case.error}: {case.error}, as a test wants it"


@pytest.mark.parametrize("error", ["States.DataLimitExceeded", "Unforeseen"])
@pytest.mark.parametrize(("machine", "state"), [("multi-account", "PromoteBatch"), ("promote-batch", "PromoteImages")])
def test_a_map_that_fails_as_a_whole_is_a_failure_too(local, mocks, no_waits, machine, state, error):
    """What runs inside catches everything itself, so here it does not: what it throws is the Map's."""
    machines = machines_of(local.multi)
    text = machines.client.describe_state_machine(stateMachineArn=machines.installation.machine(machine))["definition"]
    changed = json.loads(text)
    (around,) = [each for each in changed["States"].values() if each["Type"] == "Map"]
    del around["ItemProcessor"]["States"][state]["Catch"]
    arn = machines.define(f"bare-{machine}", changed)
    name = mocks.case(machines.installation.name(f"bare-{machine}"), f"Map-{error.replace('.', '-')}", {
        **{each: [answer] for each, answer in handlers.ANSWERS.items()}, state: [handlers.thrown(error)]
    })  # fmt: skip
    if machine == "promote-batch":
        machines.start(batch(state), name, arn).failed(error)
        return
    given = local.release(f"map-{error}/main/1.a/", local.multi)
    execution = machines.start(event(given), name, arn).failed(error)
    assert machines.record(execution, f"map-{error}")["error"] == error
    assert machines.holder(f"map-{error}") is None


def test_every_task_is_driven():
    for machine in ("single-account", "multi-account", "promote-batch"):
        names = {name for name, _, _ in handlers.tasks(machine)}
        assert {case.state for case in handlers.driven(machine)} == names
        for name, state, _ in handlers.tasks(machine):
            caught = {error for catcher in state["Catch"] for error in catcher["ErrorEquals"]}
            assert caught >= {"States.ALL", "States.DataLimitExceeded"}, name
