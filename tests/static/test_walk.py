"""The walker does what Step Functions does, as far as the measurements need it."""

import pytest

from static import sample
from static.test_payload import MOST, check
from static.walk import Failure, Walk


def walk(given, answers=None, **changes) -> Walk:
    """A walk through the sample, whose holder still runs twice."""
    status = iter(["RUNNING", "RUNNING", "SUCCEEDED"])
    usual = {
        "Read": lambda arguments: {"Item": {"holder": {"S": "an execution"}}},
        "Look": lambda arguments: {"Status": next(status)},
    }
    later = {"Later": {"Output": {"repo": "myapp"}}}
    found = Walk(sample.machine(**{**later, **changes}), {**usual, **(answers or {})}, {"Id": "arn"})
    found.output = found.run(given)
    return found


def test_states_follow_each_other():
    found = walk({"repo": "myapp"})
    assert found.states == ["Read", "Look", "Is", "Later"] * 2 + ["Read", "Look", "Is", "Done"]
    assert found.variables == {"holder": "an execution"}
    assert found.output == "SUCCEEDED"


def test_bytes_are_counted_as_json():
    sizes = walk({"repo": "möbel"}).sizes
    assert sizes["", "input"] == len('{"repo":"möbel"}'.encode())
    assert sizes["Read", "arguments"] == len('{"TableName":"${LocksTable}","Key":{"id":{"S":"möbel"}}}'.encode())
    assert sizes["Look", "result"] == len('{"Status":"SUCCEEDED"}')
    assert sizes["Read", "assigned"] == len('{"holder":"an execution"}')


def test_a_failure_goes_to_its_catcher_or_ends_the_walk():
    def failing(arguments):
        raise Failure("DynamoDB.ThrottlingException", "slow down")

    with pytest.raises(Failure, match="LockTimeout"):
        walk({"repo": "myapp"}, {"Read": failing})
    with pytest.raises(Failure, match="slow down"):
        walk({"repo": "myapp"}, {"Look": failing})


def test_nothing_is_no_value():
    with pytest.raises(AssertionError, match="nothing comes of"):
        walk({"repo": "myapp"}, Look={"Output": "{% $states.result.Name %}"})


def test_a_size_over_the_quota_is_found():
    with pytest.raises(AssertionError, match="Read result has"):
        check({("sample", *where): size for where, size in big().items()})


def big() -> dict:
    return walk({"repo": "myapp"}, {"Read": lambda arguments: {"Item": {"holder": {"S": "x" * MOST}}}}).sizes
