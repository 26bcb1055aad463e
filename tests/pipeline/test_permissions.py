"""The functions need what their roles allow and no more: in a target, only the promotion role writes."""

import fnmatch

import pytest

from pipeline.deployment import (
    DEPLOYER,
    LAMBDAS,
    PROMOTION_ROLE,
    PULL_ROLE,
    READ_SOURCE,
    REPOSITORY_ACTIONS,
    SOURCE_REGISTRY_ACTIONS,
    TARGET,
    TARGET_REGISTRY_ACTIONS,
)


@pytest.fixture
def used(case, local):
    """What a role of an account has asked of ECR, by the double's account, once a release has gone through."""
    case.push("api", "index")
    case.push("worker")
    case.upload()
    pinned = case.succeed("check-manifest")["pinned"]
    for phase in ("stage", "tag"):
        case.succeed("promote-images", phase=phase, pinned=pinned)
    case.succeed("verify-pull", mode="full", pinned=pinned)
    actions = local.ecr.control("GET", "actions")

    def of(account: str, role: str) -> set:
        callers = fnmatch.filter(actions, f"arn:aws:sts::{account}:assumed-role/{role}/*")
        return {use["action"] for caller in callers for use in actions[caller]}

    return of


def test_the_promotion_role_needs_what_it_is_given(used):
    # Mounting reads the repository that it mounts from; it is off in this account.
    mounting = {"ecr:GetDownloadUrlForLayer"}
    needed = used(TARGET, PROMOTION_ROLE) | mounting
    assert needed == REPOSITORY_ACTIONS[PROMOTION_ROLE] | TARGET_REGISTRY_ACTIONS


def test_the_pull_role_needs_what_it_is_given(used):
    assert used(TARGET, PULL_ROLE) == REPOSITORY_ACTIONS[PULL_ROLE] | TARGET_REGISTRY_ACTIONS


@pytest.mark.parametrize("function", LAMBDAS)
def test_the_source_is_only_read(used, function):
    actions = used(DEPLOYER, f"drayage-{function}")
    assert "ecr:BatchGetImage" in actions
    assert actions <= READ_SOURCE | SOURCE_REGISTRY_ACTIONS
