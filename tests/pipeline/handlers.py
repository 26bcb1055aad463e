"""Cases that drive every Catch and every Retry of the pipelines' machines, made from their definitions.

MiniStack's mocks throw what a state is to fail with. What is thrown stays for all attempts of an entry, so a Retry is
used up, and then the Catch follows.
"""

from dataclasses import dataclass

from static.definitions import deployed

REFUSED = "DynamoDB.ConditionalCheckFailedException"
SOMEBODY = "arn:aws:states:eu-west-1:111122223333:execution:elsewhere:somebody"
CHECKED = {
    "pinned": [{"repository": "myapp/api", "tag": "1", "digest": "sha256:" + "0" * 64}],
    "skipped": False,
    "image_count": 1,
    "parameters": {},
    "image_parameters": [],
    "warnings": [],
}
DONE = {
    "images_promoted": 1,
    "bytes_copied": 5,
    "bytes_present": 0,
    "blobs_copied": 1,
    "blobs_mounted": 0,
    "requests": 9,
}

# What states answer that call what these tests are not about.
ANSWERS = {
    "CheckManifest": {"Payload": {**CHECKED, "requests": 9}},
    "PromoteImages": {"Payload": {**DONE, "notes": []}},
    "VerifyPull": {"Payload": {"requests": 9}},
    "TagImages": {"Payload": {**DONE, "notes": []}},
    "PromoteBatch": {"Output": {**DONE, "targets": 3}},
    "DeployCloudFormation": {"Output": {"result": "CREATED", "stack_id": "x", "notes": []}},
}
# What a state answers that was mocked to fail, when it is entered again.
AGAIN = {"AcquireLock": {"Attributes": {}}, **ANSWERS}


def thrown(error: str) -> dict:
    return {"Throw": {"Error": error, "Cause": f"{error}, as a test wants it"}}


_CLAIMED = {"Claim": [thrown(REFUSED), {}]}
_OWNED = {**_CLAIMED, "ReadClaim": [{"Item": {"owner": {"S": SOMEBODY}}}]}
_LOCKED = {"AcquireLock": [thrown(REFUSED), {"Attributes": {}}]}
_HELD = {**_LOCKED, "ReadLock": [{"Item": {"holder": {"S": SOMEBODY}, "holder_sk": {"S": "x"}}}]}
_DEAD = {"Status": "FAILED", "StopDate": "2026-01-01T00:00:00.000Z"}
# How to come to states that are not on the usual way.
WAYS = {
    "ReadClaim": _CLAIMED,
    "DescribeOwner": _OWNED,
    "TakeOverClaim": {**_OWNED, "DescribeOwner": [_DEAD]},
    "ReadLock": _LOCKED,
    "DescribeHolder": _HELD,
    "StealLock": {**_HELD, "DescribeHolder": [_DEAD]},
    "CloseAbandonedBuild": {**_HELD, "DescribeHolder": [_DEAD], "StealLock": [{}]},
    "ReadReleasedLock": {"ReleaseLock": [thrown(REFUSED), {}]},
    "UpdateBuildStatusFailed": {"CheckManifest": [thrown("PullFailed")]},
    "ReleaseLockAfterFailure": {"CheckManifest": [thrown("PullFailed")]},
}
# What is done in which phase of a batch.
PHASES = {"CheckManifest": "check", "PromoteImages": "stage", "VerifyPull": "verify", "TagImages": "tag"}


@dataclass(frozen=True)
class Driven:
    """A state that fails with an error: how often it is tried, and where it goes on."""

    machine: str
    state: str
    error: str
    attempts: int
    next: str
    # The Map around the state, or the state itself.
    seen_as: str

    def __str__(self):
        return f"{self.machine}-{self.state}-{self.error}"

    @property
    def case(self) -> str:
        return f"{self.state}-{self.error.replace('.', '-')}"

    @property
    def mocks(self) -> dict:
        usual = {state: [answer] for state, answer in ANSWERS.items()}
        failing = [thrown(self.error), AGAIN.get(self.state, {})]
        return {**usual, **WAYS.get(self.state, {}), self.state: failing}


def tasks(machine: str) -> list[tuple[str, dict, str]]:
    """Every Task with the name of the Map around it, or its own."""
    found = []
    for name, state in deployed()[machine].definition["States"].items():
        if state["Type"] == "Map":
            found += [(inner, body, name) for inner, body in state["ItemProcessor"]["States"].items()]
        else:
            found.append((name, state, name))
    return [(name, state, around) for name, state, around in found if state["Type"] == "Task"]


def driven(machine: str) -> list[Driven]:
    """One for each Retry, which also comes to the last Catch, and one for each error that is caught by its name.

    Of a Retry's names each state takes another one, so that all have their turn.
    """
    found = []
    for number, (name, state, around) in enumerate(tasks(machine)):
        for retrier in state["Retry"]:
            error = retrier["ErrorEquals"][number % len(retrier["ErrorEquals"])]
            found.append(Driven(machine, name, error, retrier["MaxAttempts"] + 1, _caught(state, error), around))
        for catcher in state["Catch"]:
            found += [
                Driven(machine, name, error, 1, catcher["Next"], around)
                for error in catcher["ErrorEquals"]
                if error != "States.ALL"
            ]
    return found


def _caught(state: dict, error: str) -> str:
    nexts = (each["Next"] for each in state["Catch"] if {error, "States.ALL"} & set(each["ErrorEquals"]))
    return next(nexts, "")
