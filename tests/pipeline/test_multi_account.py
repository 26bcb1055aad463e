"""A release is promoted to all targets or, up to tagging, to none."""

import json

import pytest

from pipeline import permissions
from pipeline.case import TAG
from pipeline.pipelines import targets_item

OTHER_ID = {"StringEquals": {"sts:ExternalId": "somebody-else"}}


@pytest.fixture
def app(local, case_in):
    """Repositories in all three targets, which lie in two regions."""
    return case_in(local.multi)


@pytest.fixture
def fault(local):
    """Makes the double fail for one test."""
    yield lambda **rule: local.ecr.control("POST", "faults", rule)
    local.ecr.control("DELETE", "faults")


def place(target: tuple) -> dict:
    return dict(zip(("account", "region"), target, strict=True))


def tags(app) -> list[dict]:
    """The tags of each target."""
    return [app.target_tags("api", target) for target in app.targets]


def test_an_upload_alone_reaches_every_target(app, machines):
    pushed = app.push("api", "index")
    app.images[0]["parameter"] = "ApiImage"
    app.upload(parameters={"Size": "small"})
    execution = machines.of(app.release).succeeded()
    assert tags(app) == [{TAG: pushed.digest}] * 3
    phases = ["FetchTargets", "StageTargets", "VerifyTargets", "TagTargets"]
    assert list(dict.fromkeys(state for state in execution.states if state.endswith("Targets"))) == phases
    batches = [child.succeeded() for child in machines.children("promote-batch", execution)]
    assert [batch.input["phase"] for batch in batches] == ["stage", "verify", "tag"]
    assert [batch.output["targets"] for batch in batches] == [3, 3, 3]
    assert [batch.output["images_promoted"] for batch in batches] == [3, 0, 3]
    assert {(each["account"], each["region"]) for each in batches[0].input["targets"]} == set(app.targets)

    record = machines.record(execution, app.app)
    assert (record["status"], record["image_count"]) == ("SUCCESS", 1)
    assert record["digests"] == {f"{app.app}/api:{TAG}": pushed.digest}
    assert record["bytes_copied"] == batches[0].output["bytes_copied"] > 0
    assert machines.holder(app.app) is None

    given = machines.children("deploy-stackset", execution)[0].input
    assert given["stack_name"] == f"prd-{app.app}"
    assert [(each["account"], each["region"]) for each in given["targets"]] == app.targets
    assert given["parameters"] == {"Size": "small", "ApiImage": f"{app.app}/api@{pushed.digest}"}


def test_a_second_upload_of_a_release_copies_nothing(app, machines):
    app.push("api")
    app.push("worker", "index")
    app.upload()
    first = machines.record(machines.of(app.release).succeeded(), app.app)
    assert first["bytes_copied"] > 0
    assert first["images_present"] == 0
    app.upload()
    second = machines.record(machines.of(app.release, 2).succeeded(), app.app)
    assert second["bytes_copied"] == 0
    assert second["images_present"] == 2 * len(app.targets) == 6
    # All else is the same as when it was copied.
    same = {"repo", "env", "branch", "version", "s3_bucket", "s3_key", "status", "image_count", "digests"}
    assert {name: second[name] for name in same} == {name: first[name] for name in same}
    assert set(second) == set(first) >= same | {"execution_arn", "started_at", "ended_at", "bytes_present", "notes"}


def test_a_release_without_a_manifest_is_deployed_at_once(app, machines):
    app.release.upload(None, {"Size": "small"})
    execution = machines.of(app.release).succeeded()
    assert machines.children("promote-batch", execution) == []
    given = machines.children("deploy-stackset", execution)[0].input
    assert [(each["account"], each["region"]) for each in given["targets"]] == app.targets


def test_one_target_and_an_environment_of_the_repository_alone(app, machines):
    environment = {"environment": {"S": "staging"}}
    machines.put("targets", targets_item(app.app, app.targets[:1], **environment))
    app.push("api")
    app.upload()
    execution = machines.of(app.release).succeeded()
    assert [len(each) for each in tags(app)] == [1, 0, 0]
    assert machines.record(execution, app.app, "staging")["status"] == "SUCCESS"
    given = machines.children("deploy-stackset", execution)[0].input
    assert given["targets"] == [place(app.targets[0])]
    assert given["stack_name"] == f"staging-{app.app}"


@pytest.mark.parametrize(
    ("item", "error", "mentions"),
    [
        ({"targets": {"L": []}}, "NoTargets", ["--targets", "default"]),
        ({"targets": {"S": "444455556666"}}, "NoTargets", []),
        ({"targets": {"L": [{"S": "444455556666"}]}}, "InvalidInput", ['"account":""']),
        ({"targets": {"L": [{"M": {"account": {"N": "444455556666"}}}]}}, "InvalidInput", ["twelve digits"]),
        ([("44445555666", "eu-west-1")], "InvalidInput", ["44445555666"]),
        ([("444455556666", "Ireland"), ("444455556666", "eu-west-1")], "InvalidInput", ["Ireland"]),
        ([("444455556666", "eu-west-1")] * 2 + [("444455556666", "us-east-1")], "InvalidInput", ["more than once"]),
    ],
    ids=["empty", "no-list", "no-map", "number", "account", "region", "twice"],
)
def test_targets_that_are_none_or_wrong_are_reported(app, machines, item, error, mentions):
    machines.put("targets", {"repo": {"S": app.app}, **item} if isinstance(item, dict) else targets_item(app.app, item))
    app.release.upload(None)
    execution = machines.of(app.release).failed(error, app.app, *mentions)
    assert machines.record(execution, app.app)["error"] == error
    assert machines.holder(app.app) is None


@pytest.mark.parametrize("phase", ["stage", "verify"])
def test_one_target_that_fails_before_tagging_leaves_all_untagged(app, local, machines, phase):
    app.push("api")
    part, action = {"stage": ("promotion", "ecr:PutImage"), "verify": ("pull", "ecr:GetDownloadUrlForLayer")}[phase]
    account, _ = app.targets[2]
    denying = permissions.denying(action)
    with permissions.changed(local.ecr, local.aws, account, app.installation.role(part), denying):
        app.upload()
        execution = machines.of(app.release).failed("TargetAccessDenied", f"{account}/eu-west-1", action)
    assert tags(app) == [{}, {}, {}]
    assert [batch.input["phase"] for batch in machines.children("promote-batch", execution)][-1] == phase
    record = machines.record(execution, app.app)
    assert (record["status"], record["error"], record["digests"]) == ("FAILED", "TargetAccessDenied", {})
    assert record["error_message"] == execution.cause
    assert machines.holder(app.app) is None
    assert machines.children("deploy-stackset", execution) == []

    app.upload()
    machines.of(app.release, 2).succeeded()
    assert [len(each) for each in tags(app)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("phase", "operation", "skip"),
    [("stage", "v2.PutUpload", 2), ("stage", "PutImage", 2), ("verify", "v2.GetBlob", 2)],
)
def test_one_target_that_fails_in_the_middle_of_a_phase_leaves_all_untagged(
    app, local, machines, fault, phase, operation, skip
):
    """An index of two platforms has blobs and manifests enough that some are through before it happens."""
    app.push("api", "index")
    refusal = {"kind": "error", "code": "KmsException"}
    fault(operation=operation, repository=f"{app.app}/*", skip=skip, fault=refusal, **place(app.targets[2]))
    app.upload()
    execution = machines.of(app.release)
    assert execution.status == "FAILED"
    assert "/".join(app.targets[2]) in execution.cause
    assert [batch.input["phase"] for batch in machines.children("promote-batch", execution)][-1] == phase
    assert tags(app) == [{}, {}, {}]
    assert machines.record(execution, app.app)["error_message"] == execution.cause
    assert machines.holder(app.app) is None

    local.ecr.control("DELETE", "faults")
    app.upload()
    machines.of(app.release, 2).succeeded()
    assert [len(each) for each in tags(app)] == [1, 1, 1]


def test_one_target_that_fails_to_tag_is_reported_and_the_next_upload_goes_on(app, local, machines, fault):
    app.push("api")
    account, region = app.targets[1]
    refusal = {"kind": "error", "code": "KmsException"}
    fault(operation="PutImage", repository=f"{app.app}/*", account=account, region=region, reference=TAG, fault=refusal)
    app.upload()
    execution = machines.of(app.release)
    assert execution.status == "FAILED"
    assert f"{account}/{region}" in execution.cause
    assert [batch.input["phase"] for batch in machines.children("promote-batch", execution)][-1] == "tag"
    assert [len(each) for each in tags(app)] == [1, 0, 1]
    record = machines.record(execution, app.app)
    assert (record["status"], record["error_message"]) == ("FAILED", execution.cause)
    assert machines.holder(app.app) is None

    local.ecr.control("DELETE", "faults")
    app.upload()
    assert machines.record(machines.of(app.release, 2).succeeded(), app.app)["bytes_copied"] == 0
    assert [len(each) for each in tags(app)] == [1, 1, 1]


def test_what_was_staged_and_is_gone_is_brought_again_before_it_is_tagged(app, local, machines):
    """As an expiry rule for untagged images does it, between two phases."""
    pushed = app.push("api")
    app.upload()
    first = machines.of(app.release).succeeded()
    stage, verify, tag = machines.children("promote-batch", first)
    ecr = local.ecr.ecr(*app.targets[1])
    digest = {"imageDigest": pushed.digest}
    ecr.batch_delete_image(repositoryName=f"{app.app}/api", imageIds=[digest])
    batch = machines.installation.machine("promote-batch")
    machines.start(verify.input, machine=batch).failed("PullFailed", "us-east-1", pushed.digest)
    machines.start(tag.input, machine=batch).succeeded()
    assert [len(each) for each in tags(app)] == [1, 1, 1]


def test_a_target_that_trusts_nobody_is_reported_with_what_its_trust_needs(app, local, machines):
    app.push("api")
    # Without what starts it.
    app.release.put("deploy-manifest.json", {"images": app.images})
    account, _ = app.targets[2]
    iam = local.aws.client("iam", account)
    role = machines.installation.role("promotion")
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    try:
        for change in ({"Principal": {"AWS": f"arn:aws:iam::{account}:root"}}, {"Condition": OTHER_ID}):
            (statement,) = trust["Statement"]
            changed = {**trust, "Statement": [{**statement, **change}]}
            iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(changed))
            execution = machines.by_hand(app.release).failed("AssumeRoleDenied", role, account)
            assert machines.record(execution, app.app)["error"] == "AssumeRoleDenied"
            assert tags(app) == [{}, {}, {}]
    finally:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
