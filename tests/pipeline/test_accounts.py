"""Who may act in a target account: the roles there, whom they trust, and under which ExternalId."""

import pytest

from pipeline.deployment import DEPLOYER, PROMOTION_ROLE, PULL_ROLE, TARGET, policy

TAKES_ON = pytest.mark.parametrize(
    ("function", "setting"),
    [
        ("check-manifest", "pull_role_name"),
        ("promote-images", "execution_role_name"),
        ("verify-pull", "pull_role_name"),
    ],
)


@pytest.fixture
def ready(case):
    """A release whose image the target has already, so that only the role can be in the way."""
    case.push("api")
    case.upload().succeed("promote-images")
    return case


@TAKES_ON
def test_a_wrong_external_id_is_refused(ready, function, setting):
    ready.fail(function, "AssumeRoleDenied", TARGET, "ExternalId", external_id="somebody-else")


@TAKES_ON
def test_a_role_that_trusts_another_function_is_refused(ready, function, setting):
    other = PROMOTION_ROLE if setting == "pull_role_name" else PULL_ROLE
    ready.fail(function, "AssumeRoleDenied", other, "sts:AssumeRole", **{setting: other})


@TAKES_ON
def test_a_role_that_does_not_exist_is_refused(ready, function, setting):
    ready.fail(function, "AssumeRoleDenied", "no-such-role", **{setting: "no-such-role"})


def test_the_trust_of_the_target_decides(ready, local):
    """The function's own policy allows the role; the role trusts somebody else."""
    stranger = "777788889999"
    somebody = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{TARGET}:root"}, "Action": "sts:AssumeRole"}
    iam = local.aws.client("iam", stranger)
    iam.create_role(RoleName=PROMOTION_ROLE, AssumeRolePolicyDocument=policy(somebody))
    ready.fail("promote-images", "AssumeRoleDenied", stranger, PROMOTION_ROLE, target_account=stranger)


def test_the_source_account_comes_from_ssm_when_nothing_nearer_says_it(ready, local):
    # The parameter belongs to this test's own env, so no other test reads it.
    name = f"/{ready.app}/aws-deployer/source-ecr-account"
    local.aws.client("ssm", DEPLOYER).put_parameter(Name=name, Value=TARGET, Type="String")
    ready.fail("check-manifest", "SourceAccessDenied", TARGET, env=ready.app)
    ready.succeed("check-manifest", env=ready.app, source_ecr_account=DEPLOYER)
