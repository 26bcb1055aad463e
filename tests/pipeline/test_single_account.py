"""A release that is uploaded is promoted to the own account and deployed, whatever it consists of."""

import json

import pytest

from pipeline.case import TAG
from pipeline.deployment import DEPLOYER
from pipeline.pipelines import event


@pytest.fixture
def app(local, case_in):
    """Repositories and a release of this test's own, in the installation for one account."""
    return case_in(local.single)


def test_an_upload_alone_is_promoted_and_deployed(app, machines):
    pushed = app.push("api", "index")
    app.images[0]["parameter"] = "ApiImage"
    app.upload(parameters={"Size": "small"})
    execution = machines.of(app.release).succeeded()
    assert app.target_tags("api") == {TAG: pushed.digest}
    record = machines.record(execution, app.app)
    assert record["status"] == "SUCCESS"
    assert record["digests"] == {f"{app.app}/api:{TAG}": pushed.digest}
    assert record["bytes_copied"] > 0
    assert (record["version"], record["branch"], record["image_count"]) == ("1.0a1b2c3", "main", 1)
    assert record["deployment"] == "CREATED"
    assert record["started_at"] < record["ended_at"]
    assert execution.output["status"] == "SUCCESS"
    assert machines.holder(app.app) is None
    assert machines.lock(app.app)["succeeded_version"] == "1.0a1b2c3"

    (deploying,) = machines.children("deploy-stack", execution)
    given = deploying.input
    assert given["stack_name"] == f"dev-{app.app}"
    bucket = app.installation.bucket
    assert given["template_url"] == (
        f"https://{bucket}.s3.eu-west-1.amazonaws.com/{app.app}/main/1.0a1b2c3/cloudformation.template"
    )
    assert given["parameters"] == {"Size": "small", "ApiImage": f"{app.target.host}/{app.app}/api@{pushed.digest}"}
    assert given["image_parameters"] == ["ApiImage"]
    assert "targets" not in given


def test_a_second_upload_of_a_release_copies_nothing(app, machines):
    app.push("api")
    app.upload()
    assert machines.record(machines.of(app.release).succeeded(), app.app)["bytes_copied"] > 0
    app.upload()
    assert machines.record(machines.of(app.release, 2).succeeded(), app.app)["bytes_copied"] == 0


def test_a_release_without_a_manifest_is_deployed_at_once(app, machines):
    app.release.upload(None, {"Size": "small"})
    execution = machines.of(app.release).succeeded()
    assert "PromoteImages" not in execution.states
    assert machines.children("deploy-stack", execution)[0].input["parameters"] == {"Size": "small"}
    record = machines.record(execution, app.app)
    assert (record["status"], record["image_count"], record["digests"]) == ("SUCCESS", 0, {})


def test_a_further_stack_of_a_release_is_deployed_from_its_own_template(app, machines):
    app.push("api")
    app.release.put("deploy-manifest.json", {"images": app.images})
    app.release.put("cloudformation-worker-params.json", {"Size": "large"})
    execution = machines.of(app.release).succeeded()
    assert machines.record(execution, f"{app.app}:worker")["status"] == "SUCCESS"
    given = machines.children("deploy-stack", execution)[0].input
    assert given["stack_name"] == f"dev-{app.app}-worker"
    assert given["template_url"].endswith(f"{app.release.folder}cloudformation-worker.template")
    assert given["parameters"] == {"Size": "large"}


def test_other_files_start_nothing(app, machines):
    for name in ("cloudformation.template", "params.json", "cloudformation-params.dev.json", "cloudformation-params"):
        app.release.put(name, {})
    app.release.upload(None)
    machines.of(app.release).succeeded()
    assert len(machines.started_by(app.release)) == 1


@pytest.mark.parametrize("key", ["", "cloudformation-params.json", "deploy-manifest.json"])
def test_a_release_isstarted_by_hand_too(app, machines, key):
    app.release.put("cloudformation-worker-params.json", {"Size": "large"})
    given = {"s3_bucket": app.installation.bucket, "s3_key": app.release.folder + key, "template_name": "worker"}
    execution = machines.start({**given, "env": "test"}).succeeded()
    assert "Claim" not in execution.states
    record = machines.record(execution, f"{app.app}:worker", "test")
    assert (record["status"], record["env"]) == ("SUCCESS", "test")


def test_null_by_hand_is_not_given(app, machines):
    machines.put("targets", {"repo": {"S": app.app}, "environment": {"S": "staging"}})
    execution = machines.by_hand(app.release, env=None, template_name=None).succeeded()
    assert machines.record(execution, app.app, "staging")["status"] == "SUCCESS"


def test_the_environment_is_that_of_the_repository(app, machines):
    machines.put("targets", {"repo": {"S": app.app}, "environment": {"S": "staging"}})
    app.release.upload(None)
    execution = machines.of(app.release).succeeded()
    assert machines.record(execution, app.app, "staging")["env"] == "staging"
    assert machines.children("deploy-stack", execution)[0].input["stack_name"] == f"staging-{app.app}"


def test_an_image_that_is_missing_fails_the_build_and_changes_nothing(app, machines):
    app.push("api")
    app.images.append({"repository": f"{app.app}/api", "tag": "9.9.9"})
    app.upload()
    execution = machines.of(app.release).failed("SourceImageNotFound", f"{app.app}/api", "9.9.9")
    record = machines.record(execution, app.app)
    assert (record["status"], record["error"]) == ("FAILED", "SourceImageNotFound")
    assert record["error_message"] == execution.cause
    assert record["digests"] == {}
    assert machines.holder(app.app) is None
    assert app.target_is_empty("api")


@pytest.mark.parametrize(
    ("given", "mentions"),
    [
        ({}, "s3_bucket"),
        ({"s3_key": "myapp/main/"}, "myapp/main/"),
        ({"s3_key": "myapp/main/latest/cloudformation-params.json"}, "latest"),
        ({"s3_key": "myapp/main/1.a/deeper/cloudformation-params.json"}, "deeper"),
        ({"s3_key": "main/1.a/cloudformation-params.json"}, "main/1.a"),
        ({"s3_key": "myapp//1.a/"}, "myapp//1.a/"),
        ({"s3_key": "myapp/../1.a/"}, "myapp/../1.a/"),
        ({"s3_key": "myapp/ma\nin/1.a/"}, "ma\\nin"),
        ({"s3_key": 5, "env": ["dev"]}, "5"),
        ({"s3_key": "myapp/main/1.a/", "env": "a/b"}, "a/b"),
        ({"s3_key": "myapp/main/1.a/", "template_name": "../x"}, "../x"),
        ({"s3_key": "myapp/main/12345678901234567890.a/"}, "12345678901234567890"),
        ({"s3_key": "myapp/main/1.a/", "env": 5}, "texts"),
        ({"s3_key": "myapp/main/1.a/", "env": ["dev"]}, "texts"),
        ({"s3_key": "myapp/main/1.a/", "template_name": True}, "texts"),
        ({"s3_key": "myapp/main/1.a/", "template_name": {"name": "worker"}}, "texts"),
        ({"s3_key": "myapp/main/1.a/", "s3_bucket": None}, "texts"),
        ({"s3_key": None}, "texts"),
        # What a build job makes of `cloudformation-$NAME-params.json` without a NAME.
        ({"s3_key": "myapp/main/1.a/cloudformation--params.json"}, "cloudformation--params.json"),
    ],
)
def test_a_key_of_no_release_says_what_was_expected(machines, given, mentions):
    execution = machines.start({"s3_bucket": machines.installation.bucket, **given} if given else {})
    execution.failed("InvalidInput", mentions, "{repo}/{branch}/{build_number}.{commit_hash}/")


@pytest.mark.parametrize(
    ("key", "branch", "version"),
    [
        ("{}/feature/x/7.ABC", "feature/x", "7.ABC"),
        ("{}/release/1.2/42.0a1b2c3/", "release/1.2", "42.0a1b2c3"),
        ("{}/main/1.a/2.b", "main/1.a", "2.b"),
        ("{}/main/1.a/2.b/x.json", "main/1.a", "2.b"),
    ],
)
def test_the_first_segment_is_the_repository_and_the_last_the_version(app, machines, key, branch, version):
    given = {"s3_bucket": app.installation.bucket, "s3_key": key.format(app.app)}
    record = machines.record(machines.start(given).succeeded(), app.app)
    assert (record["branch"], record["version"], record["s3_key"]) == (
        branch,
        version,
        f"{app.app}/{branch}/{version}/",
    )


@pytest.mark.parametrize("item", ["default", "repository"])
@pytest.mark.parametrize("environment", [{"S": "my env"}, {"N": "5"}, {"L": [{"S": "dev"}]}], ids=["S", "N", "L"])
def test_an_environment_in_the_table_that_is_none(app, machines, item, environment):
    """The record is where everybody looks: under `dev`."""
    table, repo = machines.installation.table("targets"), app.app if item == "repository" else "default"
    dynamodb = app.local.aws.client("dynamodb", DEPLOYER)
    dynamodb.put_item(TableName=table, Item={"repo": {"S": repo}, "environment": environment})
    try:
        execution = machines.by_hand(app.release).failed("InvalidInput", table, "environment")
    finally:
        dynamodb.delete_item(TableName=table, Key={"repo": {"S": repo}})
    assert machines.record(execution, app.app)["error"] == "InvalidInput"


def test_an_event_of_another_key_is_no_release(app, machines):
    given = event(app.release, "deeper/cloudformation-params.json")
    machines.start(given).failed("InvalidInput", "deeper")


def test_a_long_list_of_pins_is_recorded_by_where_it_lies(app, machines, mocks):
    place = {"s3_bucket": app.installation.bucket, "s3_key": f"{app.release.folder}pinned-0a1b2c3d.json"}
    done = {"bytes_copied": 5, "bytes_present": 0, "notes": []}
    states = {
        "CheckManifest": {"pinned": place, "skipped": False, "image_count": 501, "parameters": {}, "warnings": []},
        "PromoteImages": done,
        "VerifyPull": {},
        "TagImages": done,
    }
    case = mocks.case(
        app.installation.name("single-account"),
        "Long",
        {state: [{"Payload": given}] for state, given in states.items()},
    )
    execution = machines.start(event(app.release), case).succeeded()
    record = machines.record(execution, app.app)
    assert (record["image_count"], record["bytes_copied"]) == (501, 10)
    assert record["digests"] == f"s3://{place['s3_bucket']}/{place['s3_key']}"


def test_the_record_keeps_a_failed_deployment_apart_from_what_was_tagged(app, machines, mocks):
    """A child's failure as Step Functions reports it: its DescribeExecution as JSON, here cut."""
    pushed = app.push("api")
    app.upload()
    machines.of(app.release).succeeded()
    child = {
        "Cause": 'Queue: "no" such\\queue\nand more',
        "Error": "DeployFailed",
        "ExecutionArn": "arn:aws:states:eu-west-1:111122223333:execution:dev-aws-deployer-deploy-stack:x",
        "Input": json.dumps({"Cause": "not this", "Error": "nor this"}),
        "Status": "FAILED",
    }
    thrown = {"Throw": {"Error": "States.TaskFailed", "Cause": json.dumps(child)[:250]}}
    name = machines.installation.name("single-account")
    case = mocks.case(name, "RolledBack", {"DeployCloudFormation": [thrown]})
    execution = machines.start(event(app.release, uploaded="2036-11-21T12:00:00Z"), case)
    execution.failed("DeployFailed", 'Queue: "no" such\\queue\nand more')
    record = machines.record(execution, app.app)
    assert (record["status"], record["error"], record["error_message"]) == ("FAILED", "DeployFailed", child["Cause"])
    assert record["digests"] == {f"{app.app}/api:{TAG}": pushed.digest}
    assert app.target_tags("api") == {TAG: pushed.digest}
    assert machines.holder(app.app) is None


def test_a_registry_that_is_back_after_a_while_is_promoted_to(app, local, machines):
    """The first invocation asks the source six times and gives up, and the one that follows gets what it wants."""
    app.push("api")
    app.release.put("deploy-manifest.json", {"images": app.images})
    down = {"operation": "BatchGetImage", "account": app.installation.source, "repository": f"{app.app}/*", "times": 6}
    local.ecr.control("POST", "faults", {**down, "fault": {"kind": "status", "status": 503}})
    try:
        execution = machines.start(event(app.release)).succeeded()
    finally:
        local.ecr.control("DELETE", "faults")
    assert execution.failures("CheckManifest") == ["RegistryUnavailable"]
    assert [len(execution.failures(state)) for state in ("PromoteImages", "VerifyPull", "TagImages")] == [0, 0, 0]
    assert machines.record(execution, app.app)["status"] == "SUCCESS"
    assert list(app.target_tags("api")) == [TAG]


@pytest.mark.parametrize(
    ("child", "message"),
    [
        ({"Status": "ABORTED"}, "ended as ABORTED"),
        ({"Status": "TIMED_OUT", "Cause": ""}, "ended as TIMED_OUT"),
        # Cut before its status.
        ({}, "did not succeed"),
    ],
    ids=["stopped", "timed-out", "cut"],
)
def test_a_child_that_was_stopped_is_reported_by_its_name_and_status(app, machines, mocks, child, message):
    """It has an input of thousands of characters and no cause."""
    arn = "arn:aws:states:eu-west-1:111122223333:execution:dev-aws-deployer-deploy-stack:x"
    given = json.dumps({"parameters": {"Cause": "not this", "Secret": "s" * 9000}, "Status": "NOT_THIS"})
    thrown = {
        "Throw": {"Error": "States.TaskFailed", "Cause": json.dumps({"ExecutionArn": arn, "Input": given, **child})}
    }
    name = machines.installation.name("single-account")
    case = mocks.case(name, f"Child-{app.app}", {"DeployCloudFormation": [thrown]})
    execution = machines.start(event(app.release), case).failed("States.TaskFailed")
    assert execution.cause == f"the execution {arn} {message}"
    assert machines.record(execution, app.app)["error_message"] == execution.cause


def test_a_failure_without_a_cause_says_where_to_look(app, machines, mocks):
    silent = {"Throw": {"Error": "States.Permissions", "Cause": ""}}
    case = mocks.case(machines.installation.name("single-account"), "Silent", {"CheckManifest": [silent]})
    execution = machines.start(event(app.release), case)
    execution.failed("States.Permissions", execution.arn)


def test_what_is_gone_between_staging_and_tagging_is_staged_again(app, local, machines):
    """As an expiry rule for untagged images does it. The machine as it is deployed, with a pause before it tags."""
    definition = machines.definition()
    definition["States"]["VerifyPull"]["Next"] = "Pause"
    definition["States"]["Pause"] = {"Type": "Wait", "Seconds": 500, "Next": "TagImages"}
    pushed = app.push("api")
    app.release.put("deploy-manifest.json", {"images": app.images})
    given = {"s3_bucket": machines.installation.bucket, "s3_key": app.release.folder}
    execution = machines.start(given, machine=machines.define("paused", definition)).await_state("Pause")
    ecr, repository = local.ecr.ecr(*app.targets[0]), f"{app.app}/api"
    gone = ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageDigest": pushed.digest}])
    assert gone["imageIds"]
    assert app.target_is_empty("api")
    execution.succeeded()
    assert app.target_tags("api") == {TAG: pushed.digest}
