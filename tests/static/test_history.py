"""No execution can reach the quota of events: 100 targets in a batch, 10 batches, loops and retries at their most."""

import pytest

from static import sample
from static.definitions import ROOT
from static.history import EVENTS, MOST, History, most_of
from static.model import service

# How many items a Map has at most.
ITEMS = {"promote-batch": {"Targets": 100}, "multi-account": {"PromoteBatches": 10}}

# Another execution has to act between two requests of this one for each of these. Three times is said to be the most.
RACE = 3
CLAIM_AND_LOCK = {
    ("Claim", "ReadClaim"): RACE,
    ("TakeOverClaim", "ReadClaim"): RACE,
    ("IsLockFree", "AcquireLock"): RACE,
    ("StealLock", "AcquireLock"): RACE,
    ("CloseAbandonedBuild", "AcquireLock"): RACE,
    # The item called default, after the repository's.
    ("IsEnvironment", "FetchEnvironment"): 1,
}
LOOPS = {
    "single-account": CLAIM_AND_LOCK,
    "multi-account": {
        **CLAIM_AND_LOCK,
        ("AreTargetsValid", "FetchTargets"): 1,
        **{("NextPhase", f"{phase}Targets"): 1 for phase in ("Stage", "Verify", "Tag")},
    },
    "deploy-stackset": {
        # Pages of at least ten: of the instances of a stack set, and of those that failed.
        ("AreThereMoreInstances", "ListStackInstances"): 100,
        ("AreThereMoreResults", "ListStackSetOperationResults"): 100,
        # ChoosePace refuses more. Regions with the same accounts go together, so that there are no more operations than
        # regions, updated and new: some 70 in all regions of a partition.
        "step": 80,
        # Looks at all operations together: 68 at each of 11, 20 at each of 40, 10 at each of 80.
        "waits": 800,
    },
}


@pytest.mark.parametrize(
    "name", ["single-account", "multi-account", "promote-batch", "deploy-stack", "deploy-stackset"]
)
def test_the_longest_execution_stays_below_the_quota(deployed, name, figures):
    found = {}
    for retries in (False, True):
        history = History(deployed[name], ITEMS.get(name, {}), LOOPS.get(name, {}), retries)
        found[retries] = history.most()
        assert history.problems == []
    figures[f"{name}, events"] = f"{found[False]:,} at most, {found[True]:,} with every retry of every request"
    assert found[True] < MOST
    documented = (ROOT / "docs/operations.md").read_text()
    assert f"| `{name}` | {found[False]:,} | {found[True]:,} |" in documented, "docs/operations.md has other figures"


LOOP = {
    "Is": {"Choices": [{"Condition": "{% $waits < 20 and $holder != '' %}", "Next": "Later"}]},
    "Later": {"Assign": {"waits": "{% $waits + 1 %}"}},
}


def count(retries=False, **changes) -> History:
    history = History(sample.machine(**changes), {}, {}, retries)
    history.events = history.most()
    return history


def test_the_sample_is_counted():
    # Of the execution; Read, Look, Is and Later, then Done; and 20 + 1 rounds of the four.
    four = 2 * (2 + 3 + 1) + 2 + 2
    assert count(**LOOP).events == 2 + four + 2 + 21 * four
    assert count(**LOOP).problems == []
    # Read has two retriers, with 2 and 1 attempts more.
    assert count(retries=True, **LOOP).events == count(**LOOP).events + 22 * 9


def test_of_loops_that_share_a_counter_the_longest_that_is_open_counts():
    assert most_of([(10, 5), (4, 7), (2, 1)]) == 4 * 7 + 6 * 5


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, "nothing bounds the loop"),
        ({**LOOP, "Is": {"Choices": [{"Condition": "{% $waits < 20 or $x %}", "Next": "Later"}]}}, "nothing bounds"),
        ({**LOOP, "Look": {"Assign": {"waits": 0}}}, "set anew"),
        ({**LOOP, "Later": {"Assign": {"waits": "{% $waits - 1 %}"}}}, "nothing bounds"),
    ],
)
def test_a_loop_without_a_bound_is_found(changes, problem):
    assert problem in " ".join(count(**changes).problems)


def test_the_events_are_those_of_the_service():
    known = service("stepfunctions").shape_for("HistoryEventType").enum
    assert {name for names in EVENTS.values() for name in names} <= set(known)
