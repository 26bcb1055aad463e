"""Follows the execution that an upload started, and prints each state as it is entered."""

import time

from pipeline.executions import Execution

# What a person should know when they see the state.
MEANING = {
    "Claim": "this event is ours; the same one again would end here",
    "CreateBuildRecord": "record PENDING",
    "AcquireLock": "one build at a time for each repository and environment",
    "FetchTargets": "accounts and regions: the repository's in the targets table, else the default ones",
    "CheckManifest": "tags pinned to digests; sources, roles, repositories and tags looked at; nothing written",
    "PromoteImages": "staged by digest, not tagged",
    "VerifyPull": "pulled back from the target",
    "TagImages": "tagged, and the tags read back",
    "StageTargets": "staged by digest in all targets, not tagged in any",
    "VerifyTargets": "pulled back from all targets",
    "TagTargets": "tagged in all targets, and the tags read back",
    "DeployCloudFormation": "a real state machine; its calls to CloudFormation are answered by a mock",
    "ReleaseLock": "and remembered what succeeded",
    "UpdateBuildStatus": "record SUCCESS",
    "UpdateBuildStatusFailed": "record FAILED",
    "ReleaseLockAfterFailure": "lock free",
}


def follow(execution: Execution) -> Execution:
    """Prints its states until it has ended."""
    print(f"  {execution.arn.split(':execution:')[1]}")
    printed, is_running = 0, True
    while is_running:
        # What comes after this look is seen at the next one, or has been written by the end.
        is_running = execution.describe()["status"] == "RUNNING"
        events = execution.events
        for event in events[printed:]:
            _print(event, (event["timestamp"] - events[0]["timestamp"]).total_seconds())
        printed = len(events)
        time.sleep(0.05)
    print(f"  {'':>7}  {execution.status}")
    return execution


def _print(event: dict, seconds: float) -> None:
    entered = event.get("stateEnteredEventDetails")
    if entered:
        name = entered["name"]
        if name in MEANING:
            print(f"  {seconds:6.2f}s  {name:<24} {MEANING[name]}", flush=True)
    failed = event.get("taskFailedEventDetails")
    if failed:
        print(f"  {'':>7}  {'':<24} failed: {failed['error']}", flush=True)
