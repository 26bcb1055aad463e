"""The functions' roles and those of the targets grant what the code calls and the reference says, and no more."""

import json
import re

import pytest

from static import errors, grants
from static.definitions import ROOT
from static.parameter_sets import INSTALLATIONS, installed, key_of
from static.template import PSEUDO
from static.test_roles import FUNCTIONS, role, target

# What the functions' code calls, by the SDK's methods.
CALLED = re.compile(r"^[^/\n]*\.(get_object|put_object|get_parameter|assume_role)\(\)", re.MULTILINE)
ACTIONS = {
    "get_object": "s3:GetObject",
    "put_object": "s3:PutObject",
    "get_parameter": "ssm:GetParameter",
    "assume_role": "sts:AssumeRole",
}
# What is needed without a call: only with ListBucket S3 answers otherwise for a missing key than for a denied one (API
# reference, GetObject), and the runtime writes the log.
WITHOUT_A_CALL = {"s3:ListBucket", "logs:CreateLogStream", "logs:PutLogEvents"}


def test_beside_ecr_functions_are_granted_what_their_code_calls():
    code = "".join(
        path.read_text()
        for folder in ("lambdas", "registry")
        for path in sorted((ROOT / folder).glob("**/src/**/*.rs"))
    )
    called = {ACTIONS[name] for name in CALLED.findall(code)}
    assert called == set(ACTIONS.values())
    for name in ("single", "single, all else given"):
        installation = installed(name)
        for function in FUNCTIONS:
            found = {grant.action for grant in grants.grants(installation, role(installation, function))}
            # Only check-manifest stores long lists of pins.
            own = called - ({"s3:PutObject"} if function != "CheckManifest" else set())
            if key_of(installation):
                own |= {grants.WITH_A_KEY[action] for action in own & set(grants.WITH_A_KEY)}
            assert {action for action in found if not action.startswith("ecr:")} == own | WITHOUT_A_CALL, function


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_a_key_is_used_where_one_is_given_and_no_other(name):
    installation = installed(name)
    keys = {
        grant.resource
        for one in installation.of_type("AWS::IAM::Role")
        for grant in grants.grants(installation, one)
        if grant.action.startswith("kms:")
    }
    assert keys == {key_of(installation)} - {""}


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_every_account_that_may_be_a_source_is_readable(name):
    """docs/reference.md, "Settings": what an environment's settings may name, and what counts where they name none."""
    settings = errors.section("docs/reference.md", "Settings")
    assert re.search(r"^\| account of the source \|.*\| the function's \|$", settings, re.MULTILINE)
    installation = installed(name)
    listed = installation.parameter("SourceAccounts").split(",")
    expected = {PSEUDO["AWS::AccountId"], installation.parameter("SourceAccount"), *listed} - {""}
    for parameter in installation.of_type("AWS::SSM::Parameter").values():
        if parameter["Properties"]["Name"].endswith("/source-ecr-account"):
            assert parameter["Properties"]["Value"] in expected
    for function in FUNCTIONS:
        found = [
            grant for grant in grants.grants(installation, role(installation, function)) if grant.sid == "ReadSource"
        ]
        assert {grant.action for grant in found} == {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
        for grant in found:
            assert set(json.loads(grant.condition)["StringEquals"]["aws:ResourceAccount"]) == expected, function


def who(cell: str) -> set:
    """The roles that a cell of the reference's table names."""
    if cell == "all of them":
        return {*FUNCTIONS, "PullRole", "PromotionRole"}
    if cell.startswith("each function"):
        return set(FUNCTIONS)
    words = {
        "CheckManifest": r"check-manifest",
        "PromoteImages": r"promote-images",
        "VerifyPull": r"verify-pull",
        "PullRole": r"(?<!-)\bpull\b",
        "PromotionRole": r"\bpromotion\b",
    }
    return {name for name, word in words.items() if re.search(word, cell)}


def documented() -> dict:
    """What the reference's table of permissions says that each role is allowed."""
    found, before = {}, []
    for row in errors.ROW.findall(errors.section("docs/reference.md", "Permissions")):
        cell, _, text = (part.strip() for part in row.split("|"))
        actions = re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", text)
        if text.startswith("the same but the last"):
            actions = before[:-1] + actions
        for name in who(cell):
            found.setdefault(name, set()).update(actions)
        before = actions
    return found


def test_the_reference_s_table_of_permissions_is_what_the_templates_grant():
    deployer, account = installed("single"), target()
    granted = {name: grants.grants(deployer, role(deployer, name)) for name in FUNCTIONS}
    granted |= {name: grants.grants(account, name) for name in ("PullRole", "PromotionRole")}
    # That a function writes its log goes without saying.
    actions = {name: {g.action for g in found if not g.action.startswith("logs:")} for name, found in granted.items()}
    assert actions == documented()
