"""The ways through a machine, and what ends each loop: a counter that a Choice compares, or a number said here."""

import operator
import re
from dataclasses import dataclass, field

import networkx
from jsonata.parser import Parser

from static.definitions import expression

COMPARISONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
INCREMENT = re.compile(r"\{%\s*\$(\w+)\s*\+\s*1\s*%\}")


@dataclass(frozen=True, eq=False)
class Edge:
    """One way from a state to the next: there can be several between the same two."""

    tail: str
    head: str
    assigned: dict = field(default_factory=dict)
    condition: object = None

    @property
    def counters(self) -> set:
        """The variables that go up by one on this way."""
        return {
            name
            for name, value in self.assigned.items()
            if isinstance(value, str) and (found := INCREMENT.fullmatch(value)) and found[1] == name
        }


def edges(states: dict) -> list:
    found = []
    for name, state in states.items():
        own = state.get("Assign", {})
        for choice in state.get("Choices", []):
            assigned = choice.get("Assign", own)
            found.append(Edge(name, choice["Next"], assigned, Parser().parse(expression(choice["Condition"]))))
        for key in ("Default", "Next"):
            if key in state:
                found.append(Edge(name, state[key], own))
        for catcher in state.get("Catch", []):
            found.append(Edge(name, catcher["Next"], catcher.get("Assign", {})))
    return found


class Guards:
    """The Choices that compare a counter with something: with numbers, or with what is said to be its most."""

    def __init__(self, ways: list, counter: str, most: int | None):
        self.ways, self.counter, self.most = ways, counter, most
        numbers = [number for way in ways if way.condition for number in self._numbers(way.condition)]
        self.known = bool(numbers) and None not in numbers
        # From here on a comparison says something else.
        self.thresholds = sorted({int(number) + 1 for number in numbers}) if self.known else []

    def _numbers(self, node) -> list:
        if node.type == "block" and len(node.expressions) == 1:
            return self._numbers(node.expressions[0])
        if node.type == "binary" and node.value in ("and", "or"):
            return self._numbers(node.lhs) + self._numbers(node.rhs)
        return [self._number(node)] if self._is_comparison(node) else []

    def _number(self, node) -> int | None:
        return node.rhs.value if node.rhs.type == "number" else self.most

    def _is_comparison(self, node) -> bool:
        return (
            node.type == "binary"
            and node.value in COMPARISONS
            and node.lhs.type == "variable"
            and node.lhs.value == self.counter
        )

    def holds(self, node, value: int) -> bool | None:
        """What a condition is once the counter has come so far, or None if that does not decide it."""
        if node.type == "block" and len(node.expressions) == 1:
            return self.holds(node.expressions[0], value)
        if self._is_comparison(node):
            return COMPARISONS[node.value](value, self._number(node))
        if node.type == "binary" and node.value in ("and", "or"):
            sides = {self.holds(node.lhs, value), self.holds(node.rhs, value)}
            decisive = node.value == "or"
            if decisive in sides:
                return decisive
            return None if None in sides else not decisive
        return None

    def open(self, value: int) -> list:
        """The ways that can still be gone once the counter has come so far."""
        found, decided = [], set()
        for way in self.ways:
            if way.tail in decided:
                continue
            held = self.holds(way.condition, value) if way.condition is not None else None
            if held is True:
                decided.add(way.tail)
            if held is not False:
                found.append(way)
        return found

    def bound(self, ring: list) -> int | None:
        """How far the counter can come while this ring is gone round, or None if it does not stop it."""
        if not self.known or not any(self.counter in way.counters for way in ring):
            return None
        found = None
        for threshold in reversed(self.thresholds):
            if set(ring) <= set(self.open(threshold)):
                return found
            found = threshold
        return found


@dataclass(frozen=True)
class Loop:
    """States that follow each other in a ring, and how often it is gone round: by a counter, or by what was said."""

    states: tuple
    bound: object
    times: int


def rings(ways: list) -> list:
    """Every ring of ways that meets no state twice. Whatever goes round for ever goes round one of them for ever."""
    graph = networkx.DiGraph()
    for way in ways:
        graph.add_edges_from(((way.tail, way), (way, way.head)))
    return [[one for one in ring if isinstance(one, Edge)] for ring in networkx.simple_cycles(graph)]


def loops(states: dict, said: dict) -> tuple:
    """Each loop with the smallest bound that it has; and the problems of those that have none.

    A counter bounds a loop that counts it, and that cannot be gone round once the counter is over its limits. `said`
    has what the definition does not: how often a way (tail, head) is gone, or how far a counter goes.
    """
    ways = edges(states)
    pairs = {(way.tail, way.head) for way in ways}
    counters = sorted({counter for way in ways for counter in way.counters})
    guards = {counter: Guards(ways, counter, said.get(counter)) for counter in counters}
    found = []
    problems = [f"{key} is no way and no counter" for key in said if key not in pairs and key not in guards]
    for ring in rings(ways):
        names = " -> ".join(way.tail for way in ring)
        bounds = [(said[way.tail, way.head], (way.tail, way.head)) for way in ring if (way.tail, way.head) in said]
        for counter, guard in guards.items():
            if (most := guard.bound(ring)) is not None:
                bounds.append((most, counter))
                if any(counter in way.assigned and counter not in way.counters for way in ring):
                    problems.append(f"{counter} is set anew in the loop {names}")
        if bounds:
            times, bound = min(bounds, key=lambda one: one[0])
            found.append(Loop(tuple(way.tail for way in ring), bound, times))
        else:
            problems.append(f"nothing bounds the loop {names}")
    return found, problems
