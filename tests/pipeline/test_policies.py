"""Every action on ECR that the templates allow is needed: without it a release fails, and says what to add."""

import json

import pytest

from pipeline import permissions
from pipeline.deployment import DEPLOYER, TARGET
from pipeline.pipelines import machines_of

# Whose policy lacks what, and which function finds out.
NEEDED = {
    "promotion": {
        "ecr:BatchCheckLayerAvailability": "promote-images",
        "ecr:BatchGetImage": "promote-images",
        "ecr:CompleteLayerUpload": "promote-images",
        "ecr:DescribeRepositories": "promote-images",
        "ecr:GetAuthorizationToken": "promote-images",
        "ecr:InitiateLayerUpload": "promote-images",
        "ecr:PutImage": "promote-images",
        "ecr:UploadLayerPart": "promote-images",
    },
    "pull": {
        "ecr:BatchCheckLayerAvailability": "check-manifest",
        "ecr:BatchGetImage": "verify-pull",
        "ecr:DescribeRepositories": "check-manifest",
        "ecr:GetAuthorizationToken": "verify-pull",
        "ecr:GetDownloadUrlForLayer": "verify-pull",
    },
}
# Which a release goes through without.
OPTIONAL = {
    "promotion": {"ecr:GetAccountSetting", "ecr:GetDownloadUrlForLayer"},
    "pull": {"ecr:GetAccountSetting", "ecr:GetLifecyclePolicy"},
}


def advised(message: str, principal: str) -> dict:
    """The statement that an error says to add, once for each problem."""
    _, text, *_ = message.split(f"Add to the identity policy of {principal}: ")
    statement, _ = json.JSONDecoder().raw_decode(text)
    return statement


def fails_until_added(case, hold_to, account: str, role: str, function: str, action: str, error: str) -> None:
    without = permissions.without(action)
    hold_to(account, role, without)
    answer = case.fail(function, error, f"not authorized to perform: {action} on resource: ")
    statement = advised(answer.message, f"arn:aws:iam::{account}:role/{role}")
    assert action in statement["Action"]
    # The statement does what it says.
    hold_to(account, role, lambda each: [*without(each), statement])
    case.succeed(function)


@pytest.mark.parametrize(
    ("part", "action", "function"),
    [(part, *needed) for part, actions in NEEDED.items() for needed in actions.items()],
)
def test_a_role_of_a_target_that_lacks_an_action_is_shown_the_statement(case, hold_to, part, action, function):
    case.push("api")
    case.upload()
    if function == "verify-pull":
        case.succeed("promote-images")
    role = case.installation.role(part)
    fails_until_added(case, hold_to, TARGET, role, function, action, "TargetAccessDenied")


@pytest.mark.parametrize(
    ("function", "action"),
    [
        ("check-manifest", "ecr:BatchGetImage"),
        # The config says for which platform an image is.
        ("check-manifest", "ecr:GetAuthorizationToken"),
        ("check-manifest", "ecr:GetDownloadUrlForLayer"),
        ("promote-images", "ecr:BatchGetImage"),
        ("promote-images", "ecr:GetAuthorizationToken"),
        ("promote-images", "ecr:GetDownloadUrlForLayer"),
        ("verify-pull", "ecr:BatchGetImage"),
    ],
)
def test_a_function_that_lacks_an_action_on_the_source_is_shown_the_statement(case, hold_to, function, action):
    case.push("api")
    if function == "check-manifest":
        case.images[0]["platforms"] = ["linux/amd64"]
    case.upload()
    if function == "verify-pull":
        case.succeed("promote-images")
    role = case.installation.role(function)
    fails_until_added(case, hold_to, DEPLOYER, role, function, action, "SourceAccessDenied")


def test_a_build_ends_with_the_statement_that_a_role_lacks(case_in, local, hold_to):
    app = case_in(local.single)
    app.push("api")
    role = app.installation.role("promotion")
    hold_to(DEPLOYER, role, permissions.without("ecr:PutImage"))
    app.upload()
    machines = machines_of(app.installation)
    execution = machines.of(app.release).failed("TargetAccessDenied", "not authorized to perform: ecr:PutImage")
    assert "ecr:PutImage" in advised(execution.cause, app.installation.role_arn("promotion"))["Action"]
    assert machines.record(execution, app.app)["error_message"] == execution.cause
    assert app.target_is_empty("api")


def test_what_need_not_be_known_fails_nothing(case, local, hold_to):
    """docs/operations.md, "ECR permissions, and why": what becomes of a release without these."""
    case.push_family("api", "worker")
    case.upload()
    pull, promotion = (case.installation.role(part) for part in ("pull", "promotion"))
    hold_to(TARGET, pull, permissions.without(*OPTIONAL["pull"]))
    assert "ecr:GetLifecyclePolicy" in json.dumps(case.succeed("check-manifest")["warnings"])
    hold_to(TARGET, promotion, permissions.without(*OPTIONAL["promotion"]))
    assert case.succeed("promote-images")["images_promoted"] == 2


@pytest.mark.parametrize("part", NEEDED)
def test_these_are_all_that_the_templates_allow(case, local, part):
    granted = permissions.actions(local.aws, TARGET, case.installation.role(part), "ecr")
    assert granted == {*NEEDED[part], *OPTIONAL[part]}


@pytest.mark.parametrize(
    "narrow",
    [
        {"Resource": "arn:*:ecr:*:*:repository/others/*"},
        {"Resource": "arn:*:ecr:us-west-2:*:repository/*"},
        {"Condition": {"StringEquals": {"aws:ResourceAccount": DEPLOYER}}},
    ],
    ids=["repositories", "region", "account"],
)
def test_a_statement_about_something_else_does_not_help(case, hold_to, narrow):
    case.push("api")
    promotion = case.installation.role("promotion")
    hold_to(TARGET, promotion, lambda each: [{**each, **narrow} if "Condition" in each else each])
    case.upload().fail("promote-images", "TargetAccessDenied", "because no identity-based policy allows")
    assert case.target_is_empty("api")
