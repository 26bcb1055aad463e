"""Many targets go in batches, each phase through all of them."""

import json

import pytest

from pipeline import handlers
from pipeline.pipelines import event, targets_item


@pytest.fixture
def app(local, case_in):
    """Repositories in all three targets, which lie in two regions."""
    return case_in(local.multi)


@pytest.fixture
def many(app, machines, mocks):
    """The pipeline over 250 targets, which are more than two batches hold, with functions that only answer."""
    places = [(f"{number:012}", "eu-west-1") for number in range(250)]
    machines.put("targets", targets_item(app.app, places))

    def start(**answers):
        name = machines.installation.name("promote-batch")
        batches = mocks.case(name, f"Many-{app.app}", {**mocked("Payload"), **answers})
        text = json.dumps(machines.definition())
        batch = machines.installation.machine("promote-batch")
        arn = machines.define(f"many-{app.app}", json.loads(text.replace(f'"{batch}"', f'"{batch}{batches}"')))
        pipeline = mocks.case(machines.installation.name(f"many-{app.app}"), "Many", {"CheckManifest": CHECKED})
        return machines.start(event(app.release), pipeline, arn)

    return start


CHECKED = [handlers.ANSWERS["CheckManifest"]]


def mocked(kind: str) -> dict:
    return {state: [answer] for state, answer in handlers.ANSWERS.items() if kind in answer}


def batches_of(machines, execution) -> list[tuple]:
    """The phase of each batch and how many targets it has, in the order of the phases."""
    order = ["check", "stage", "verify", "tag"]
    found = [child.input for child in machines.children("promote-batch", execution)]
    each = [(given["phase"], len(given["targets"]), given["targets"][0]["account"]) for given in found]
    return sorted(each, key=lambda batch: (order.index(batch[0]), batch[2]))


def test_many_targets_go_in_batches_through_each_phase(app, machines, many):
    execution = many().succeeded()
    named = [state for state in execution.states if state.endswith("Targets")]
    assert named == ["FetchTargets", "CheckTargets", "StageTargets", "VerifyTargets", "TagTargets"]
    first, second, third = "000000000000", "000000000100", "000000000200"
    all_of = [(100, first), (100, second), (50, third)]
    assert batches_of(machines, execution) == [
        # The first hundred are those that check-manifest pins with.
        *[("check", *batch) for batch in all_of[1:]],
        *[(phase, *batch) for phase in ("stage", "verify", "tag") for batch in all_of],
    ]
    record = machines.record(execution, app.app)
    # Five bytes for each target, when they are staged and when they are tagged.
    assert record["bytes_copied"] == 2 * 250 * 5


def test_every_batch_is_attempted_and_every_target_that_failed_is_reported(app, machines, many):
    execution = many(PromoteImages=[handlers.thrown("CorruptContent")]).failed("CorruptContent")
    assert [phase for phase, *_ in batches_of(machines, execution)] == ["check"] * 2 + ["stage"] * 3
    for account in ("000000000000", "000000000100", "000000000249"):
        assert f"{account}/eu-west-1: CorruptContent" in execution.cause
    assert machines.record(execution, app.app)["error_message"] == execution.cause


def test_a_batch_that_was_stopped_is_reported_by_its_name_and_status(app, machines, mocks):
    app.push("api")
    app.release.put("deploy-manifest.json", {"images": app.images})
    arn = "arn:aws:states:eu-west-1:111122223333:execution:prd-aws-deployer-promote-batch:x"
    stopped = {"ExecutionArn": arn, "Input": json.dumps({"pinned": "p" * 9000}), "Status": "ABORTED"}
    thrown = {"Throw": {"Error": "States.TaskFailed", "Cause": json.dumps(stopped)}}
    name = machines.installation.name("multi-account")
    case = mocks.case(name, f"Stopped-{app.app}", {"PromoteBatch": [thrown]})
    execution = machines.start(event(app.release), case).failed("States.TaskFailed")
    assert execution.cause == f"the execution {arn} ended as ABORTED"


def test_a_long_message_is_truncated(app, machines, many):
    long = {"Throw": {"Error": "PullFailed", "Cause": json.dumps({"errorMessage": "x" * 10000})}}
    execution = many(VerifyPull=[long]).failed("PullFailed", "000000000000/eu-west-1: PullFailed: xxx")
    assert len(execution.cause) == 24000
