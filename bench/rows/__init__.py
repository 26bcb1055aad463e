"""The cases, by the names that they are selected by. Each gives one or more rows of results."""

from . import growth, index, invocation, loopback, memory, ranges, release, start

CASES = {
    "loopback": loopback.measure,
    "release": release.measure,
    "index": index.measure,
    "memory": memory.measure,
    "ranges": ranges.measure,
    "start": start.measure,
    "invocation": invocation.measure,
    "growth": growth.measure,
}
