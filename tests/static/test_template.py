"""The templates are valid, declare nothing for nothing, and fill into the machines what those ask for."""

import re
import subprocess

import pytest
import yaml

from static import template
from static.definitions import ROOT
from static.parameter_sets import INSTALLATIONS, installed, machines_of

TEMPLATES = [template.DEPLOYER, template.TARGET]
CFN_LINT = ROOT / ".tools/venv/bin/cfn-lint"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_cfn_lint_has_nothing_to_say(path):
    run = subprocess.run(
        [CFN_LINT, "--non-zero-exit-code", "informational", "--template", path], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_cfn_lint_does_find_what_is_wrong(tmp_path):
    path = tmp_path / "broken.template"
    path.write_text("Resources: {Queue: {Type: 'AWS::SQS::Queue', Properties: {Fast: true}}}")
    assert subprocess.run([CFN_LINT, path], capture_output=True).returncode != 0


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_parameter_and_condition_is_used(path):
    body = template.read(path)
    used = template.references([value for key, value in body.items() if key not in ("Parameters", "Metadata")])
    for resource in [*body["Resources"].values(), *body.get("Outputs", {}).values()]:
        used.add(resource.get("Condition"))
    assert set(body["Parameters"]) - used == set()
    assert set(body.get("Conditions", {})) - used == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_there_are_no_aliases(path):
    """CloudFormation User Guide, "CloudFormation template formats": YAML aliases are not supported."""
    events = yaml.parse(path.read_text())
    assert [event.anchor for event in events if isinstance(event, yaml.AliasEvent)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_partition_is_written_by_hand(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.split(" #")[0]
        assert "arn:aws" not in text, f"{path.name}:{number}: {line}"
        # The principals of services have the same name in all partitions that are public.
        for host in ("s3.amazonaws.com", "ecr.", "dkr."):
            assert host not in text, f"{path.name}:{number}: {line}"


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_each_machine_gets_exactly_the_substitutions_it_asks_for(name):
    for machine, values in machines_of(installed(name)).values():
        assert set(values) == machine.substitutions, machine.name


def test_each_machine_is_installed_once_in_one_mode_or_both(machines):
    for mode in ("single", "multi"):
        names = [machine.name for machine, _ in machines_of(installed(mode)).values()]
        assert len(names) == len(set(names))
    everywhere = {machine.name for mode in INSTALLATIONS for machine, _ in machines_of(installed(mode)).values()}
    assert everywhere == set(machines)


def test_the_names_of_resources_are_those_that_are_documented():
    """They are a contract: with the target accounts' roles, with whoever reads a build's record, with the alarms."""
    names = {mode: {i.name(n) for n in i.resources} for mode in ("single", "multi") for i in [installed(mode)]}
    both = {"-check-manifest", "-promote-images", "-verify-pull", "--builds", "--targets", "--locks", "-release"}
    of_mode = {
        "single": {"-single-account", "-deploy-stack"},
        "multi": {"-multi-account", "-promote-batch", "-deploy-stackset", "-stackset-administration"},
    }
    for mode, own in of_mode.items():
        assert {f"dev-aws-deployer{name}" for name in both | own} <= names[mode]
        assert (
            not {f"dev-aws-deployer{name}" for other in of_mode if other != mode for name in of_mode[other]}
            & names[mode]
        )


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_an_environment_begins_no_name_that_ssm_reserves(path):
    """Names of parameters may not begin with aws or ssm, also behind a slash. Source: Systems Manager User Guide,
    "Understanding parameter name requirements and constraints".
    """
    for parameter in installed("single, all else given").of_type("AWS::SSM::Parameter").values():
        assert parameter["Properties"]["Name"].startswith("/dev/")
    environment = template.read(path)["Parameters"]["Environment"]
    # CloudFormation's patterns are Java's, which have lookahead as Python's do. Source: CloudFormation User Guide,
    # "Using regular expressions in CloudFormation templates".
    pattern = environment["AllowedPattern"]
    for name in ("dev", "prd", "aw", "ss", "my-aws", "awesome"):
        assert re.fullmatch(pattern, name), name
    for name in ("aws", "aws-dev", "awssec", "ssm", "ssm1", "1st", "Dev", "a" * 21):
        assert not re.fullmatch(pattern, name), name
    assert "not with aws or ssm" in environment["ConstraintDescription"]


def test_a_task_waits_longer_than_a_function_runs(states):
    functions = installed("multi").of_type("AWS::Lambda::Function")
    longest = max(function["Properties"]["Timeout"] for function in functions.values())
    waits = {state.body["TimeoutSeconds"] for state in states if "lambda:invoke" in state.body.get("Resource", "")}
    assert waits
    assert min(waits) > longest
