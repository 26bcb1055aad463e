"""`cargo lambda invoke` with the README's events: the exact answers."""

import json
import re
from pathlib import Path

import pytest

from pipeline import invoke, world
from pipeline.deployment import DEPLOYER, LAMBDAS, TARGET

ANSWERS = Path(__file__).parent / "answers"


def normal(text: str, hosts: dict) -> dict:
    """The answer with what differs from run to run replaced: time taken, and the ports that stand for registries."""
    for host, name in hosts.items():
        text = text.replace(host, name)
    return json.loads(re.sub(r'"seconds": ?[0-9.e-]+', '"seconds": 0', text))


@pytest.mark.parametrize("function", LAMBDAS)
def test_the_answer_is_exactly_this(function, tmp_path):
    with world.running(tmp_path) as local:
        invoke.seed(local, tmp_path / "images")
        hosts = {local.ecr.registry(account).host: f"REGISTRY-{account}" for account in (DEPLOYER, TARGET)}
        done = invoke.run(local, function, tmp_path / "watch.log")
    assert done.returncode == 0, done.stderr + (tmp_path / "watch.log").read_text()
    assert normal(done.stdout, hosts) == json.loads((ANSWERS / f"{function}.json").read_text())


def test_a_failure_is_printed_by_name(tmp_path):
    with world.running(tmp_path) as local:
        invoke.seed(local, tmp_path / "images")
        with invoke.watching(local, "check-manifest", tmp_path / "watch.log") as port:
            event = {**invoke.event("check-manifest"), "target_account": "12345"}
            done = invoke.invoke(port, "check-manifest", event)
    assert done.returncode == 1
    assert "InvalidInput" in done.stderr
    assert "target_account" in done.stderr
