"""Who may act in a target account: the roles there, whom they trust, under which ExternalId, and in which accounts."""

import dataclasses

import pytest
from botocore.exceptions import ClientError

from pipeline import permissions
from pipeline.deployment import DEPLOYER, EXTERNAL_ID, LAMBDAS, OTHER, TARGET, policy

# Which role of a target account a function may take on. Only promote-images may write.
PARTS = {"check-manifest": "pull", "promote-images": "promotion", "verify-pull": "pull"}
SETTINGS = {"pull": "pull_role_name", "promotion": "execution_role_name"}
FUNCTIONS = pytest.mark.parametrize("function", LAMBDAS)


@pytest.fixture
def ready(case):
    """A release whose image the target has already, so that only the role can be in the way."""
    case.push("api")
    case.upload().succeed("promote-images")
    return case


def setting(case, function: str, part: str) -> dict:
    """The event's field that has a function take on that role, as somebody would who wants more than it is given."""
    return {SETTINGS[PARTS[function]]: case.installation.role(part)}


@FUNCTIONS
def test_a_wrong_external_id_is_refused(ready, function):
    ready.fail(function, "AssumeRoleDenied", TARGET, "ExternalId", external_id="somebody-else")


@FUNCTIONS
def test_a_role_for_another_function_is_refused(ready, function):
    other = "promotion" if PARTS[function] == "pull" else "pull"
    role = ready.installation.role(other)
    ready.fail(function, "AssumeRoleDenied", role, "sts:AssumeRole", **setting(ready, function, other))


@FUNCTIONS
def test_a_role_that_does_not_exist_is_refused(ready, function):
    field = SETTINGS[PARTS[function]]
    ready.fail(function, "AssumeRoleDenied", "no-such-role", **{field: "no-such-role"})


@pytest.fixture
def stranger(ready, local, request):
    """An account that is not listed, although it has a role of the right name that trusts everybody here."""
    account, role = "999900001111", ready.installation.role("promotion")
    iam = local.aws.client("iam", account)
    everybody = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{DEPLOYER}:root"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=policy(everybody))
    yield account
    iam.delete_role(RoleName=role)


def test_an_account_that_is_not_listed_is_refused(ready, stranger):
    role = ready.installation.role("promotion")
    ready.fail("promote-images", "AssumeRoleDenied", stranger, role, target_account=stranger)


def test_only_the_list_of_accounts_is_in_the_way(ready, local, stranger):
    """The same role, once the function's policy says nothing of accounts: the check above tests what it says."""
    iam = local.aws.client("iam", DEPLOYER)
    name, role = ready.installation.role("promote-images"), ready.installation.role("promotion")
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::*:role/{role}"}
    iam.put_role_policy(RoleName=name, PolicyName="any-account", PolicyDocument=policy(allow))
    try:
        answer = ready.invoke("promote-images", target_account=stranger)
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="any-account")
    assert answer.error not in ("", "AssumeRoleDenied"), answer.payload


@pytest.mark.parametrize("part", ["promotion", "pull"])
def test_the_trust_of_the_target_decides(ready, local, part):
    """The function's own policy allows the role; the role trusts somebody else."""
    iam, role = local.aws.client("iam", OTHER), ready.installation.role(part)
    before = permissions.trust(local.aws, OTHER, role)
    somebody = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{TARGET}:root"}, "Action": "sts:AssumeRole"}
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=policy(somebody))
    try:
        for function in (function for function in LAMBDAS if PARTS[function] == part):
            ready.fail(function, "AssumeRoleDenied", OTHER, role, target_account=OTHER)
    finally:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=policy(*before))


def test_nobody_else_in_the_deployers_account_is_trusted(ready, local):
    """Not even who may assume anything: the trust names the functions' roles."""
    sts = local.aws.client("sts", DEPLOYER)
    for part in ("promotion", "pull"):
        arn = ready.installation.role_arn(part, TARGET)
        with pytest.raises(ClientError, match="AccessDenied"):
            sts.assume_role(RoleArn=arn, RoleSessionName="anybody", ExternalId=EXTERNAL_ID)


@FUNCTIONS
@pytest.mark.parametrize("mode", ["single", "multi"])
def test_a_function_may_take_on_one_role_in_the_listed_accounts(local, mode, function):
    installation = getattr(local, mode)
    role = installation.role(PARTS[function])
    accounts = sorted({account for account, _ in installation.targets})
    [allowed] = [
        statement
        for statement in permissions.statements(local.aws, DEPLOYER, installation.role(function))
        if "sts:AssumeRole" in permissions.listed(statement["Action"])
    ]
    assert permissions.listed(allowed["Resource"]) == [f"arn:aws:iam::*:role/{role}"]
    assert allowed["Condition"] == {"StringEquals": {"aws:ResourceAccount": accounts}}


def test_the_source_account_comes_from_ssm_when_nothing_nearer_says_it(ready, local):
    # The parameter belongs to this test's own env, so no other test reads it.
    name = f"/{ready.app}/aws-deployer/source-ecr-account"
    local.aws.client("ssm", DEPLOYER).put_parameter(Name=name, Value=TARGET, Type="String")
    ready.fail("check-manifest", "SourceAccessDenied", TARGET, env=ready.app)
    ready.succeed("check-manifest", env=ready.app, source_ecr_account=DEPLOYER)


@pytest.mark.parametrize("account", [DEPLOYER, TARGET])
def test_another_environment_may_have_another_source(local, case_in, account):
    """Images of `dev` come from OTHER. Those of an environment without a parameter come from here."""
    outputs = dict(local.single.outputs)
    if account == DEPLOYER:
        # Here the functions' own policy decides alone.
        del outputs["SourceRepositoryPolicy"]
    app = case_in(dataclasses.replace(local.single, source=account, outputs=outputs))
    if account != DEPLOYER:
        name = f"/{app.app}/aws-deployer/source-ecr-account"
        local.aws.client("ssm", DEPLOYER).put_parameter(Name=name, Value=account, Type="String")
    # The deployer's account is the target, too: one repository is both.
    pushed = app.push("api", target=account != DEPLOYER)
    app.upload()
    [pinned] = app.succeed("check-manifest", env=app.app)["pinned"]
    assert pinned["digest"] == pushed.digest


def test_the_template_says_where_the_source_is(local):
    ssm = local.aws.client("ssm", DEPLOYER)
    assert ssm.get_parameter(Name="/dev/aws-deployer/source-ecr-account")["Parameter"]["Value"] == OTHER
    with pytest.raises(ClientError, match="ParameterNotFound"):
        ssm.get_parameter(Name="/prd/aws-deployer/source-ecr-account")
