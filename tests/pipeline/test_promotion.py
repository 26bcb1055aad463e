"""A release goes from the source account to the target account, whatever its images are."""

import pytest

from pipeline.case import TAG
from pipeline.deployment import DEPLOYER, LAMBDAS, TARGET
from pipeline.image_kinds import KINDS


@pytest.mark.parametrize("function", LAMBDAS)
def test_a_release_without_a_manifest_is_skipped(case, function):
    case.release.upload(None)
    assert case.succeed(function)["skipped"] is True


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_of_every_kind_arrives_byte_for_byte(case, kind):
    pushed = case.push("api", kind)
    case.upload()
    promoted = case.succeed("promote-images")
    assert promoted["images_promoted"] == 1
    assert promoted["skipped"] is False
    assert promoted["images"] == [f"{case.target.host}/{case.app}/api:{TAG}"]
    assert case.target_tags("api") == {TAG: pushed.digest}
    assert case.target.digests(f"{case.app}/api", TAG) == case.source.digests(f"{case.app}/api", TAG)
    verified = case.succeed("verify-pull", mode="full", by="tag")
    assert verified["images_verified"] == 1


def test_several_images_arrive_with_the_layers_they_share(case):
    case.push_family("api", "worker", "jobs")
    promoted = case.upload().succeed("promote-images")
    assert promoted["images_promoted"] == 3
    for name in ("api", "worker", "jobs"):
        assert case.target_tags(name) == {TAG: case.layout.tags[name].digest}
    assert promoted["targets"][0]["account"] == TARGET


def test_phases_stage_then_tag(case):
    pushed = case.push("api", "index")
    case.upload()
    pinned = case.succeed("check-manifest")["pinned"]
    assert [(image["repository"], image["digest"]) for image in pinned] == [(f"{case.app}/api", pushed.digest)]
    assert case.target_is_empty("api")

    staged = case.succeed("promote-images", phase="stage", pinned=pinned)
    assert staged["phase"] == "stage"
    assert case.target_tags("api") == {}
    assert case.target.has_manifest(f"{case.app}/api", pushed.digest)
    assert case.succeed("verify-pull", mode="full", by="digest", pinned=pinned)["images_verified"] == 1

    case.succeed("promote-images", phase="tag", pinned=pinned)
    assert case.target_tags("api") == {TAG: pushed.digest}


def test_a_second_run_copies_nothing_and_counts_the_images_again(case):
    case.push("api", "index")
    case.push("worker", imageTagMutability="IMMUTABLE")
    case.upload()
    first = case.succeed("promote-images")
    assert first["bytes_copied"] > 0
    again = case.succeed("promote-images")
    assert (again["images_promoted"], again["bytes_copied"], again["blobs_copied"]) == (2, 0, 0)
    assert again["digests"] == first["digests"]


def test_the_stack_gets_the_image_it_asks_for(case):
    pushed = case.push("api")
    case.images[0]["parameter"] = "ApiImage"
    case.upload(parameters={"Environment": "dev", "Size": "small"})
    case.release.put(f"cloudformation-params.{case.installation.environment}.json", {"Size": "tiny"})
    parameters = case.succeed("check-manifest")["parameters"]
    assert parameters["Environment"] == "dev"
    assert parameters["Size"] == "tiny"
    assert parameters["ApiImage"] == f"{case.target.host}/{case.app}/api@{pushed.digest}"


def test_a_long_list_of_pins_travels_through_s3(case):
    """500 tags of one image, which a state machine could not pass on."""
    pushed = case.push("api")
    ecr = case.local.ecr.ecr(DEPLOYER)
    manifest = case.layout.blob(pushed.digest).read_text()
    for number in range(500):
        tag = f"{'x' * 120}-{number}"
        ecr.put_image(repositoryName=f"{case.app}/api", imageManifest=manifest, imageTag=tag)
        case.images.append({"repository": f"{case.app}/api", "tag": tag})
    pinned = case.upload().succeed("check-manifest")["pinned"]
    assert pinned["s3_key"].startswith(case.release.folder)
    staged = case.succeed("promote-images", phase="stage", pinned=pinned)
    assert (staged["images_promoted"], staged["targets"][0]["manifests_put"]) == (501, 1)
    assert case.succeed("verify-pull", pinned=pinned)["images_verified"] == 501


@pytest.mark.parametrize("key", ["", "cloudformation-params.json", "deploy-manifest.json"])
def test_the_key_may_be_the_folder_or_any_file_in_it(case, key):
    case.push("api")
    case.upload()
    assert case.succeed("check-manifest", s3_key=case.release.folder + key)["image_count"] == 1
    assert case.succeed("check-manifest", s3_key=case.release.folder.rstrip("/"))["image_count"] == 1
