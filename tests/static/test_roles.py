"""What holds for every role: resources are named, roles are passed to one service only, and only one role writes."""

import json
import re

import pytest

from static import errors, grants, template
from static.parameter_sets import GIVEN, INSTALLATIONS, installed

FUNCTIONS = {
    "CheckManifest": "dev-aws-deployer-pull",
    "PromoteImages": "dev-aws-deployer-promotion",
    "VerifyPull": "dev-aws-deployer-pull",
}
POLICY = "arn:aws:iam::444455556666:policy/stacks"
# What StackSets needs of an execution role, beside what its stacks contain. Source: CloudFormation User Guide, "Grant
# self-managed permissions": all of CloudFormation, and S3 and SNS, where it names no bucket and no topic.
STACK_SETS = {
    ("cloudformation:*", "arn:aws:cloudformation:*:111122223333:stack/StackSet-*/*"),
    ("s3:GetObject", "*"),
    ("sns:Publish", "*"),
}
ECR_WRITES = re.compile(
    r"ecr:(Put|Initiate|Upload|Complete|Batch(Delete|Import)|Create|Delete|Set|Replicate|Start|Update)"
)


def roles(installation) -> list:
    return list(installation.of_type("AWS::IAM::Role"))


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_a_wildcard_stands_only_where_no_arn_is_possible(name):
    for installation in (installed(name), target(StackSetExecutionPolicyArn=POLICY)):
        for role in roles(installation):
            for grant in grants.grants(installation, role):
                if role == "StackSetExecutionRole" and grant.pair in STACK_SETS:
                    continue
                assert "*" not in grant.action, f"{role}: {grant.action}"
                assert grant.action.lower() in grants.known_actions(), f"{role}: {grant.action} is no action"
                if grant.resource == "*":
                    assert grants.may_be_wildcard(grant.action), f"{role}: {grant.action} could name its resources"


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_a_role_is_passed_to_cloudformation_only(name):
    installation = installed(name)
    for role in roles(installation):
        for grant in grants.grants(installation, role):
            if grant.action == "iam:PassRole":
                condition = json.loads(grant.condition)
                assert condition == {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}, role
                assert "*" not in grant.resource, role


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_a_function_assumes_one_role_in_the_accounts_that_are_listed(name):
    installation = installed(name)
    expected = INSTALLATIONS[name]
    for function, default in FUNCTIONS.items():
        found = [grant for grant in grants.grants(installation, role(installation, function)) if "sts:" in grant.action]
        assert [grant.action for grant in found] == ["sts:AssumeRole"], function
        parameter = "PromotionRoleName" if function == "PromoteImages" else "PullRoleName"
        assert found[0].resource == f"arn:aws:iam::*:role/{expected.get(parameter, default)}"
        condition = json.loads(found[0].condition)["StringEquals"]
        if "OrganizationId" in expected:
            assert condition == {"aws:ResourceOrgID": expected["OrganizationId"]}
        else:
            accounts = expected.get("TargetAccounts", "111122223333").split(",")
            assert grants.listed(condition["aws:ResourceAccount"]) == accounts


def role(installation, function: str) -> str:
    arn = installation.resources[function]["Properties"]["Role"]
    return next(name for name in roles(installation) if installation.arn(name) == arn)


def test_only_the_promotion_role_writes_to_a_registry():
    writers = {
        name
        for installation in (installed("single"), installed("multi"), target())
        for name in roles(installation)
        if any(ECR_WRITES.match(grant.action) for grant in grants.grants(installation, name))
    }
    assert writers == {"PromotionRole"}


def target(**parameters):
    return template.load(template.TARGET, DeployerAccount="111122223333", **parameters)


def test_the_target_s_roles_trust_exactly_the_functions_that_assume_them():
    installation = target(ExternalId="transship")
    trusted = {}
    for name, resource in installation.of_type("AWS::IAM::Role").items():
        (statement,) = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        trusted[name] = set(grants.listed(statement["Principal"]["AWS"]))
        assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": "transship"}}, name
    deployer = installed("single")
    functions = {name: deployer.arn(role(deployer, name)) for name in FUNCTIONS}
    assert trusted == {
        "PromotionRole": {functions["PromoteImages"]},
        "PullRole": {functions["CheckManifest"], functions["VerifyPull"]},
    }


def test_the_rule_starts_the_pipeline_and_nothing_else():
    for mode in ("single", "multi"):
        installation = installed(mode)
        (grant,) = grants.grants(installation, "ReleaseRole")
        assert grant.pair == ("states:StartExecution", installation.arn("Pipeline"))


def test_a_stack_set_assumes_the_execution_role_in_the_accounts_that_are_listed():
    (grant,) = grants.grants(installed("multi"), "StackSetAdministrationRole")
    assert grant.pair == ("sts:AssumeRole", "arn:aws:iam::*:role/dev-aws-deployer-stackset-execution")
    assert json.loads(grant.condition)["StringEquals"] == {"aws:ResourceAccount": ["444455556666", "777788889999"]}


def test_the_printed_line_for_a_target_makes_a_role_that_a_stack_set_deploys_with():
    """docs/operations.md, "Add a target account": without the role a release fails last, when its images are tagged."""
    text = errors.section("docs/operations.md", "Add a target account")
    environment, printed = re.search(r'make deploy-target ENV=(\S+) PARAMETERS="([^"]+)"', text).groups()
    parameters = dict(pair.split("=", 1) for pair in printed.replace("\\\n", " ").split())
    parameters["Environment"] = environment
    for name, value in parameters.items():
        definition = template.read(template.TARGET)["Parameters"][name]
        for item in value.split(",") if definition["Type"] == "CommaDelimitedList" else [value]:
            assert re.fullmatch(definition["AllowedPattern"], item), name
    account = template.load(template.TARGET, **parameters)
    deployer = template.load(**GIVEN, DeploymentMode="multi", Environment=environment)
    properties = account.resources["StackSetExecutionRole"]["Properties"]
    assert {grant.pair for grant in grants.grants(account, "StackSetExecutionRole")} == STACK_SETS
    assert properties["ManagedPolicyArns"] == [parameters["StackSetExecutionPolicyArn"]]
    (statement,) = properties["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"AWS": deployer.arn("StackSetAdministrationRole")}
    (grant,) = grants.grants(deployer, "StackSetAdministrationRole")
    assert grant.resource.endswith(f":role/{properties['RoleName']}")


@pytest.mark.parametrize(
    ("name", "principals"),
    [
        ("multi", ["cloudformation.amazonaws.com"]),
        (
            "multi, all else given",
            [
                "cloudformation.amazonaws.com",
                "cloudformation.ap-east-1.amazonaws.com",
                "cloudformation.me-south-1.amazonaws.com",
            ],
        ),
    ],
)
def test_cloudformation_may_come_from_regions_that_are_enabled_first(name, principals):
    role = installed(name).resources["StackSetAdministrationRole"]
    (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert grants.listed(statement["Principal"]["Service"]) == principals


@pytest.mark.parametrize(
    ("accounts", "taken"),
    [
        ("own", True),
        ("444455556666", True),
        ("444455556666,777788889999", True),
        ("own,444455556666", False),
        ("444455556666,own", False),
        ("444455556666, 777788889999", False),
        ("", False),
    ],
)
def test_the_word_own_stands_alone_or_nothing_is_installed(accounts, taken):
    """Among others it would be the number of no account, and all promotion to this one be denied."""
    parameter = template.read(template.DEPLOYER)["Parameters"]["TargetAccounts"]
    # A list's pattern is that of each item.
    assert parameter["Type"] == "String"
    assert bool(re.fullmatch(parameter["AllowedPattern"], accounts)) == taken


def test_what_a_failed_first_creation_leaves_does_not_block_the_next():
    found = {
        resource["DeletionPolicy"]
        for mode in ("single", "multi")
        for resource in installed(mode).resources.values()
        if "DeletionPolicy" in resource
    }
    assert found == {"RetainExceptOnCreate"}


def test_only_what_takes_a_role_is_bound_to_the_deploy_role():
    """DeleteStack has one too, but a stack keeps the role it was made with; TagResource knows none."""
    found = grants.grants(installed("single"), "DeployStackRole")
    bound = {grant.action for grant in found if "cloudformation:RoleArn" in grant.condition}
    assert bound == {"cloudformation:CreateStack", "cloudformation:UpdateStack"}
    assert {grant.condition for grant in found if grant.action not in bound | {"iam:PassRole"}} == {"{}"}


def test_no_release_replaces_what_deploys_it():
    """A repository may be called `aws-deployer`: its stack would have the name of the installation's own."""
    denials = grants.denials(installed("single"), "DeployStackRole")
    denied = {(denial.action, denial.resource.rsplit(":", 1)[1]) for denial in denials}
    stacks = ("stack/*-aws-deployer/*", "stack/*-aws-deployer-target/*")
    assert denied == {
        (f"cloudformation:{verb}Stack", stack) for verb in ("Create", "Update", "Delete") for stack in stacks
    }
