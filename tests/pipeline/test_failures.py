"""What cannot work fails by its name, says what to change, and writes nothing to the target."""

import pytest

from pipeline import permissions
from pipeline.case import TAG
from pipeline.deployment import TARGET

BOTH = pytest.mark.parametrize("function", ["check-manifest", "promote-images"])


@BOTH
def test_an_image_that_the_source_has_not(case, function):
    case.push("api")
    case.images.append({"repository": f"{case.app}/api", "tag": "9.9.9"})
    case.upload().fail(function, "SourceImageNotFound", f"{case.app}/api", "9.9.9")
    assert case.target_is_empty("api")


@BOTH
def test_a_repository_that_the_target_has_not(case, function):
    case.push("api")
    case.push("worker", target=False)
    case.upload().fail(function, "TargetRepositoryNotFound", f"{case.app}/worker", TARGET)
    assert case.target_is_empty("api")


@BOTH
def test_an_immutable_tag_that_holds_another_image(case, function):
    case.push("api", imageTagMutability="IMMUTABLE")
    case.layout.tag("other", case.layout.image([case.layout.layer({"other": b"image"})]))
    held = case.target.push(case.layout, "other", f"{case.app}/api", TAG)
    case.push("worker")
    case.upload().fail(function, "TagConflict", f"{case.app}/api", TAG, held.digest)
    assert case.target_tags("api") == {TAG: held.digest}
    assert case.target_is_empty("worker")


def test_a_tag_that_moved_since_it_was_pinned(case):
    case.push("api")
    case.images[0]["digest"] = "sha256:" + "0" * 64
    case.upload().fail("promote-images", "DigestMismatch", f"{case.app}/api")
    assert case.target_is_empty("api")


@BOTH
@pytest.mark.parametrize(
    ("manifest", "mentions"),
    [
        ("{", "deploy-manifest.json"),
        ({"images": []}, "images"),
        ({"images": [{"repository": "a/b", "tag": "1", "colour": "red"}]}, "colour"),
        ({"images": [{"repository": "a/b"}]}, "tag"),
        ({"images": [{"repository": "A/B", "tag": "1"}]}, "A/B"),
        ({"images": [{"repository": "a/b", "tag": "no good"}]}, "no good"),
        ({"images": [{"repository": "a/b", "tag": "1"}, {"repository": "a/b", "tag": "1"}]}, "a/b"),
    ],
    ids=["not-json", "no-images", "unknown-field", "no-tag", "bad-repository", "bad-tag", "twice"],
)
def test_a_manifest_that_is_wrong(case, function, manifest, mentions):
    case.upload()
    case.release.put("deploy-manifest.json", manifest)
    case.fail(function, "InvalidManifest", mentions)


@pytest.mark.parametrize("function", ["check-manifest", "promote-images", "verify-pull"])
@pytest.mark.parametrize(
    ("change", "mentions"),
    [
        ({"s3_key": "deploy-manifest.json"}, "s3_key"),
        ({"s3_bucket": ""}, "s3_bucket"),
        ({"target_account": "12345"}, "target_account"),
        ({"env": None}, "env"),
    ],
    ids=["key-of-no-release", "no-bucket", "bad-account", "no-env"],
)
def test_an_event_that_is_wrong(case, function, change, mentions):
    case.push("api")
    case.upload().fail(function, "InvalidInput", mentions, **change)


@pytest.mark.parametrize("field", ["phase", "mode", "by"])
def test_an_unknown_choice_in_the_event(case, field):
    function = "promote-images" if field == "phase" else "verify-pull"
    case.push("api")
    case.upload().fail(function, "InvalidInput", field, **{field: "sideways"})


@BOTH
def test_a_source_of_another_account_that_shares_nothing(case, function):
    case.push("api")
    case.upload().fail(function, "SourceAccessDenied", "ecr:BatchGetImage", source_ecr_account=TARGET)
    assert case.target_is_empty("api")


@pytest.mark.parametrize(
    ("function", "action"),
    [
        ("check-manifest", "ecr:DescribeRepositories"),
        ("promote-images", "ecr:InitiateLayerUpload"),
        ("promote-images", "ecr:PutImage"),
        ("verify-pull", "ecr:GetDownloadUrlForLayer"),
    ],
)
@pytest.mark.parametrize("explicit", [False, True], ids=["not-allowed", "denied"])
def test_a_role_of_the_target_that_lacks_a_permission(case, hold_to, function, action, explicit):
    case.push("api")
    case.upload()
    if function == "verify-pull":
        case.succeed("promote-images")
    role = case.installation.role("promotion" if function == "promote-images" else "pull")
    hold_to(TARGET, role, (permissions.denying if explicit else permissions.without)(action))
    case.fail(function, "TargetAccessDenied", action, f"{case.app}/api", *(["explicit deny"] if explicit else []))
    if function != "verify-pull":
        assert case.target_is_empty("api")
