"""A small machine that is right, for tests that break it."""

import copy
import json

from static.definitions import Machine

DEFINITION = {
    "QueryLanguage": "JSONata",
    "StartAt": "Read",
    "States": {
        "Read": {
            "Type": "Task",
            "Resource": "arn:${Partition}:states:::dynamodb:getItem",
            "Arguments": {"TableName": "${LocksTable}", "Key": {"id": {"S": "{% $states.input.repo %}"}}},
            "Assign": {"holder": "{% $states.result.Item.holder.S %}"},
            "Retry": [
                {"ErrorEquals": ["DynamoDB.ThrottlingException"], "MaxAttempts": 2, "JitterStrategy": "FULL"},
                {"ErrorEquals": ["DynamoDB.InternalServerError"], "MaxAttempts": 1},
            ],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
            "Next": "Look",
        },
        "Look": {
            "Type": "Task",
            "Resource": "arn:${Partition}:states:::aws-sdk:sfn:describeExecution",
            "Arguments": {"ExecutionArn": "{% $holder %}"},
            "Output": "{% $states.result.Status %}",
            "Next": "Is",
        },
        "Is": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input = 'RUNNING' %}", "Next": "Later"}],
            "Default": "Done",
        },
        "Later": {"Type": "Wait", "Seconds": 20, "Next": "Read"},
        "Done": {"Type": "Succeed"},
        "Failed": {"Type": "Fail", "Error": "LockTimeout", "Cause": "nobody let go"},
    },
}


def definition(**changes) -> dict:
    """The definition with fields of states set anew: `Read={"Next": None}` takes `Next` away."""
    whole = copy.deepcopy(DEFINITION)
    for state, fields in changes.items():
        body = whole["States"].setdefault(state, {})
        body.update(fields)
        whole["States"][state] = {key: value for key, value in body.items() if value is not None}
    return whole


def machine(**changes) -> Machine:
    return Machine("sample", json.dumps(definition(**changes)))
