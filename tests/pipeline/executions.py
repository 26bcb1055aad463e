"""Executions of the state machines: follows them, and reads what they did."""

import functools
import json
import time
from dataclasses import dataclass

# Generous, because the machine may be busy: what is wrong here ends sooner, as FAILED.
PATIENCE = 300


@dataclass(frozen=True)
class Execution:
    """One execution. What it says of itself it says after its end, which `ended` waits for."""

    client: object
    arn: str

    def describe(self) -> dict:
        return self.client.describe_execution(executionArn=self.arn)

    def ended(self) -> "Execution":
        until(lambda: self.describe()["status"] != "RUNNING", f"{self.arn} to end")
        return self

    @functools.cached_property
    def outcome(self) -> dict:
        return self.ended().describe()

    @property
    def status(self) -> str:
        return self.outcome["status"]

    @property
    def error(self) -> str:
        return self.outcome.get("error", "")

    @property
    def cause(self) -> str:
        return self.outcome.get("cause", "")

    @property
    def output(self) -> dict:
        return json.loads(self.outcome["output"])

    @property
    def input(self) -> dict:
        return json.loads(self.outcome["input"])

    @property
    def events(self) -> list[dict]:
        """The history so far."""
        return self._history if "outcome" in vars(self) else self._read_history()

    @functools.cached_property
    def _history(self) -> list[dict]:
        return self._read_history()

    def _read_history(self) -> list[dict]:
        paginator = self.client.get_paginator("get_execution_history")
        pages = paginator.paginate(executionArn=self.arn, PaginationConfig={"PageSize": 1000})
        return [event for page in pages for event in page["events"]]

    @property
    def states(self) -> list[str]:
        """The states that were entered so far, without those inside a Map."""
        return [event["stateEnteredEventDetails"]["name"] for event in self.events if _is_entry(event)]

    def failures(self, state: str) -> list[str]:
        """The errors of all attempts while the execution was in this state, or in a Map of this name."""
        found, current = [], ""
        for event in self.events:
            if _is_entry(event):
                current = event["stateEnteredEventDetails"]["name"]
            elif event["type"] == "TaskFailed" and current == state:
                found.append(event["taskFailedEventDetails"]["error"])
        return found

    def stop(self) -> "Execution":
        self.client.stop_execution(executionArn=self.arn)
        return self

    def await_state(self, *states: str) -> "Execution":
        """Waits until one of these states was entered."""
        until(lambda: set(states) & set(self.states), f"{self.arn} to enter {states}")
        return self

    def succeeded(self) -> "Execution":
        assert self.status == "SUCCEEDED", f"{self.error}: {self.cause}\n{self.states}"
        return self

    def failed(self, error: str, *mentions: str) -> "Execution":
        assert (self.status, self.error) == ("FAILED", error), (
            f"{self.status} {self.error}: {self.cause}\n{self.states}"
        )
        for words in mentions:
            assert words in self.cause, self.cause
        return self


def _is_entry(event: dict) -> bool:
    return event["type"].endswith("StateEntered")


def until(is_so, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"waited {PATIENCE} s for {what}"
        time.sleep(0.05)
