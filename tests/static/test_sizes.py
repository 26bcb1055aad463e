"""What IAM and CloudFormation hold: with the longest parameters there may be, every policy has its place.

Sources: "IAM and AWS STS quotas", which counts no white space, and "Understand CloudFormation quotas".
"""

import json
import re

import pytest

from static import errors, template

MOST_OF_PARAMETER = 4_096  # bytes
MOST_OF_MANAGED_POLICY = 6_144  # characters, as are those that follow
MOST_OF_INLINE_POLICIES = 10_240  # all of a role
MOST_OF_TRUST_POLICY = 2_048  # may be raised

# The longest names of a partition and of a region that are public.
LONGEST = {"AWS::Partition": "aws-us-gov", "AWS::Region": "ap-southeast-1"}
ROLE_NAME = "r" * 64
BUCKET = "b" * 63
REPOSITORY = "n" * 40  # a long name, not the longest: that has 256
ARN_OF_POLICY = "arn:aws-us-gov:iam::111122223333:policy/" + "p" * 128


def longest_list(body: dict, name: str, item: str) -> str:
    """As often as the text holds it."""
    return ",".join([item] * ((body["Parameters"][name]["MaxLength"] + 1) // (len(item) + 1)))


def greatest(path) -> dict:
    """By parameter: a value that no other is longer than, beyond lists of repositories."""
    body = template.read(path)
    values = {
        "Environment": "e" * 20,
        "ExternalId": "x" * 1224,
        "PromotionRoleName": ROLE_NAME,
        "PullRoleName": ROLE_NAME,
        "StackSetExecutionRoleName": ROLE_NAME,
    }
    if path == template.TARGET:
        boundary = {"StackSetExecutionPolicyArn": ARN_OF_POLICY, "PermissionsBoundaryArn": ARN_OF_POLICY}
        return values | boundary | {"DeployerAccount": "111122223333", "Purpose": "both"}
    return values | {
        "CodeBucket": BUCKET,
        "CodePrefix": "p" * 512,
        "ArtifactBucketName": BUCKET,
        "ArtifactKeyArn": "arn:aws-us-gov:kms:ap-southeast-1:111122223333:key/mrk-" + "0" * 32,
        "SourceAccount": "777788889999",
        "SourceRegion": LONGEST["AWS::Region"],
        "SourceAccounts": longest_list(body, "SourceAccounts", "555566667777"),
        "TargetAccounts": longest_list(body, "TargetAccounts", "444455556666"),
        "OrganizationId": "",  # It would take the place of the accounts.
        # The shorter each is, the more of them there are, each with text of its own around it.
        "OptInRegions": longest_list(body, "OptInRegions", "me-x-1"),
        # Of a path and a name. Source: IAM API reference, CreateRole.
        "DeployRoleArn": "arn:aws-us-gov:iam::111122223333:role/" + "p" * 510 + "/" + ROLE_NAME,
        "DeployMachineArn": "arn:aws-us-gov:states:ap-southeast-1:111122223333:stateMachine:" + "m" * 80 + "#Case",
        "AlarmTopicArn": "arn:aws-us-gov:sns:ap-southeast-1:111122223333:" + "t" * 256,
    }


def length(document: dict) -> int:
    return len(json.dumps(document, separators=(",", ":")))


def sizes(installation: template.Template) -> dict:
    """How much of its quota each policy has, by resource and kind."""
    found = {}
    for name, resource in installation.resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            found[name, "policy"] = length(properties["PolicyDocument"]), MOST_OF_MANAGED_POLICY
        if resource["Type"] == "AWS::IAM::Role":
            inline = sum(length(policy["PolicyDocument"]) for policy in properties.get("Policies", []))
            found[name, "inline"] = inline, MOST_OF_INLINE_POLICIES
            found[name, "trust"] = length(properties["AssumeRolePolicyDocument"]), MOST_OF_TRUST_POLICY
    return found


def too_long(path, **given) -> dict:
    modes = [{"DeploymentMode": mode} for mode in ("single", "multi")] if path == template.DEPLOYER else [{}]
    found = {}
    for mode in modes:
        for where, (size, most) in sizes(template.load(path, **{**greatest(path), **mode, **given})).items():
            if size > most:
                found[where] = size
    return found


@pytest.fixture(autouse=True)
def in_the_region_with_the_longest_name(monkeypatch):
    for name, value in LONGEST.items():
        monkeypatch.setitem(template.PSEUDO, name, value)


PATHS = pytest.mark.parametrize("path", [template.DEPLOYER, template.TARGET], ids=lambda path: path.name)


@PATHS
def test_the_greatest_values_are_values(path):
    values, parameters = greatest(path), template.read(path)["Parameters"]
    free = {name for name, body in parameters.items() if body["Type"] == "String" and "AllowedValues" not in body}
    assert free <= set(values), "how long may it be?"
    for name, value in values.items():
        body = parameters[name]
        assert re.fullmatch(body.get("AllowedPattern", ".*"), value), name
        assert len(value) <= body.get("MaxLength", MOST_OF_PARAMETER) <= MOST_OF_PARAMETER, name


@PATHS
def test_every_policy_has_its_place(path):
    assert too_long(path) == {}


def rows() -> dict:
    """How many the documentation says, by parameter."""
    cells = errors.rows(errors.section("docs/operations.md", "Limits"))
    return {errors.CODE.search(row[0])[1]: int(re.match("[0-9]+", row[1])[0]) for row in cells}


def test_as_many_accounts_as_documented_and_no_more():
    parameter = template.read(template.DEPLOYER)["Parameters"]["TargetAccounts"]
    most = rows()["TargetAccounts"]
    assert len(",".join(["444455556666"] * most)) == parameter["MaxLength"] <= MOST_OF_PARAMETER
    assert len(",".join(["444455556666"] * (most + 1))) > MOST_OF_PARAMETER


def test_as_many_source_accounts_as_documented_and_no_more():
    held = template.read(template.DEPLOYER)["Parameters"]["SourceAccounts"]["MaxLength"]
    assert held == len(",".join(["555566667777"] * rows()["SourceAccounts"]))


def test_as_many_regions_as_documented_and_no_more():
    held = template.read(template.DEPLOYER)["Parameters"]["OptInRegions"]["MaxLength"]
    most = rows()["OptInRegions"]
    assert len(",".join([LONGEST["AWS::Region"]] * most)) <= held < len(",".join([LONGEST["AWS::Region"]] * (most + 1)))


@pytest.mark.parametrize(
    ("path", "name"), [(template.DEPLOYER, "SourceRepositories"), (template.TARGET, "Repositories")]
)
def test_as_many_repositories_as_documented_and_no_more(path, name):
    """No MaxLength: CloudFormation knows none for lists. IAM refuses the policy, and with it the stack's change."""
    most, more = (",".join([REPOSITORY] * count) for count in (rows()[name], rows()[name] + 1))
    assert len(most) <= MOST_OF_PARAMETER
    assert too_long(path, **{name: most}) == {}
    assert too_long(path, **{name: more}) or len(more) > MOST_OF_PARAMETER


def test_what_is_too_long_is_found():
    accounts = {"TargetAccounts": ",".join(["444455556666"] * 700)}
    roles = ("CheckManifestRole", "PromoteImagesRole", "VerifyPullRole", "StackSetAdministrationRole")
    assert set(too_long(template.DEPLOYER, **accounts)) == {(role, "inline") for role in roles}
    regions = {"OptInRegions": ",".join(["ap-southeast-1"] * 50)}
    assert set(too_long(template.DEPLOYER, **regions)) == {("StackSetAdministrationRole", "trust")}
    names = {"SourceRepositories": ",".join([REPOSITORY] * 100)}
    assert set(too_long(template.DEPLOYER, **names)) == {("FunctionPolicy", "policy")}
    external = {"ExternalId": "x" * 2048}
    assert set(too_long(template.TARGET, **external)) == {("PromotionRole", "trust"), ("PullRole", "trust")}
