"""The state machines and tables of an installation: starts executions or finds them, and reads what they wrote down."""

import datetime
import itertools
import json
from dataclasses import dataclass, field

from boto3.dynamodb.types import TypeDeserializer

from .deployment import DEPLOYER, Installation
from .executions import Execution, until
from .ministack import REGION
from .releases import Release

_sequencers = itertools.count(1)


@dataclass
class Machines:
    """The state machines and tables of an installation."""

    installation: Installation
    _inputs: dict = field(default_factory=dict)

    def __post_init__(self):
        self.client = self.installation.aws.client("stepfunctions", DEPLOYER)
        self.dynamodb = self.installation.aws.client("dynamodb", DEPLOYER)

    @property
    def pipeline(self) -> str:
        return self.installation.machine(f"{self.installation.mode}-account")

    def start(self, given: dict, case: str = "", machine: str | None = None, **options: str) -> Execution:
        """`case` is that of a mock, as `#Name`."""
        started = self.client.start_execution(
            stateMachineArn=(machine or self.pipeline) + case, input=json.dumps(given), **options
        )
        return Execution(self.client, started["executionArn"])

    def sleeper(self) -> Execution:
        """An execution that runs until it is stopped."""
        asleep = {"Type": "Wait", "Seconds": 99999999, "End": True}
        machine = self.define("sleeper", {"StartAt": "Asleep", "States": {"Asleep": asleep}})
        return self.start({}, machine=machine)

    def define(self, name: str, definition: dict) -> str:
        """A machine of a test's own; gives its ARN. Where it is there already it stays as it is."""
        made = self.client.create_state_machine(
            name=self.installation.name(name),
            definition=json.dumps(definition),
            roleArn=self.installation.role_arn(f"{self.installation.mode}-account"),
        )
        return made["stateMachineArn"]

    def definition(self) -> dict:
        """The pipeline's, as it is deployed."""
        return json.loads(self.client.describe_state_machine(stateMachineArn=self.pipeline)["definition"])

    def by_hand(self, release: Release, **extra) -> Execution:
        return self.start({"s3_bucket": self.installation.bucket, "s3_key": release.folder, **extra})

    def of(self, release: Release, number: int = 1) -> Execution:
        """The execution that the release's nth upload started, once it is there."""
        until(lambda: len(self.started_by(release)) >= number, f"an execution for {release.folder}")
        return self.started_by(release)[number - 1]

    def started_by(self, release: Release) -> list[Execution]:
        pages = self.client.get_paginator("list_executions").paginate(stateMachineArn=self.pipeline)
        found = sorted((each for page in pages for each in page["executions"]), key=lambda each: each["startDate"])
        arns = [each["executionArn"] for each in found if self._key(each["executionArn"]).startswith(release.folder)]
        return [Execution(self.client, arn) for arn in arns]

    def _key(self, arn: str) -> str:
        """The key in the event that an execution was started with; none if it was started by hand."""
        if arn not in self._inputs:
            given = json.loads(self.client.describe_execution(executionArn=arn)["input"])
            self._inputs[arn] = given.get("detail", {}).get("object", {}).get("key", "")
        return self._inputs[arn]

    def children(self, machine: str, parent: Execution) -> list[Execution]:
        """The executions of this machine that the parent started, in order."""
        arn = self.installation.machine(machine)
        pages = self.client.get_paginator("list_executions").paginate(stateMachineArn=arn)
        found = sorted((each for page in pages for each in page["executions"]), key=lambda each: each["startDate"])
        executions = [Execution(self.client, each["executionArn"]) for each in found]
        return [
            each for each in executions if each.input.get("AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID") == parent.arn
        ]

    def item(self, table: str, **key: str) -> dict | None:
        answer = self.dynamodb.get_item(
            TableName=self.installation.table(table),
            Key={name: {"S": value} for name, value in key.items()},
            ConsistentRead=True,
        )
        return _plain(answer["Item"]) if "Item" in answer else None

    def put(self, table: str, item: dict) -> None:
        self.dynamodb.put_item(TableName=self.installation.table(table), Item=item)

    def record(self, execution: Execution, repo: str, env: str | None = None) -> dict | None:
        """The build record that an execution wrote."""
        started = execution.describe()["startDate"].astimezone(datetime.UTC)
        key = f"{started.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}#{execution.arn.split(':')[-1]}"
        return self.item("builds", pk=f"{repo}/{env or self.installation.environment}", sk=key)

    def lock(self, repo: str, env: str | None = None) -> dict:
        return self.item("locks", id=f"{repo}/{env or self.installation.environment}") or {}

    def holder(self, repo: str, env: str | None = None) -> str | None:
        return self.lock(repo, env).get("holder")


_machines: dict[tuple, Machines] = {}


def machines_of(installation: Installation) -> Machines:
    """Made once: AWS's clients take their time."""
    key = (installation.aws.endpoint, installation.environment)
    if key not in _machines:
        _machines[key] = Machines(installation)
    return _machines[key]


def event(release: Release, name: str = "cloudformation-params.json", uploaded: str = "2026-11-21T12:00:00Z") -> dict:
    """What S3 sends to EventBridge for an upload (Amazon S3 User Guide, "EventBridge event message structure")."""
    number = next(_sequencers)
    return {
        "version": "0",
        "id": f"17793124-05d4-b198-2fde-{number:012x}",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": DEPLOYER,
        "time": uploaded,
        "region": REGION,
        "resources": [f"arn:aws:s3:::{release.installation.bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": release.installation.bucket},
            "object": {
                "key": release.folder + name,
                "size": 5,
                "etag": "b1946ac92492d2347c6235b4d2611184",
                "version-id": f"IYV3p45BT0ac8hjHg1houSdS1a.Mro8e{number}",
                "sequencer": f"00617F08299329D{number:x}",
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": DEPLOYER,
            "source-ip-address": "127.0.0.1",
            "reason": "PutObject",
        },
    }


def targets_item(repo: str, targets: list, **attributes) -> dict:
    """An item of the targets table."""
    entries = [{"M": {"account": {"S": account}, "region": {"S": region}}} for account, region in targets]
    return {"repo": {"S": repo}, "targets": {"L": entries}, **attributes}


def _plain(item: dict) -> dict:
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}
