"""The machine that deploys one stack: what it asks of CloudFormation, and how it ends."""

import pytest

from pipeline import interpreter, mocks
from pipeline.interpreter import fails
from pipeline.mocks import described, stack_id, summary, throw

NAME = "dev-myapp"
# What the operation is called: the release's token, and how often CloudFormation refused before.
TOKEN = "t-42-0"
GIVEN = {
    "env": "dev",
    "repo": "myapp",
    "stack_name": NAME,
    "template_url": "https://artifacts.s3.eu-west-1.amazonaws.com/myapp/main/42.0a1b2c3/cloudformation.template",
    "parameters": {"Environment": "dev", "ApiImage": "api@sha256:1", "WorkerImage": "worker@sha256:2"},
    "image_parameters": ["ApiImage", "WorkerImage"],
    "token": "t-42",
    "release": {"repo": "myapp", "version": "42.0a1b2c3"},
}
DECLARED = summary("Environment", "ApiImage", "WorkerImage")
# A resource that could not be created, what was cancelled because of it, and events of the operation before.
EVENTS = [
    ("Topic", "CREATE_FAILED", "Resource creation cancelled", TOKEN),
    ("Service", "CREATE_FAILED", "The image could not be pulled", TOKEN),
    ("Queue", "CREATE_FAILED", "Resource creation cancelled", TOKEN),
    ("Role", "CREATE_COMPLETE", "", TOKEN),
    (NAME, "CREATE_IN_PROGRESS", "User Initiated", TOKEN),
    ("Other", "CREATE_FAILED", "An older failure", "t-41-0"),
]


def events(rows: list, **more) -> dict:
    found = [
        {
            "StackId": stack_id(NAME),
            "EventId": f"{i}",
            "StackName": NAME,
            "LogicalResourceId": logical,
            "ResourceType": "AWS::ECS::Service",
            "Timestamp": mocks.TIME,
            "ResourceStatus": status,
            **({"ResourceStatusReason": reason} if reason else {}),
            "ClientRequestToken": token,
        }
        for i, (logical, status, reason, token) in enumerate(rows)
    ]
    return {"StackEvents": found, **more}


CREATED = mocks.created_stack(NAME)
UPDATED = {
    "GetTemplateSummary": [DECLARED],
    "DescribeStack": [described("CREATE_COMPLETE")],
    "UpdateStack": [{"StackId": stack_id(NAME)}],
    "CheckStackStatus": [described("UPDATE_IN_PROGRESS"), described("UPDATE_COMPLETE")],
}
ROLLED_BACK = {
    **UPDATED,
    "CheckStackStatus": [
        described("UPDATE_IN_PROGRESS"),
        described("UPDATE_ROLLBACK_IN_PROGRESS"),
        described("UPDATE_ROLLBACK_COMPLETE"),
    ],
    "DescribeStackEvents": [events(EVENTS)],
}
LEFT_OVER = {
    **CREATED,
    "DescribeStack": [described("ROLLBACK_COMPLETE"), described("DELETE_IN_PROGRESS"), throw("missing", NAME)],
    "DeleteStack": [{}],
}
# By what way each state is reached.
WAYS = {
    "GetTemplateSummary": CREATED,
    "DescribeStack": CREATED,
    "CreateStack": CREATED,
    "CheckStackStatus": CREATED,
    "UpdateStack": UPDATED,
    "DescribeStackEvents": ROLLED_BACK,
    "DeleteStack": LEFT_OVER,
}


@pytest.fixture
def deploy(monkeypatch):
    def deploy(states: dict, given: dict | None = None, **substitutions: str) -> interpreter.Run:
        return interpreter.run("deploy-stack", given or GIVEN, interpreter.Script(states), monkeypatch, **substitutions)

    return deploy


def sent(ran: interpreter.Run, action: str) -> dict:
    (arguments,) = ran.arguments(action)
    return {each["ParameterKey"]: each["ParameterValue"] for each in arguments["Parameters"]}


def test_a_new_stack_is_created(deploy):
    ran = deploy(CREATED)
    assert ran.output == {"result": "CREATED", "stack_id": stack_id(NAME), "notes": []}
    # By its name it would be another stack when somebody deletes it and creates one anew.
    assert [each["StackName"] for each in ran.arguments("describeStacks")] == [NAME, stack_id(NAME), stack_id(NAME)]
    assert ran.arguments("createStack") == [
        {
            "StackName": NAME,
            "TemplateURL": GIVEN["template_url"],
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": GIVEN["parameters"][name]} for name in GIVEN["parameters"]
            ],
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            "ClientRequestToken": TOKEN,
            "RoleARN": interpreter.SAMPLE["DeployRoleArn"],
            "OnFailure": "ROLLBACK",
            "Tags": [{"Key": "transship:repo", "Value": "myapp"}, {"Key": "transship:env", "Value": "dev"}],
        }
    ]


def test_a_stack_that_is_there_is_updated_and_its_tags_are_left_alone(deploy):
    ran = deploy(UPDATED)
    assert ran.output == {"result": "UPDATED", "stack_id": stack_id(NAME), "notes": []}
    (arguments,) = ran.arguments("updateStack")
    assert arguments["ClientRequestToken"] == TOKEN
    assert "Tags" not in arguments


def test_nothing_to_update_is_a_success(deploy):
    ran = deploy({**UPDATED, "UpdateStack": [throw("no_updates")]})
    assert ran.output == {"result": "UNCHANGED", "stack_id": stack_id(NAME), "notes": []}


@pytest.mark.parametrize(
    ("way", "action"), [(CREATED, "createStack"), (UPDATED, "updateStack"), (LEFT_OVER, "deleteStack")]
)
def test_without_a_deploy_role_none_is_passed(deploy, way, action):
    (arguments,) = deploy(way, DeployRoleArn="").arguments(action)
    assert "RoleARN" not in arguments
    (arguments,) = deploy(way).arguments(action)
    assert arguments["RoleARN"] == interpreter.SAMPLE["DeployRoleArn"]


def test_an_image_that_the_template_does_not_declare_is_left_out_and_noted(deploy):
    ran = deploy({**CREATED, "GetTemplateSummary": [summary("Environment", "ApiImage")]})
    assert sent(ran, "createStack") == {"Environment": "dev", "ApiImage": "api@sha256:1"}
    assert ran.output["notes"] == ["Left out, because the template does not declare it: WorkerImage"]


def test_another_parameter_that_the_template_does_not_declare_is_cloudformations_to_refuse(deploy):
    refused = {
        **CREATED,
        "GetTemplateSummary": [summary("ApiImage")],
        "CreateStack": [throw("undeclared", "Environment")],
    }
    ran = deploy(refused)
    assert sent(ran, "createStack") == {"Environment": "dev", "ApiImage": "api@sha256:1"}
    fails(ran, "CreateStack of dev-myapp", "Parameters: [Environment] do not exist in the template")


def test_no_parameters_at_all(deploy):
    given = {**GIVEN, "parameters": {}, "image_parameters": []}
    assert sent(deploy({**CREATED, "GetTemplateSummary": [{"Version": "2010-09-09"}]}, given), "createStack") == {}


def test_a_summary_that_is_too_long_leaves_nothing_out(deploy):
    ran = deploy({**CREATED, "GetTemplateSummary": [throw("too_long", "getTemplateSummary")]})
    assert sent(ran, "createStack") == GIVEN["parameters"]
    assert ran.output["notes"] == [
        "The summary of the template is too long for Step Functions: no parameter was left out."
    ]


def test_a_missing_template_is_named(deploy):
    ran = deploy({"GetTemplateSummary": [throw("no_template")]})
    fails(ran, GIVEN["template_url"], "S3 error: The specified key does not exist.")


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"])
def test_an_operation_of_somebody_else_is_waited_for(deploy, status):
    ran = deploy({**UPDATED, "DescribeStack": [described(status), described(status), described("UPDATE_COMPLETE")]})
    assert ran.output["result"] == "UPDATED"
    assert ran.states.count("WaitToLookAgain") == 2


def test_a_stack_that_is_never_free_ends_the_waiting(deploy):
    fails(deploy({**UPDATED, "DescribeStack": [described("UPDATE_IN_PROGRESS")]}), "UPDATE_IN_PROGRESS all the time")


def test_a_stack_that_goes_away_meanwhile_is_created(deploy):
    ran = deploy({**CREATED, "DescribeStack": [described("DELETE_IN_PROGRESS"), throw("missing", NAME)]})
    assert ran.output["result"] == "CREATED"


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS"])
def test_what_was_never_created_whole_is_deleted_first(deploy, status):
    ran = deploy({**LEFT_OVER, "DescribeStack": [described(status), *LEFT_OVER["DescribeStack"][1:]]})
    assert ran.output["result"] == "CREATED"
    assert ran.output["notes"] == [f"Deleted first, because it was {status}: {stack_id(NAME)}"]
    assert ran.arguments("deleteStack")[0]["StackName"] == stack_id(NAME)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("CREATE_FAILED", "aws cloudformation delete-stack"),
        ("DELETE_FAILED", "aws cloudformation delete-stack"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback"),
    ],
)
def test_what_needs_a_decision_says_what_to_do(deploy, status, advice):
    fails(deploy({**UPDATED, "DescribeStack": [described(status)]}), stack_id(NAME), status, advice)


@pytest.mark.parametrize("tags", [{"Tags": []}, {"Tags": [{"Key": "team", "Value": "of-others"}]}, {}])
def test_a_stack_that_somebody_made_by_hand_is_taken_over(deploy, tags):
    (stack,) = described("CREATE_COMPLETE")["Stacks"]
    stack = {key: value for key, value in stack.items() if key != "Tags"} | tags
    assert deploy({**UPDATED, "DescribeStack": [{"Stacks": [stack]}]}).output["result"] == "UPDATED"


def test_a_stack_of_the_same_repository_is_updated(deploy):
    ran = deploy({**UPDATED, "DescribeStack": [described("CREATE_COMPLETE", repo="myapp")]})
    assert ran.output["result"] == "UPDATED"


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "ROLLBACK_COMPLETE", "UPDATE_IN_PROGRESS"])
def test_a_stack_of_another_repository_is_left_alone(deploy, status):
    """myapp with the template api, and myapp-api: both have the stack dev-myapp-api."""
    given = {**GIVEN, "repo": "myapp:api", "stack_name": "dev-myapp-api"}
    ran = deploy({**UPDATED, "DescribeStack": [described(status, "dev-myapp-api", repo="myapp-api")]}, given)
    fails(ran, stack_id("dev-myapp-api"), "is that of the repository myapp-api, not of myapp:api", "another name")
    assert [action for action, _ in ran.calls] == ["getTemplateSummary", "describeStacks"]


def test_a_stack_that_another_repository_creates_first_is_left_alone(deploy):
    looks = [throw("missing", NAME), described("CREATE_IN_PROGRESS", repo="other")]
    fails(deploy({**CREATED, "DescribeStack": looks, "CreateStack": [throw("exists", NAME)]}), "the repository other")


def test_a_stack_that_comes_back_each_time_ends_the_deleting(deploy):
    fails(deploy({**LEFT_OVER, "DescribeStack": [described("REVIEW_IN_PROGRESS")]}), "was deleted ten times")


def test_a_rolled_back_creation_reports_the_first_failure(deploy):
    checks = [described("CREATE_IN_PROGRESS"), described("ROLLBACK_IN_PROGRESS"), described("ROLLBACK_COMPLETE")]
    ran = deploy({**CREATED, "CheckStackStatus": checks, "DescribeStackEvents": [events(EVENTS)]})
    fails(ran, f"{stack_id(NAME)} is ROLLBACK_COMPLETE", "Service (AWS::ECS::Service): The image could not be pulled")


def test_a_rolled_back_update_reports_the_first_failure_over_several_pages(deploy):
    newest = events([("Last", "UPDATE_FAILED", "Not the first", TOKEN)], NextToken="more")
    ran = deploy({**ROLLED_BACK, "DescribeStackEvents": [newest, events(EVENTS, NextToken="never asked for")]})
    fails(ran, "UPDATE_ROLLBACK_COMPLETE. First failure: Service (AWS::ECS::Service): The image could not be pulled")
    assert [each.get("NextToken") for each in ran.arguments("describeStackEvents")] == [None, "more"]


def test_a_page_of_events_that_is_too_long_leaves_the_stacks_own_reason(deploy):
    checks = [described("UPDATE_ROLLBACK_COMPLETE", reason="The following resource(s) failed to update: [Service].")]
    too_long = throw("too_long", "describeStackEvents")
    ran = deploy({**ROLLED_BACK, "CheckStackStatus": checks, "DescribeStackEvents": [too_long]})
    fails(ran, "The following resource(s) failed to update: [Service].")


def test_without_any_reason_the_events_are_pointed_to(deploy):
    ran = deploy({**ROLLED_BACK, "DescribeStackEvents": [events(EVENTS[2:5])]})
    fails(ran, "UPDATE_ROLLBACK_COMPLETE", "its events say why")


def test_somebody_else_creates_the_stack_first(deploy):
    looks = [throw("missing", NAME), described("CREATE_IN_PROGRESS"), described("CREATE_COMPLETE")]
    ran = deploy({**UPDATED, "DescribeStack": looks, "CreateStack": [throw("exists", NAME)]})
    assert ran.output["result"] == "UPDATED"


@pytest.mark.parametrize("kind", ["busy", "gone", "throttled"])
def test_an_update_that_comes_too_early_is_tried_again(deploy, kind):
    ran = deploy({**UPDATED, "UpdateStack": [throw(kind, stack_id(NAME)), *UPDATED["UpdateStack"]]})
    assert ran.output["result"] == "UPDATED"
    assert [each["ClientRequestToken"] for each in ran.arguments("updateStack")] == ["t-42-0", "t-42-1"]


def test_a_failure_after_a_refusal_is_found_by_its_own_token(deploy):
    failed = events([("Service", "UPDATE_FAILED", "The image could not be pulled", "t-42-1")])
    ran = deploy(
        {
            **ROLLED_BACK,
            "UpdateStack": [throw("throttled"), {"StackId": stack_id(NAME)}],
            "DescribeStackEvents": [failed],
        }
    )
    fails(ran, "The image could not be pulled")


def test_a_long_token_is_still_one(deploy):
    (arguments,) = deploy(CREATED, {**GIVEN, "token": "t" * 128}).arguments("createStack")
    assert len(arguments["ClientRequestToken"]) <= 128


@pytest.mark.parametrize("state", ["DescribeStack", "CreateStack"])
def test_throttled_for_good_is_a_failure(deploy, state):
    fails(deploy({**CREATED, state: [throw("throttled")]}), "Rate exceeded")


def test_a_throttled_look_is_repeated(deploy):
    ran = deploy({**CREATED, "DescribeStack": [throw("throttled"), *CREATED["DescribeStack"]]})
    assert ran.output["result"] == "CREATED"


def test_a_missing_capability_is_named(deploy):
    fails(deploy({**CREATED, "CreateStack": [throw("no_capability", "CAPABILITY_X")]}), "Requires capabilities")


def test_waiting_is_bounded_by_time_and_by_events(deploy):
    ran = deploy({**UPDATED, "CheckStackStatus": [described("UPDATE_IN_PROGRESS")]})
    fails(ran, "still UPDATE_IN_PROGRESS after more than a day")
    assert ran.waits[:4] == [15, 17, 19, 21]
    assert max(ran.waits) == 300
    assert sum(ran.waits) > 24 * 3600
    # A Task is scheduled, started and succeeds; it and every other state is entered and left.
    tasks = len(ran.calls)
    assert 2 * len(ran.states) + 3 * tasks < 25_000


@pytest.mark.parametrize(("state", "name", "retrier"), interpreter.handled("deploy-stack", "Retry"))
def test_each_retry_succeeds_the_second_time(deploy, state, name, retrier):
    interpreter.succeeds_the_second_time(deploy, WAYS[state], state, name)


@pytest.mark.parametrize(("state", "name", "catcher"), interpreter.handled("deploy-stack", "Catch"))
def test_each_catch_leads_where_it_should(deploy, state, name, catcher):
    interpreter.is_caught(deploy, WAYS[state], state, name, catcher)
