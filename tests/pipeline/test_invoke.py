"""`cargo lambda invoke` with the events in events/: the exact answers that the reference shows."""

import json
import re

import pytest

from pipeline import invoke, world
from pipeline.deployment import DEPLOYER, LAMBDAS, TARGET
from pipeline.ministack import REGION
from pipeline.processes import ROOT

REFERENCE = (ROOT / "docs/reference.md").read_text()


def shown(function: str) -> dict:
    """The answer in the reference, in its block "json answer FUNCTION"."""
    block = re.search(rf"^```json answer {function}\n(.*?)^```$", REFERENCE, re.DOTALL | re.MULTILINE)
    assert block, f"the reference shows an answer of {function}"
    return without_seconds(json.loads(block[1]))


def given(text: str, local: world.World) -> dict:
    """An answer, with the registries called as in AWS instead of by the ports that stand for them here."""
    for account in (DEPLOYER, TARGET):
        text = text.replace(local.ecr.registry(account).host, f"{account}.dkr.ecr.{REGION}.amazonaws.com")
    return without_seconds(json.loads(text))


def without_seconds(answer: dict) -> dict:
    assert answer.pop("seconds") >= 0
    return answer


@pytest.mark.parametrize("function", LAMBDAS)
def test_the_answer_is_exactly_this(function, tmp_path):
    with world.running(tmp_path, invoke.WORLD) as local:
        invoke.seed(local, tmp_path / "images")
        done = invoke.run(local, function, tmp_path / "watch.log")
        assert done.returncode == 0, done.stderr + (tmp_path / "watch.log").read_text()
        assert given(done.stdout, local) == shown(function)


def test_a_failure_is_printed_by_name(tmp_path):
    with world.running(tmp_path, invoke.WORLD) as local:
        invoke.seed(local, tmp_path / "images")
        with invoke.watching(local, "check-manifest", tmp_path / "watch.log") as port:
            event = {**invoke.event("check-manifest"), "target_account": "12345"}
            done = invoke.invoke(port, "check-manifest", event)
    assert done.returncode == 1
    assert "InvalidInput" in done.stderr
    assert "target_account" in done.stderr
