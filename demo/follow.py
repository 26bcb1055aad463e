"""Follows the execution that an upload started, and prints each state as it is entered."""

import time

from pipeline.deployment import DEPLOYER, Installation

# What a person should know when they see the state.
MEANING = {
    "Claim": "this event is ours; the same one again would end here",
    "CreateBuildRecord": "record PENDING",
    "AcquireLock": "one build at a time for each repository and environment",
    "FetchTargets": "accounts and regions, from the targets table",
    "CheckManifest": "tags pinned to digests; sources, roles, repositories and tags looked at; nothing written",
    "PromoteImages": "staged by digest, not tagged",
    "PromoteImages 2": "the same over all targets: pulled back",
    "PromoteImages 3": "the same over all targets: tagged",
    "VerifyPull": "pulled back from the target",
    "TagImages": "tagged, and the tags read back",
    "DeployCloudFormation": "a real state machine; its calls to CloudFormation are answered by a mock",
    "ReleaseLock": "and remembered what succeeded",
    "UpdateBuildStatus": "record SUCCESS",
    "UpdateBuildStatusFailed": "record FAILED",
    "ReleaseLockAfterFailure": "lock free",
}


class Follower:
    """The executions of one installation's pipeline, each followed once."""

    def __init__(self, installation: Installation):
        self.installation = installation
        self.states = installation.aws.client("stepfunctions", DEPLOYER)
        self.seen = {each["executionArn"] for each in self._executions()}

    def _executions(self) -> list:
        return self.states.list_executions(stateMachineArn=self.installation.pipeline)["executions"]

    def next(self) -> dict:
        """Waits for the execution that was not there before, prints its states, and gives how it ended."""
        while not (new := [each for each in self._executions() if each["executionArn"] not in self.seen]):
            time.sleep(0.05)
        arn = new[-1]["executionArn"]
        self.seen.add(arn)
        print(f"  {arn.split(':execution:')[1]}")
        printed, begun, entries = 0, None, {}
        while True:
            described = self.states.describe_execution(executionArn=arn)
            events = self._history(arn)
            begun = begun or events[0]["timestamp"]
            for event in events[printed:]:
                _print(event, (event["timestamp"] - begun).total_seconds(), entries)
            printed = len(events)
            if described["status"] != "RUNNING":
                print(f"  {'':>7}  {described['status']}")
                return described
            time.sleep(0.05)

    def _history(self, arn: str) -> list:
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]


def _print(event: dict, seconds: float, entries: dict) -> None:
    entered = event.get("stateEnteredEventDetails")
    if entered:
        name = entered["name"]
        entries[name] = entries.get(name, 0) + 1
        # Many accounts: one state is entered again for each phase.
        known = f"{name} {entries[name]}" if entries[name] > 1 else name
        if known in MEANING:
            print(f"  {seconds:6.2f}s  {name:<24} {MEANING[known]}", flush=True)
    failed = event.get("taskFailedEventDetails")
    if failed:
        print(f"  {'':>7}  {'':<24} failed: {failed['error']}", flush=True)


def record(installation: Installation, repo: str) -> dict:
    """The newest build record of a repository, as plain values."""
    table = installation.aws.client("dynamodb", DEPLOYER)
    items = table.query(
        TableName=installation.table("builds"),
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"{repo}/{installation.environment}"}},
        ScanIndexForward=False,
        Limit=1,
    )["Items"]
    return {name: _plain(value) for name, value in items[0].items()}


def lock_holder(installation: Installation, repo: str) -> str | None:
    table = installation.aws.client("dynamodb", DEPLOYER)
    key = {"id": {"S": f"{repo}/{installation.environment}"}}
    item = table.get_item(TableName=installation.table("locks"), Key=key).get("Item", {})
    return item.get("holder", {}).get("S")


def _plain(value: dict):
    ((kind, content),) = value.items()
    if kind == "M":
        return {name: _plain(each) for name, each in content.items()}
    if kind == "L":
        return [_plain(each) for each in content]
    return int(content) if kind == "N" else content
