"""Nothing that a machine passes on can reach 256 KiB: 1,000 images, 1,000 targets, and failures of all of them."""

import pytest

from static import realistic
from static.realistic import (
    TARGETS,
    checked,
    child,
    execution,
    filled,
    item,
    lookups,
    most_inline,
    of_function,
    promoted,
)
from static.walk import Failure, Walk

# Source: Step Functions Developer Guide, "Service quotas" (data) and "Passing data between states with variables" (of
# one Assign, and of all variables together).
MOST = 262_144
MOST_OF_VARIABLES = 10 << 20
VERIFIED = {"skipped": False, "images_verified": 1000, "requests": 10**6}
COUNTS = {"1,000 images": 1000, "all that fit inline": most_inline()}


def always(answer):
    def given(arguments):
        if isinstance(answer, Failure):
            raise answer
        return item(answer)

    return given


def of_lambdas(count: int, **instead) -> dict:
    answers = {
        "CheckManifest": {"Payload": checked(count)},
        "PromoteImages": {"Payload": promoted(count)},
        "VerifyPull": {"Payload": VERIFIED},
        "TagImages": {"Payload": promoted(count)},
        **instead,
    }
    return {name: always(answer) for name, answer in answers.items()}


def check(sizes: dict):
    """Every size, by (machine, state, what)."""
    for where, size in sizes.items():
        most = MOST_OF_VARIABLES if where[-1] == "all variables" else MOST
        assert size < most, f"{' '.join(where)} has {size:,} bytes"


@pytest.fixture
def sizes(figures):
    """What is measured; the largest of each machine is printed at the end."""
    found = {}
    yield found
    assert found
    for (machine, state, what), size in found.items():
        key = f"{machine}, bytes"
        known = figures.get(key, "0 ")
        if what != "all variables" and size > int(known.split(" ")[0].replace(",", "")):
            figures[key] = f"{size:,} ({state or 'execution'}, {what})"


def pipeline(name: str, answers: dict, sizes: dict) -> str:
    """Runs it and says what it ended with."""
    machine = filled(name)
    walk = Walk(machine, {**lookups(machine), **answers}, execution(name))
    try:
        walk.run(realistic.upload())
        return "SUCCEEDED"
    except Failure as failure:
        return failure.error
    finally:
        sizes.update({(name, *where): size for where, size in walk.sizes.items()})


def deployed(sizes: dict, machine: str):
    return {"DeployCloudFormation": child(machine, DEPLOYING[machine], sizes)}


def summaries(arguments):
    first = int(arguments.get("NextToken", "0"))
    found = [
        {
            "StackSetId": "s" * 180,
            "Account": target["account"],
            "Region": target["region"],
            "StackId": "i" * 200,
            "Status": "OUTDATED",
            "StatusReason": "r" * 200,
            "StackInstanceStatus": {"DetailedStatus": "SUCCEEDED"},
            "DriftStatus": "NOT_CHECKED",
            "LastOperationId": "o" * 36,
        }
        for target in TARGETS[first : first + 100]
    ]
    more = {"NextToken": str(first + 100)} if first + 100 < len(TARGETS) // 2 else {}
    return item({"Summaries": found, **more})


def summary(arguments):
    names = list(checked(1000)["parameters"])
    declared = [{"ParameterKey": name, "ParameterType": "String", "Description": "d" * 200} for name in names]
    return item({"Parameters": declared, "ResourceTypes": ["AWS::ECS::Service"] * 500})


STACK = {"StackId": "i" * 200, "StackStatus": "UPDATE_COMPLETE", "Parameters": [{"ParameterKey": "k" * 300}] * 200}
OPERATION = {"OperationId": "o" * 100, "StackSetId": "s" * 200, "Action": "UPDATE", "StatusReason": "r" * 500}
DEPLOYING = {
    "deploy-stack": {
        "GetTemplateSummary": summary,
        "DescribeStack": always({"Stacks": [STACK]}),
        "UpdateStack": always({"StackId": "i" * 200}),
        "CheckStackStatus": always({"Stacks": [STACK]}),
    },
    # Half of the targets have instances.
    "deploy-stackset": {
        "GetTemplateSummary": summary,
        "CreateStackSet": always(Failure("CloudFormation.NameAlreadyExistsException", "it exists")),
        "DescribeStackSet": always({"StackSet": {"StackSetId": "s" * 180, "TemplateBody": "t" * 100_000}}),
        "ListStackInstances": summaries,
        "UpdateStackSet": always({"OperationId": "o" * 100}),
        "CreateStackInstances": always({"OperationId": "o" * 100}),
        "CheckOperationStatus": always({"StackSetOperation": {**OPERATION, "Status": "SUCCEEDED"}}),
    },
}


@pytest.mark.parametrize("count", COUNTS.values(), ids=COUNTS)
def test_a_release_passes_to_one_account(count, sizes):
    answers = {**of_lambdas(count), **deployed(sizes, "deploy-stack")}
    assert pipeline("single-account", answers, sizes) == "SUCCEEDED"
    check(sizes)


@pytest.mark.parametrize("count", COUNTS.values(), ids=COUNTS)
def test_a_release_passes_to_a_thousand_targets(count, sizes):
    batch = child("promote-batch", of_lambdas(count), sizes)
    answers = {**of_lambdas(count), "PromoteBatch": batch, **deployed(sizes, "deploy-stackset")}
    assert pipeline("multi-account", answers, sizes) == "SUCCEEDED"
    check(sizes)


@pytest.mark.parametrize("failing", ["CheckManifest", "PromoteImages", "VerifyPull", "TagImages"])
def test_the_failures_of_a_thousand_targets_pass(failing, sizes):
    batch = child("promote-batch", of_lambdas(most_inline(), **{failing: of_function()}), sizes)
    answers = {**of_lambdas(most_inline()), "PromoteBatch": batch}
    assert pipeline("multi-account", answers, sizes) == "TargetAccessDenied"
    check(sizes)


@pytest.mark.parametrize("failing", ["CheckManifest", "PromoteImages", "VerifyPull", "TagImages"])
def test_a_failure_in_one_account_passes(failing, sizes):
    answers = of_lambdas(1000, **{failing: of_function()})
    assert pipeline("single-account", answers, sizes) == "TargetAccessDenied"
    check(sizes)
