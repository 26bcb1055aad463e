"""How many events an execution's history has at most.

Sources: Step Functions API reference, HistoryEvent (the types of events); Developer Guide, "Service quotas": 25,000
events in a history, at which an execution fails.
"""

import networkx

from static.definitions import Machine
from static.loops import edges
from static.loops import loops as find_loops

MOST = 25_000
# What is logged for each; of several ways to end, one.
EVENTS = {
    "execution": ["ExecutionStarted", "ExecutionSucceeded"],
    "Pass": ["PassStateEntered", "PassStateExited"],
    "Choice": ["ChoiceStateEntered", "ChoiceStateExited"],
    "Wait": ["WaitStateEntered", "WaitStateExited"],
    "Succeed": ["SucceedStateEntered", "SucceedStateExited"],
    "Fail": ["FailStateEntered"],
    # EvaluationFailed, where an answer is not what an expression expects.
    "Task": ["TaskStateEntered", "EvaluationFailed", "TaskStateExited"],
    "attempt": ["TaskScheduled", "TaskStarted", "TaskSucceeded"],
    "attempt.sync": ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"],
    "Map": ["MapStateEntered", "EvaluationFailed", "MapStateExited"],
    "attempt of Map": ["MapStateStarted", "MapStateSucceeded"],
    "iteration": ["MapIterationStarted", "MapIterationSucceeded"],
}
COUNT = {what: len(events) for what, events in EVENTS.items()}


def attempts(state: dict, retries: bool) -> int:
    """Each retrier counts by itself: the most is the sum of them."""
    return 1 + (sum(retrier.get("MaxAttempts", 3) for retrier in state.get("Retry", [])) if retries else 0)


class History:
    """Counts for one machine. `items`: how many a Map has, by its name. `said`: loops that no counter bounds."""

    def __init__(self, machine: Machine, items: dict, said: dict, retries: bool = True):
        self.machine, self.items, self.said, self.retries = machine, items, said, retries
        self.problems = []

    def most(self) -> int:
        return COUNT["execution"] + self._of(self.machine.definition)

    def _of(self, definition: dict) -> int:
        """The longest way that meets no state twice, and all loops as often as they can be gone round."""
        states = definition["States"]
        whole = definition is self.machine.definition
        loops, problems = find_loops(states, self.said if whole else {})
        self.problems += [f"{self.machine.name}: {problem}" for problem in problems]
        weights = {name: self._weight(state) for name, state in states.items()}
        rounds = {}
        for loop in loops:
            rounds.setdefault(loop.bound, []).append((loop.times, sum(weights[name] for name in loop.states)))
        return longest(states, definition["StartAt"], weights) + sum(map(most_of, rounds.values()))

    def _weight(self, state: dict) -> int:
        kind = state["Type"]
        if kind == "Task":
            attempt = COUNT["attempt.sync" if ".sync" in state["Resource"] else "attempt"]
            return COUNT[kind] + attempts(state, self.retries) * attempt
        if kind == "Map":
            name = next(name for name, body in self._all() if body is state)
            inside = self.items[name] * (COUNT["iteration"] + self._of(state["ItemProcessor"]))
            return COUNT[kind] + attempts(state, self.retries) * (COUNT["attempt of Map"] + inside)
        return COUNT[kind]

    def _all(self):
        return [(state.name, state.body) for state in self.machine.states]


def most_of(rounds: list) -> int:
    """Loops that share a counter, as (limit, length): each round counts, and takes the longest that is still open."""
    total, before = 0, 0
    for limit in sorted({limit for limit, _ in rounds}):
        total += (limit - before) * max(length for other, length in rounds if other >= limit)
        before = limit
    return total


def longest(states: dict, start: str, weights: dict) -> int:
    """The longest way from the start that goes no loop round, or more: states of a loop all count once."""
    graph = networkx.DiGraph((way.tail, way.head) for way in edges(states))
    graph.add_nodes_from(states)
    whole = networkx.condensation(graph)
    below = {}
    for node in reversed(list(networkx.topological_sort(whole))):
        own = sum(weights[name] for name in whole.nodes[node]["members"])
        below[node] = own + max((below[after] for after in whole.successors(node)), default=0)
    return below[whole.graph["mapping"][start]]
