"""What both pipelines do, they do the same: a state of one is that of the other, but for those named here."""

import pytest

# In both, and not the same: what one account does by itself, many do through a machine for a batch of them.
DIFFERENT = {
    "StartBuild": "where it goes on: many accounts read their targets first",
    "CheckManifest": "with targets, and the phase to begin with",
    "PromoteImages": "a function for one account, batches for many",
    "DeployCloudFormation": "with targets",
}


@pytest.fixture(scope="module")
def single(machines):
    return machines["single-account"].definition


@pytest.fixture(scope="module")
def multi(machines):
    return machines["multi-account"].definition


def differences(one: dict, other: dict) -> set:
    return {name for name in one.keys() & other.keys() if one[name] != other[name]}


def test_states_of_the_same_name_are_the_same(single, multi):
    assert differences(single["States"], multi["States"]) == set(DIFFERENT)


def test_both_begin_alike_and_share_most(single, multi):
    assert {**single, "Comment": "", "States": {}} == {**multi, "Comment": "", "States": {}}
    assert len(single["States"].keys() & multi["States"].keys()) > 30


def test_what_differs_a_little_differs_only_there(single, multi):
    one, many = (each["States"]["DeployCloudFormation"] for each in (single, multi))
    given = dict(many["Arguments"]["Input"])
    assert given.pop("targets") == "{% $targets %}"
    assert {**many, "Arguments": {**many["Arguments"], "Input": given}} == one
    one, many = (each["States"]["StartBuild"] for each in (single, multi))
    assert {**many, "Next": one["Next"]} == one


def test_a_difference_is_found(single):
    assert differences(single["States"], {**single["States"], "Claim": {}}) == {"Claim"}
