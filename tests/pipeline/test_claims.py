"""The same event starts one promotion, however often it is delivered."""

import pytest

from pipeline import handlers
from pipeline.pipelines import event


@pytest.fixture(params=["single", "multi"])
def app(request, local, case_in):
    return case_in(getattr(local, request.param))


def claim(given: dict) -> str:
    upload = given["detail"]["object"]
    return f"claim#{given['detail']['bucket']['name']}/{upload['key']}#{upload['version-id']}"


def is_quiet(execution) -> bool:
    return execution.succeeded().states[-1] == "Duplicate"


def test_a_duplicate_ends_quietly_while_its_owner_runs_and_after_it_succeeded(app, machines):
    given = event(app.release)
    elsewhere = machines.sleeper()
    lock = {"id": {"S": f"{app.app}/{app.installation.environment}"}}
    machines.put("locks", {**lock, "holder": {"S": elsewhere.arn}})
    owner = machines.start(given).await_state("WaitForLock")
    assert is_quiet(machines.start(given))
    assert owner.describe()["status"] == "RUNNING"
    machines.put("locks", lock)
    owner.succeeded()
    elsewhere.stop()
    assert is_quiet(machines.start(given))
    assert machines.item("locks", id=claim(given))["owner"] == owner.arn


def test_what_s3_sends_itself_is_a_duplicate_of_what_started(app, machines):
    app.release.upload(None)
    owner = machines.of(app.release).succeeded()
    assert is_quiet(machines.start(owner.input))


def test_the_claim_of_an_owner_that_failed_is_taken_over(app, machines):
    given = event(app.release)
    app.release.put("deploy-manifest.json", {"images": []})
    machines.start(given).failed("InvalidManifest")
    app.push("api")
    app.release.put("deploy-manifest.json", {"images": app.images})
    heir = machines.start(given).succeeded()
    assert "TakeOverClaim" in heir.states
    assert machines.item("locks", id=claim(given))["owner"] == heir.arn
    assert is_quiet(machines.start(given))


def test_the_claim_of_an_owner_that_was_stopped_is_taken_over(app, machines):
    given = event(app.release)
    owner = machines.sleeper()
    machines.put("locks", {"id": {"S": claim(given)}, "owner": {"S": owner.arn}})
    assert is_quiet(machines.start(given))
    owner.stop()
    assert "TakeOverClaim" in machines.start(given).succeeded().states


def test_an_own_claim_is_held(app, machines):
    """As after a redrive, or where the answer to the claim was lost."""
    given = event(app.release)
    arn = machines.pipeline.replace(":stateMachine:", ":execution:") + f":{app.app}"
    machines.put("locks", {"id": {"S": claim(given)}, "owner": {"S": arn}})
    owner = machines.start(given, name=app.app).succeeded()
    assert owner.arn == arn
    assert "ReadClaim" not in owner.states


def test_a_claim_whose_taking_over_was_not_answered_is_taken_over(app, machines, mocks):
    """The item is as the first attempt left it, and the retry follows."""
    given = event(app.release)
    arn = machines.pipeline.replace(":stateMachine:", ":execution:") + f":{app.app}"
    machines.put("locks", {"id": {"S": claim(given)}, "owner": {"S": arn}})
    name = machines.installation.name(f"{app.installation.mode}-account")
    case = mocks.case(name, f"Claims-{app.app}", handlers.WAYS["TakeOverClaim"])
    heir = machines.start(given, case, name=app.app).succeeded()
    assert heir.arn == arn
    assert "TakeOverClaim" in heir.states
    assert heir.states[-1] == "UpdateBuildStatus"


def test_a_claim_is_forgotten_after_a_week(app, machines):
    given = event(app.release)
    started = machines.start(given).succeeded().describe()["startDate"].timestamp()
    expires = float(machines.item("locks", id=claim(given))["expires_at"])
    assert 7 <= (expires - started + 1) / 86400 < 8


def test_another_upload_of_the_same_file_is_no_duplicate(app, machines):
    first, second = event(app.release), event(app.release)
    machines.start(first).succeeded()
    assert "UpdateBuildStatus" in machines.start(second).succeeded().states


def test_without_versions_uploads_differ_by_the_sequencer(app, machines):
    first, second = event(app.release), event(app.release)
    for given in (first, second):
        del given["detail"]["object"]["version-id"]
    machines.start(first).succeeded()
    assert is_quiet(machines.start(first))
    assert "UpdateBuildStatus" in machines.start(second).succeeded().states
