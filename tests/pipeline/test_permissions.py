"""The functions need what their roles allow and no more: in a target, only the promotion role writes."""

import fnmatch
import itertools

import pytest

from pipeline import permissions
from pipeline.case import Case
from pipeline.deployment import DEPLOYER, LAMBDAS

WRITES = {"ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"}
_numbers = itertools.count(1)


@pytest.fixture(params=["single", "multi"])
def case(local, tmp_path, request):
    return Case(local, tmp_path, f"needs{next(_numbers)}", getattr(local, request.param))


@pytest.fixture
def mounting(local):
    """Mounting reads the repository that it mounts from; elsewhere it is off, as in an account that sets nothing."""
    registries = [local.ecr.ecr(*place) for place in {*local.single.targets, *local.multi.targets}]
    for registry in registries:
        registry.put_account_setting(name="BLOB_MOUNTING", value="ENABLED")
    yield
    for registry in registries:
        registry.put_account_setting(name="BLOB_MOUNTING", value="DISABLED")


@pytest.fixture
def used(case, local, mounting):
    """What a role of an account has asked of ECR, by the double's account, once a release has gone through."""
    case.push_family("api", "worker")
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


@pytest.mark.parametrize("part", ["promotion", "pull"])
def test_a_role_of_a_target_is_given_what_it_needs(case, used, local, part):
    account, role = case.targets[0][0], case.installation.role(part)
    granted = permissions.actions(local.aws, account, role)
    assert used(account, role) == granted
    assert granted & WRITES == (WRITES if part == "promotion" else set())


def test_the_source_is_only_read(case, used, local):
    granted = {}
    for function in LAMBDAS:
        role = case.installation.role(function)
        granted[function] = permissions.actions(local.aws, DEPLOYER, role, "ecr")
        assert used(DEPLOYER, role) <= granted[function]
        assert not granted[function] & WRITES
    # The others ask for less, and one policy is theirs together.
    assert used(DEPLOYER, case.installation.role("promote-images")) == granted["promote-images"]
