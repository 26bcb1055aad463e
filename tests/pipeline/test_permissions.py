"""The functions use what their roles allow: in a target, only the promotion role writes."""

import fnmatch

import pytest

from pipeline.deployment import DEPLOYER, PROMOTION_ROLE, PULL_ROLE, READ_IMAGES, TARGET, WRITE_IMAGES

TOKEN = "ecr:GetAuthorizationToken"


@pytest.fixture
def used(case, local):
    """What each caller has asked of ECR by the double's account: caller -> actions."""
    case.push("api", "index")
    case.push("worker")
    case.upload()
    pinned = case.succeed("check-manifest")["pinned"]
    for phase in ("stage", "tag"):
        case.succeed("promote-images", phase=phase, pinned=pinned)
    case.succeed("verify-pull", mode="full", pinned=pinned)
    actions = local.ecr.control("GET", "actions")
    return lambda caller: {use["action"] for name in fnmatch.filter(actions, caller) for use in actions[name]}


def test_the_promotion_role_needs_what_it_is_given(used):
    actions = used(f"arn:aws:sts::{TARGET}:assumed-role/{PROMOTION_ROLE}/*")
    assert set(WRITE_IMAGES) <= actions <= {TOKEN, *READ_IMAGES, *WRITE_IMAGES}


def test_the_pull_role_only_reads(used):
    actions = used(f"arn:aws:sts::{TARGET}:assumed-role/{PULL_ROLE}/*")
    assert {TOKEN, "ecr:BatchGetImage"} <= actions <= {TOKEN, *READ_IMAGES}


def test_the_source_is_only_read(used):
    """By the functions' own roles, whose names STS does not tell the double; the pushes are the root's."""
    actions = used(f"arn:aws:sts::{DEPLOYER}:assumed-role/unknown/*")
    assert {TOKEN, "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"} <= actions <= {TOKEN, *READ_IMAGES}
