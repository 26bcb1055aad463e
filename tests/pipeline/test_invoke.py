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


def test_a_release_of_ones_own_is_taken(tmp_path):
    own = tmp_path / "release"
    own.mkdir()
    images = [{"repository": "shop/web", "tag": "2.0"}, {"repository": "shop/web", "tag": "2.1"}]
    (own / "deploy-manifest.json").write_text(json.dumps({"images": images}))
    (own / "cloudformation-params.json").write_text('{"Colour": "blue"}')
    with world.running(tmp_path, invoke.WORLD) as local:
        invoke.seed_own(local, tmp_path / "images", invoke.own_release(own))
        done = invoke.run(local, "check-manifest", tmp_path / "watch.log")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [(image["repository"], image["tag"]) for image in answer["pinned"]] == [
        ("shop/web", "2.0"),
        ("shop/web", "2.1"),
    ]
    assert answer["parameters"] == {"Colour": "blue"}


def test_what_cannot_be_invoked_is_said_in_one_line(tmp_path, capsys):
    assert invoke.main("check-manifest", str(tmp_path / "nowhere")) == 1
    assert invoke.main("check-manifest", str(tmp_path)) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert all(line.startswith("invoke-check-manifest: RELEASE=") for line in said)


def test_a_manifest_that_is_wrong_names_no_images():
    for wrong in (b"", b"{", b"[]", b'{"images": 1}', b'{"images": [{"repository": "A", "tag": "1"}]}'):
        assert invoke.images_of(wrong) == []


def test_a_failure_is_printed_by_name(tmp_path):
    with world.running(tmp_path, invoke.WORLD) as local:
        invoke.seed(local, tmp_path / "images")
        with invoke.watching(local, "check-manifest", tmp_path / "watch.log") as port:
            event = {**invoke.event("check-manifest"), "target_account": "12345"}
            done = invoke.invoke(port, "check-manifest", event)
    assert done.returncode == 1
    assert "InvalidInput" in done.stderr
    assert "target_account" in done.stderr
