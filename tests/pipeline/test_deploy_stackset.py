"""The machine that deploys a stack set: in exactly the targets that are listed."""

import json
import random

import pytest

from pipeline import interpreter, mocks
from pipeline.interpreter import fails
from pipeline.mocks import instances, operation, throw
from pipeline.stack_sets import NAME, StackSet

A, B, C = "111122223333", "444455556666", "777788889999"
EU, US = "eu-west-1", "us-east-1"
TEMPLATE = "https://artifacts.s3.eu-west-1.amazonaws.com/myapp/main/42.0a1b2c3/cloudformation.template"


def given(pairs, **more) -> dict:
    return {
        "env": "dev",
        "repo": "myapp",
        "stack_name": NAME,
        "template_url": TEMPLATE,
        "parameters": {"Environment": "dev", "ApiImage": "api@sha256:1", "WorkerImage": "worker@sha256:2"},
        "image_parameters": ["ApiImage", "WorkerImage"],
        "token": "t-42",
        "targets": [{"account": account, "region": region} for account, region in pairs],
        "release": {"repo": "myapp", "version": "42.0a1b2c3"},
        **more,
    }


PAIRS = [(B, EU), (C, EU)]
CREATED = mocks.created_stack_set(NAME)
UPDATED = {
    **CREATED,
    "CreateStackSet": [throw("name_taken")],
    "DescribeStackSet": [mocks.described_set("myapp")],
    "ListStackInstances": [instances(*PAIRS)],
    "UpdateStackSet": [{"OperationId": "t-42-0"}],
}
RESULTS = {
    "Summaries": [
        {"Account": B, "Region": EU, "Status": "SUCCEEDED"},
        {"Account": C, "Region": EU, "Status": "FAILED", "StatusReason": "ResourceLogicalId:Topic, it was refused"},
        {"Account": C, "Region": US, "Status": "FAILED", "StatusReason": "Another reason"},
        {
            "Account": A,
            "Region": US,
            "Status": "CANCELLED",
            "StatusReason": "Cancelled since failure tolerance has exceeded",
        },
    ]
}
FAILED = {**CREATED, "CheckOperationStatus": [operation("FAILED")], "ListStackSetOperationResults": [RESULTS]}
WAYS = {
    "GetTemplateSummary": CREATED,
    "CreateStackSet": CREATED,
    "ListStackInstances": CREATED,
    "CreateStackInstances": CREATED,
    "CheckOperationStatus": CREATED,
    "UpdateStackSet": UPDATED,
    "DescribeStackSet": UPDATED,
    "ListStackSetOperationResults": FAILED,
}


@pytest.fixture
def deploy(monkeypatch):
    def deploy(service, pairs=PAIRS, **more) -> interpreter.Run:
        answers = interpreter.Script(service) if isinstance(service, dict) else service
        return interpreter.run("deploy-stackset", given(pairs, **more), answers, monkeypatch)

    return deploy


def where(call: dict) -> tuple:
    return call.get("Accounts"), call.get("Regions")


def test_a_new_stack_set_is_created_with_an_instance_in_each_target(deploy):
    ran = deploy(StackSet(), [(B, EU), (C, EU), (B, US)])
    assert ran.output == {"result": "CREATED", "stack_id": mocks.stack_set_id(NAME), "notes": []}
    assert ran.arguments("createStackSet") == [
        {
            "StackSetName": NAME,
            "TemplateURL": TEMPLATE,
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value} for name, value in given([])["parameters"].items()
            ],
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            "AdministrationRoleARN": interpreter.SAMPLE["StackSetAdministrationRoleArn"],
            "ExecutionRoleName": interpreter.SAMPLE["StackSetExecutionRoleName"],
            "PermissionModel": "SELF_MANAGED",
            "ClientRequestToken": "t-42",
            "Tags": [{"Key": "transship:repo", "Value": "myapp"}, {"Key": "transship:env", "Value": "dev"}],
        }
    ]
    assert [where(call) for call in ran.arguments("createStackInstances")] == [([B, C], [EU]), ([B], [US])]
    assert [call["OperationId"] for call in ran.arguments("createStackInstances")] == ["t-42-0", "t-42-1"]


def test_an_update_of_two_groups_brings_the_template_once(deploy):
    stack_set = StackSet({(B, EU), (B, US), (C, EU)})
    ran = deploy(stack_set, [(B, EU), (B, US), (C, EU)])
    assert ran.output["result"] == "UPDATED"
    first, second = ran.arguments("updateStackSet")
    assert (where(first), where(second)) == (([B, C], [EU]), ([B], [US]))
    assert (first["TemplateURL"], first.get("UsePreviousTemplate")) == (TEMPLATE, None)
    assert (second.get("TemplateURL"), second["UsePreviousTemplate"]) == (None, True)
    assert first["Parameters"] == second["Parameters"]
    assert "Tags" not in first


def test_regions_with_the_same_accounts_go_together_however_they_are_listed(deploy):
    ran = deploy(StackSet(), [(B, EU), (C, EU), (C, US), (B, US)])
    assert [where(call) for call in ran.arguments("createStackInstances")] == [([B, C], [EU, US])]


def test_what_is_there_is_updated_and_what_is_new_is_created(deploy):
    ran = deploy(StackSet({(B, EU)}), [(B, EU), (C, EU)])
    assert [action for action, _ in ran.calls if action in ("updateStackSet", "createStackInstances")] == [
        "updateStackSet",
        "createStackInstances",
    ]
    assert where(ran.arguments("createStackInstances")[0]) == ([C], [EU])


def test_an_empty_stack_set_gets_the_template_first(deploy):
    stack_set = StackSet(set())
    ran = deploy(stack_set)
    assert where(ran.arguments("updateStackSet")[0]) == (None, None)
    assert stack_set.instances == {(B, EU): 2, (C, EU): 2}


def test_an_instance_that_is_not_listed_is_left_alone_and_noted(deploy):
    stack_set = StackSet({(B, EU), (A, US)})
    ran = deploy(stack_set, [(B, EU)])
    assert stack_set.instances == {(B, EU): 2, (A, US): 1}
    assert ran.output["notes"] == [f"Not listed, left alone: 1 instances: {A}/{US}"]


def test_what_is_not_listed_is_noted_from_every_page(deploy):
    listed = [(f"{i:012}", EU) for i in range(1, 101)]
    ran = deploy(StackSet({("000000000000", EU), *listed}), listed)
    assert len(ran.arguments("listStackInstances")) == 2
    assert ran.output["notes"] == [f"Not listed, left alone: 1 instances: 000000000000/{EU}"]


def test_a_stack_set_with_instances_elsewhere_only_is_not_touched(deploy):
    stack_set = StackSet({(A, US)})
    fails(deploy(stack_set), f"has instances in {A}/{US}, none of them a target", "List one of them or delete them")
    assert stack_set.touched == []


def test_an_instance_that_no_update_reaches_is_named(deploy):
    stack_set = StackSet({(B, EU), (A, US)}, status="INOPERABLE")
    fails(deploy(stack_set), f"INOPERABLE instances of {NAME}: {B}/{EU}.", "delete-stack-instances")
    assert stack_set.touched == []


def test_a_stack_set_of_another_repository_is_left_alone(deploy):
    stack_set = StackSet(set(PAIRS), repo="myapp-api")
    ran = deploy(stack_set, repo="myapp:api")
    fails(ran, f"{NAME} is that of the repository myapp-api, not of myapp:api", "another name")
    assert stack_set.touched == []
    assert stack_set.version == 1


@pytest.mark.parametrize("tags", [{"Tags": []}, {"Tags": [{"Key": "team", "Value": "of-others"}]}, {}])
def test_a_stack_set_that_somebody_made_by_hand_is_taken_over(deploy, tags):
    made = mocks.described_set()["StackSet"]
    found = {key: value for key, value in made.items() if key != "Tags"} | tags
    assert deploy({**UPDATED, "DescribeStackSet": [{"StackSet": found}]}).output["result"] == "UPDATED"


def test_a_stack_set_that_is_too_long_to_look_at_is_updated_and_noted(deploy):
    ran = deploy({**UPDATED, "DescribeStackSet": [throw("too_long")]})
    assert ran.output["result"] == "UPDATED"
    assert ran.output["notes"] == ["The stack set is too long for Step Functions: its owner was not looked at."]


def test_without_targets_nothing_is_asked(deploy):
    ran = deploy(StackSet(), [])
    fails(ran, "No target is listed")
    assert ran.calls == []


@pytest.mark.parametrize("seed", range(60))
def test_exactly_the_listed_pairs_are_deployed(deploy, seed):
    dice = random.Random(seed)
    accounts, regions = [f"{i:012}" for i in range(1, 7)], [f"region-{i}" for i in range(1, 6)]
    pairs = [(account, region) for account in accounts for region in regions]
    listed = dice.sample(pairs, dice.randint(1, len(pairs)))
    existing = dice.choice([None, set(dice.sample(pairs, dice.randint(0, len(pairs))))])
    stack_set = StackSet(existing)
    ran = deploy(stack_set, listed + listed[:2])
    if existing and not existing & set(listed):
        fails(ran, "none of them a target")
        assert stack_set.touched == []
        return
    assert ran.output["result"] == ("CREATED" if existing is None else "UPDATED")
    assert sorted(stack_set.touched) == sorted(listed), "each listed pair once, no other"
    assert {stack_set.instances[pair] for pair in listed} == {stack_set.version}
    others = set(existing or ()) - set(listed)
    assert all(stack_set.instances[pair] == 1 for pair in others)
    assert len(stack_set.operations) <= 2 * len(regions)
    assert ("Not listed" in "".join(ran.output["notes"])) == bool(others)


def test_a_thousand_targets_fit(deploy):
    """With instances for half of them, others besides, and regions that all have different accounts."""
    dice = random.Random(1)
    pairs = [(f"{i:012}", f"eu-region-{j}") for i in range(1, 101) for j in range(1, 31)]
    listed = dice.sample(pairs, 1000)
    existing = set(listed[:500]) | set(dice.sample(pairs, 1000))
    stack_set = StackSet(existing)
    ran = deploy(stack_set, listed)
    assert sorted(stack_set.touched) == sorted(listed)
    assert ran.output["notes"][0].startswith(f"Not listed, left alone: {len(existing - set(listed))} instances: ")
    assert events(ran) < 25_000
    assert max(len(json.dumps(value)) for value in [*ran.payloads, *ran.variables.values()]) < 262_144


def events(ran: interpreter.Run) -> int:
    """Every state is entered and left, a Task is also scheduled, started and succeeds."""
    return 2 * len(ran.states) + 3 * len(ran.calls)


def groups(count: int) -> list:
    """Targets that need as many operations: every region has an account of its own."""
    return [(f"{i:012}", f"region-{i}") for i in range(1, count + 1)]


# At each of so many operations there are so many looks.
LOOKS = {1: 68, 11: 68, 12: 20, 40: 20, 41: 10, 80: 10}


@pytest.mark.parametrize(("count", "looks"), LOOKS.items())
def test_each_operation_may_take_its_time_however_many_were_before(deploy, count, looks):
    stack_set = StackSet(running=looks - 1)
    ran = deploy(stack_set, groups(count))
    assert ran.output["result"] == "CREATED"
    assert sorted(stack_set.touched) == sorted(groups(count))
    assert len(ran.waits) == count * looks
    assert events(ran) < 12_000


@pytest.mark.parametrize(("count", "looks"), LOOKS.items())
def test_the_last_operation_is_followed_as_long_as_the_first(deploy, count, looks):
    ran = deploy(StackSet(running=1, stuck=count - 1), groups(count))
    fails(ran, f"Operation t-42-{count - 1} on", "is still RUNNING", "upload the release again")
    assert len(ran.waits[2 * (count - 1) :]) == looks
    assert sum(ran.waits[2 * (count - 1) :]) > 24 * 3600


def test_more_operations_than_a_history_holds_are_refused(deploy):
    stack_set = StackSet()
    fails(deploy(stack_set, groups(81)), f"{NAME} would need 81 operations: more than 80", "share one")
    assert stack_set.touched == []


def test_what_exists_counts_among_the_operations(deploy):
    stack_set = StackSet(set(groups(40)))
    fails(deploy(stack_set, groups(81)), "would need 81 operations")
    assert deploy(StackSet(set(groups(40))), groups(80)).output["result"] == "UPDATED"


def test_a_request_that_is_throttled_after_long_waiting_is_tried_again(deploy):
    answers = [throw("operating", NAME)] * 20 + [throw("throttled")] * 10 + CREATED["CreateStackInstances"]
    ran = deploy({**CREATED, "CreateStackInstances": answers})
    assert ran.output["result"] == "CREATED"


def test_throttling_is_counted_for_each_operation_anew(deploy):
    stack_set = StackSet(throttled=9)
    assert deploy(stack_set, groups(5)).output["result"] == "CREATED"
    assert len(stack_set.operations) == 5


def test_a_long_token_still_names_operations(deploy):
    ran = deploy(StackSet(), token="t" * 128)
    assert len(ran.arguments("createStackInstances")[0]["OperationId"]) <= 128


def test_an_image_that_the_template_does_not_declare_is_left_out_and_noted(deploy):
    ran = deploy({**CREATED, "GetTemplateSummary": [mocks.summary("Environment", "ApiImage")]})
    sent = [each["ParameterKey"] for each in ran.arguments("createStackSet")[0]["Parameters"]]
    assert sent == ["Environment", "ApiImage"]
    assert ran.output["notes"] == ["Left out, because the template does not declare it: WorkerImage"]


@pytest.mark.parametrize("kind", ["operating", "stale", "throttled"])
@pytest.mark.parametrize(("way", "state"), [(CREATED, "CreateStackInstances"), (UPDATED, "UpdateStackSet")])
def test_another_operation_is_waited_for(deploy, kind, way, state):
    ran = deploy({**way, state: [throw(kind, NAME), throw(kind, NAME), *way[state]]})
    assert ran.states.count("WaitForTurn") == 2
    assert ran.output == deploy(way).output


@pytest.mark.parametrize("kind", ["operating", "throttled"])
def test_waiting_for_ones_turn_has_an_end(deploy, kind):
    fails(
        deploy({**CREATED, "CreateStackInstances": [throw(kind, NAME)]}),
        f"CreateStackInstances of dev-myapp from {TEMPLATE} failed: CloudFormation.",
    )


def test_an_operation_that_was_asked_for_before_is_followed(deploy):
    ran = deploy({**UPDATED, "UpdateStackSet": [throw("repeated")]})
    assert ran.output["result"] == "UPDATED"
    assert ran.arguments("describeStackSetOperation")[0]["OperationId"] == "t-42-0"


def test_a_throttled_creation_has_an_end(deploy):
    fails(
        deploy({**CREATED, "CreateStackSet": [throw("throttled")]}), "CreateStackSet of dev-myapp from", "Rate exceeded"
    )


@pytest.mark.parametrize("status", ["FAILED", "STOPPED"])
def test_a_failed_operation_reports_the_first_failure(deploy, status):
    later = {"Summaries": [{"Account": A, "Region": EU, "Status": "FAILED", "StatusReason": "Later"}]}
    pages = [{"Summaries": [], "NextToken": "1"}, {**RESULTS, "NextToken": "2"}, later]
    ran = deploy({**FAILED, "CheckOperationStatus": [operation(status)], "ListStackSetOperationResults": pages})
    fails(ran, f"{status} in 3 of its instances. The first: {C}/{EU}: ResourceLogicalId:Topic, it was refused")
    assert [each.get("NextToken") for each in ran.arguments("listStackSetOperationResults")] == [None, "1", "2"]


def test_without_results_an_operations_own_reason_is_reported(deploy):
    checks = [operation("FAILED", reason="The role cannot be assumed")]
    too_long = throw("too_long")
    ran = deploy({**FAILED, "CheckOperationStatus": checks, "ListStackSetOperationResults": [too_long]})
    fails(ran, "t-42-0", "is FAILED: The role cannot be assumed")
    fails(deploy({**FAILED, "ListStackSetOperationResults": [{"Summaries": []}]}), "its results say why")


@pytest.mark.parametrize("status", ["RUNNING", "QUEUED", "STOPPING"])
def test_following_is_bounded_by_time(deploy, status):
    ran = deploy({**CREATED, "CheckOperationStatus": [operation(status)]})
    fails(ran, f"is still {status}", "upload the release again")
    assert sum(ran.waits) > 24 * 3600


@pytest.mark.parametrize(("state", "name", "retrier"), interpreter.handled("deploy-stackset", "Retry"))
def test_each_retry_succeeds_the_second_time(deploy, state, name, retrier):
    interpreter.succeeds_the_second_time(deploy, WAYS[state], state, name)


@pytest.mark.parametrize(("state", "name", "catcher"), interpreter.handled("deploy-stackset", "Catch"))
def test_each_catch_leads_where_it_should(deploy, state, name, catcher):
    interpreter.is_caught(deploy, UPDATED | WAYS[state], state, name, catcher)
