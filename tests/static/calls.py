"""What Task states call: service, operation and arguments, by the ARN in `Resource`.

Source: Step Functions Developer Guide, "Integrating services" and "AWS SDK service integrations": the operation is in
camel case, its parameters and results in Pascal case; `.sync:2` answers Output as JSON.
"""

import re
from dataclasses import dataclass

from static.definitions import Machine, State

RESOURCE = re.compile(
    r"arn:\$\{Partition\}:states:::"
    r"(?:aws-sdk:(?P<sdk>[a-z0-9]+):(?P<sdk_action>[A-Za-z0-9]+)"
    r"|(?P<optimized>dynamodb|lambda|states):(?P<action>[A-Za-z]+))"
    r"(?P<pattern>\.sync(?::2)?|\.waitForTaskToken)?"
)

# Where the service's name in the AWS SDK for Java 2, which these integrations use, is not botocore's.
BOTOCORE = {"sfn": "stepfunctions", "states": "stepfunctions"}
# What is optimized: Developer Guide, "Integrating optimized services with Step Functions".
OPTIMIZED = {
    "dynamodb": {"getItem", "putItem", "updateItem", "deleteItem"},
    "lambda": {"invoke"},
    "states": {"startExecution"},
}


@dataclass(frozen=True)
class Call:
    state: State
    integration: str
    action: str
    pattern: str
    is_sdk: bool

    def __str__(self):
        return f"{self.state} ({self.integration}:{self.action}{self.pattern})"

    @property
    def service(self) -> str:
        return BOTOCORE.get(self.integration, self.integration)

    @property
    def operation(self) -> str:
        return self.action[0].upper() + self.action[1:]

    @property
    def arguments(self):
        return self.state.body.get("Arguments", {})


def call_of(state: State) -> Call:
    resource = state.body["Resource"]
    found = RESOURCE.fullmatch(resource)
    assert found, f"{state}: {resource} is no service integration with ${{Partition}}"
    if not found["sdk"]:
        assert found["action"] in OPTIMIZED[found["optimized"]], f"{state}: {resource} is not an optimized integration"
    return Call(
        state,
        found["sdk"] or found["optimized"],
        found["sdk_action"] or found["action"],
        found["pattern"] or "",
        bool(found["sdk"]),
    )


def calls(machine: Machine) -> list:
    return [call_of(state) for state in machine.states if state.kind == "Task"]
