"""verify-pull finds what a consumer of the target would trip over."""

import json

import pytest

from pipeline.deployment import TARGET

MODES = pytest.mark.parametrize("mode", ["reach", "full"])


@pytest.fixture
def promoted(case):
    case.push("api", "index")
    case.push("worker", "zstd")
    case.upload().succeed("promote-images")
    return case


def last_layer(case, name: str) -> str:
    body = json.loads(case.layout.blob(case.layout.tags[name].digest).read_bytes())
    if "manifests" in body:
        body = json.loads(case.layout.blob(body["manifests"][0]["digest"]).read_bytes())
    return body["layers"][-1]["digest"]


@MODES
def test_a_whole_release_can_be_pulled(promoted, mode):
    for by in ("digest", "tag"):
        verified = promoted.succeed("verify-pull", mode=mode, by=by)
        assert (verified["images_verified"], verified["mode"], verified["by"]) == (2, mode, by)
        # Nothing is downloaded only to see that it could be.
        assert (verified["bytes_read"] > 0) == (mode == "full")


@MODES
@pytest.mark.parametrize("name", ["api", "worker"])
def test_a_blob_that_vanished_fails(promoted, mode, name):
    digest = last_layer(promoted, name)
    promoted.local.ecr.blob_file(TARGET, digest).unlink()
    promoted.fail("verify-pull", "PullFailed", f"{promoted.app}/{name}", digest, mode=mode)


def test_a_flipped_byte_fails_when_every_byte_is_read(promoted):
    digest = last_layer(promoted, "worker")
    path = promoted.local.ecr.blob_file(TARGET, digest)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    promoted.succeed("verify-pull", mode="reach")
    promoted.fail("verify-pull", "PullFailed", f"{promoted.app}/worker", digest, mode="full")


def test_an_image_that_was_never_promoted_fails(case):
    case.push("api")
    case.upload().fail("verify-pull", "PullFailed", f"{case.app}/api")
