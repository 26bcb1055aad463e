"""One build of a repository and environment at a time, and none after a newer one."""

import datetime
import json

import pytest

from pipeline import handlers
from pipeline.pipelines import event

LONG_AGO = {"Status": "ABORTED", "StopDate": "2026-01-01T00:00:00.000Z"}


@pytest.fixture(params=["single", "multi"])
def app(request, local, case_in):
    return case_in(getattr(local, request.param))


@pytest.fixture
def mocked(app, mocks, machines):
    """Mocks states of this test's pipeline."""
    name = machines.installation.name(f"{app.installation.mode}-account")
    return lambda **states: mocks.case(name, f"Locks-{app.app}", states)


@pytest.fixture
def key(app):
    return f"{app.app}/{app.installation.environment}"


def release(app, version: str, branch: str = "main"):
    """One without images."""
    return app.local.release(f"{app.app}/{branch}/{version}/", app.installation)


def succeeded(machines, key: str, version: str, branch: str = "main", uploaded: str = "2026-11-21T12:00:00Z") -> None:
    """A lock that is free, after a build."""
    number = version.split(".")[0]
    last = {"version": {"S": version}, "branch": {"S": branch}, "build": {"N": number}, "uploaded_at": {"S": uploaded}}
    machines.put("locks", {"id": {"S": key}, **{f"succeeded_{name}": value for name, value in last.items()}})


def test_a_build_waits_for_the_one_that_runs(app, machines, key):
    holder = machines.sleeper()
    machines.put("locks", {"id": {"S": key}, "holder": {"S": holder.arn}, "holder_sk": {"S": "x"}})
    waiting = machines.start(event(release(app, "1.a"))).await_state("WaitForLock")
    assert machines.record(waiting, app.app)["status"] == "PENDING"
    assert machines.holder(app.app) == holder.arn
    machines.put("locks", {"id": {"S": key}})
    assert "StealLock" not in waiting.succeeded().states
    assert machines.record(waiting, app.app)["status"] == "SUCCESS"
    holder.stop()


def test_two_at_once_deploy_one_after_the_other(app, machines):
    """By hand, so that whoever is first supersedes nobody."""
    started = [machines.by_hand(release(app, "1.a")) for _ in range(2)]
    child = "deploy-stack" if app.installation.mode == "single" else "deploy-stackset"
    deployed = [machines.children(child, execution.succeeded())[0].outcome for execution in started]
    first, second = sorted(deployed, key=lambda outcome: outcome["startDate"])
    assert first["stopDate"] <= second["startDate"]


def test_locks_of_other_repositories_and_environments_are_others(app, machines, key):
    holder = machines.sleeper()
    machines.put("locks", {"id": {"S": key}, "holder": {"S": holder.arn}})
    machines.by_hand(release(app, "1.a"), env="other").succeeded()
    machines.by_hand(release(app, "1.a"), template_name="worker").succeeded()
    holder.stop()


def test_a_build_that_was_stopped_loses_the_lock_and_its_record_is_closed(app, local, machines, mocked):
    app.push("api")
    app.release.put("deploy-manifest.json", {"images": app.images})
    slow = {"operation": "BatchGetImage", "repository": f"{app.app}/*", "fault": {"kind": "delay", "millis": 2000}}
    local.ecr.control("POST", "faults", slow)
    try:
        stopped = machines.start(event(app.release)).await_state("CheckManifest").stop()
    finally:
        local.ecr.control("DELETE", "faults")
    assert machines.record(stopped, app.app)["status"] == "IN_PROGRESS"
    assert machines.holder(app.app) == stopped.arn
    following = machines.start(event(app.release), mocked(DescribeHolder=[LONG_AGO])).succeeded()
    assert "StealLock" in following.states
    closed = machines.record(stopped, app.app)
    assert (closed["status"], closed["error"]) == ("FAILED", "Abandoned")
    assert "ABORTED" in closed["error_message"]
    assert machines.record(following, app.app)["status"] == "SUCCESS"
    assert machines.holder(app.app) is None


def test_while_functions_of_a_stopped_build_may_go_on_the_lock_is_waited_for(app, machines, key):
    """As MiniStack writes when it was stopped: a moment ago."""
    stopped = machines.sleeper().stop()
    machines.put("locks", {"id": {"S": key}, "holder": {"S": stopped.arn}, "holder_sk": {"S": "x"}})
    waiting = machines.start(event(release(app, "1.a"))).await_state("WaitForLock", "StealLock")
    assert machines.holder(app.app) == stopped.arn
    machines.put("locks", {"id": {"S": key}})
    assert "StealLock" not in waiting.succeeded().states


def ago(seconds: int) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)


@pytest.mark.parametrize("written", [datetime.datetime.isoformat, datetime.datetime.timestamp], ids=["text", "number"])
def test_a_stopped_build_loses_the_lock_when_its_functions_have_ended(app, machines, key, mocked, written):
    """A function runs 900 seconds at most."""
    machines.put("locks", {"id": {"S": key}, "holder": {"S": handlers.SOMEBODY}, "holder_sk": {"S": "x"}})
    dates = [ago(-600), ago(500), ago(901)]
    case = mocked(DescribeHolder=[{"Status": "ABORTED", "StopDate": written(date)} for date in dates])
    execution = machines.start(event(release(app, "1.a")), case).succeeded()
    assert execution.states.count("WaitForLock") == 2
    assert execution.states.count("StealLock") == 1


def test_a_lock_whose_stealing_was_not_answered_is_stolen(app, machines, key, mocked):
    """The item is as the first attempt left it, and the retry follows."""
    arn = machines.pipeline.replace(":stateMachine:", ":execution:") + f":{app.app}"
    machines.put("builds", {"pk": {"S": key}, "sk": {"S": "x"}, "status": {"S": "IN_PROGRESS"}})
    machines.put("locks", {"id": {"S": key}, "holder": {"S": arn}, "holder_sk": {"S": "y"}})
    case = mocked(**handlers.WAYS["StealLock"])
    execution = machines.start(event(release(app, "1.a")), case, name=app.app).succeeded()
    assert execution.arn == arn
    assert "CloseAbandonedBuild" in execution.states
    assert machines.item("builds", pk=key, sk="x")["error"] == "Abandoned"


MINE = {"succeeded_version": {"S": "1.a"}, "succeeded_uploaded_at": {"S": "2026-11-21T12:00:00Z"}}


@pytest.mark.parametrize(
    ("item", "is_mine"),
    [
        (MINE, True),
        ({}, False),
        ({**MINE, "holder": {"S": handlers.SOMEBODY}}, False),
        ({**MINE, "succeeded_version": {"S": "2.a"}}, False),
        ({**MINE, "succeeded_uploaded_at": {"S": "2026-11-21T12:00:01Z"}}, False),
    ],
    ids=["mine", "nobody's", "held", "another-version", "another-upload"],
)
def test_a_lock_that_is_not_held_at_the_end_was_released_or_lost(app, machines, mocked, item, is_mine):
    case = mocked(ReleaseLock=[handlers.thrown(handlers.REFUSED)], ReadReleasedLock=[{"Item": item}])
    execution = machines.start(event(release(app, "1.a")), case)
    if is_mine:
        execution.succeeded()
    else:
        execution.failed("LockLost", app.app)
    assert machines.record(execution, app.app)["status"] == ("SUCCESS" if is_mine else "FAILED")


def test_a_record_that_is_closed_stays_as_it_is(app, machines, key, mocked):
    dead = machines.sleeper().stop()
    machines.put("builds", {"pk": {"S": key}, "sk": {"S": "x"}, "status": {"S": "SUCCESS"}})
    machines.put("locks", {"id": {"S": key}, "holder": {"S": dead.arn}, "holder_sk": {"S": "x"}})
    execution = machines.start(event(release(app, "1.a")), mocked(DescribeHolder=[LONG_AGO])).succeeded()
    assert "CloseAbandonedBuild" in execution.states
    assert machines.item("builds", pk=key, sk="x")["status"] == "SUCCESS"


def test_an_own_lock_is_held(app, machines, key):
    arn = machines.pipeline.replace(":stateMachine:", ":execution:") + f":{app.app}"
    machines.put("locks", {"id": {"S": key}, "holder": {"S": arn}, "holder_sk": {"S": "x"}})
    assert "ReadLock" not in machines.start(event(release(app, "1.a")), name=app.app).succeeded().states


def test_waiting_ends(app, machines, key):
    """The machine as it is deployed, with three waits instead of 240."""
    text = json.dumps(machines.definition())
    assert text.count("$waits < 240") == 1
    impatient = machines.define("impatient", json.loads(text.replace("$waits < 240", "$waits < 3")))
    holder = machines.sleeper()
    machines.put("locks", {"id": {"S": key}, "holder": {"S": holder.arn}})
    waiting = machines.start(event(release(app, "1.a")), machine=impatient).failed("LockTimeout", key, holder.arn)
    assert waiting.states.count("WaitForLock") == 3
    assert machines.record(waiting, app.app)["error"] == "LockTimeout"
    assert machines.holder(app.app) == holder.arn
    holder.stop()


@pytest.mark.parametrize(
    ("last", "version", "branch", "uploaded", "is_older"),
    [
        ("42.a", "41.b", "main", "2026-11-21T13:00:00Z", True),
        ("42.a", "42.a", "main", "2026-11-21T12:00:00Z", False),
        ("42.a", "43.b", "main", "2026-11-21T12:00:01Z", False),
        # By hand one went back while this one waited.
        ("42.a", "43.b", "main", "2026-11-21T11:59:59Z", True),
        ("9.a", "10.b", "main", "2026-11-21T13:00:00Z", False),
        ("42.a", "7.b", "feature/x", "2026-11-21T11:59:59Z", True),
        ("42.a", "99.b", "feature/x", "2026-11-21T11:59:59Z", True),
        ("42.a", "7.b", "feature/x", "2026-11-21T12:00:00Z", False),
        ("42.a", "7.b", "feature/x", "2026-11-21T12:00:01Z", False),
        # The same release, uploaded twice, whichever is done first.
        ("42.a", "42.a", "main", "2026-11-21T11:59:59Z", False),
    ],
)
def test_an_upload_does_not_overtake_a_newer_one(app, machines, key, last, version, branch, uploaded, is_older):
    succeeded(machines, key, last)
    execution = machines.start(event(release(app, version, branch), uploaded=uploaded))
    if not is_older:
        execution.succeeded()
        assert machines.lock(app.app)["succeeded_version"] == version
        return
    execution.failed("Superseded", version, last, "by hand")
    assert "CheckManifest" not in execution.states
    assert machines.record(execution, app.app)["error"] == "Superseded"
    assert machines.lock(app.app)["succeeded_version"] == last
    assert machines.holder(app.app) is None


def test_one_that_waited_while_a_newer_one_succeeded_does_not_come_after_it(app, machines, key):
    holder = machines.sleeper()
    machines.put("locks", {"id": {"S": key}, "holder": {"S": holder.arn}})
    waiting = machines.start(event(release(app, "41.a"))).await_state("WaitForLock")
    succeeded(machines, key, "42.a")
    waiting.failed("Superseded")
    holder.stop()


def test_by_hand_one_may_go_back(app, machines, key):
    release(app, "42.a").upload(None)
    machines.of(release(app, "42.a")).succeeded()
    machines.by_hand(release(app, "41.a")).succeeded()
    assert machines.lock(app.app)["succeeded_build"] == 41
    # What is uploaded after that is newer again, and what waited meanwhile is not.
    machines.start(event(release(app, "42.a"), uploaded="2026-01-01T00:00:00Z")).failed("Superseded")
    machines.start(event(release(app, "42.a"), uploaded="2036-01-01T00:00:00Z")).succeeded()
