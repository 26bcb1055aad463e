"""The machines are valid Amazon States Language, by a validator that nobody here wrote."""

import json
import subprocess

import pytest

from static import sample
from static.definitions import FOLDER, ROOT, SAMPLE, strings

VALIDATOR = ROOT / ".tools/bin/asl-validator"


def validate(folder, *machines) -> subprocess.CompletedProcess:
    """One run for all: Node.js starts slowly. It says `is valid` once for each that is."""
    paths = []
    for machine in machines:
        path = folder / f"{machine.name}.json"
        path.write_text(json.dumps(spelt_out(json.loads(machine.filled(SAMPLE)))))
        paths += ["--json-path", str(path)]
    return subprocess.run([VALIDATOR, *paths], capture_output=True, text=True)


def spelt_out(value):
    """The validator's pattern for a plain text wants at least one character. The States Language does not."""
    if isinstance(value, dict):
        return {key: spelt_out(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [spelt_out(inner) for inner in value]
    return "{% '' %}" if value == "" else value


def test_the_machines_are_valid(machines, tmp_path):
    run = validate(tmp_path, *machines.values())
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("is valid") == len(machines)


BROKEN = {
    "no way on": {"Read": {"Next": None}},
    "a way to nowhere": {"Read": {"Next": "Nowhere"}},
    "a state that nothing leads to": {"Lost": {"Type": "Succeed"}},
    "JSONata that is none": {"Read": {"Assign": {"holder": "{% $states.result.( %}"}}},
    "a field of JSONPath": {"Read": {"Parameters": {}}},
}


def test_the_sample_is_valid(tmp_path):
    assert validate(tmp_path, sample.machine()).returncode == 0


@pytest.mark.parametrize("changes", BROKEN.values(), ids=BROKEN)
def test_a_broken_machine_is_found(changes, tmp_path):
    assert validate(tmp_path, sample.machine(**changes)).returncode == 1


def test_each_machine_is_jsonata_and_nothing_but_substitutions_and_expressions(machines):
    for machine in machines.values():
        assert machine.definition["QueryLanguage"] == "JSONata", machine.name
        for text in strings(machine.definition):
            # Half of a pair of brackets makes a plain text of what was meant as an expression.
            assert text.startswith("{%") == text.endswith("%}"), f"{machine.name}: {text}"


def test_there_is_one_copy_of_each_machine():
    elsewhere = [
        path
        for pattern in ("**/*.asl.json", "**/*.asl", "**/*.asl.yaml")
        for path in ROOT.glob(pattern)
        if path.parent != FOLDER and not {".tools", "target"} & set(path.relative_to(ROOT).parts)
    ]
    assert elsewhere == []
