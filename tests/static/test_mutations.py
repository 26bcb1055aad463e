"""Taking any one action away from any role is noticed: nothing is granted that no check asks for."""

import copy
import functools

import pytest

from static import template, test_function_permissions, test_machine_permissions, test_roles
from static.grants import listed

BODIES = {path: template.read(path) for path in (template.DEPLOYER, template.TARGET) if path.exists()}
CHECKS = [
    test_function_permissions.test_the_reference_s_table_of_permissions_is_what_the_templates_grant,
    test_function_permissions.test_beside_ecr_functions_are_granted_what_their_code_calls,
    test_roles.test_the_rule_starts_the_pipeline_and_nothing_else,
    test_roles.test_a_stack_set_assumes_the_execution_role_in_the_accounts_that_are_listed,
    test_roles.test_the_printed_line_for_a_target_makes_a_role_that_a_stack_set_deploys_with,
    *(
        functools.partial(test_machine_permissions.test_a_machine_is_granted_what_its_calls_need_and_no_more, name)
        for name in ("single", "multi", "single, all else given", "multi, all else given")
    ),
]


def statements(body: dict) -> list:
    """Every statement of every policy that a role has."""
    found = []
    for resource in body["Resources"].values():
        properties = resource.get("Properties", {})
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            documents.append(properties["PolicyDocument"])
        for document in documents:
            for statement in document["Statement"]:
                found.append(statement["Fn::If"][1] if "Fn::If" in statement else statement)
    return found


ACTIONS = [
    pytest.param(path, number, action, id=f"{path.stem} {statement.get('Sid', number)} {action}")
    for path, body in BODIES.items()
    for number, statement in enumerate(statements(body))
    if statement["Effect"] == "Allow"
    for action in listed(statement["Action"])
]


def noticed() -> bool:
    for check in CHECKS:
        try:
            check()
        except (AssertionError, ValueError):
            return True
    return False


def test_there_is_something_to_take_away():
    assert len(ACTIONS) > 40
    assert not noticed()


@pytest.mark.parametrize(("path", "number", "action"), ACTIONS)
def test_an_action_that_is_taken_away_is_missed(path, number, action, monkeypatch):
    bodies = copy.deepcopy(BODIES)
    less = statements(bodies[path])[number]
    less["Action"] = [other for other in listed(less["Action"]) if other != action]
    monkeypatch.setattr(template, "read", bodies.__getitem__)
    assert noticed()
