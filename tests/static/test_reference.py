"""The reference lists the parameters of both templates with their defaults, and the outputs."""

import pytest

from static import errors, template

DEFAULTS = {"none": None, "empty": ""}


def parts() -> dict:
    """By template: the part of the reference's section that is about it."""
    text = errors.section("docs/reference.md", "Template parameters")
    _, deployer, target = text.split("\nOf `cloudformation")
    return {template.DEPLOYER: deployer, template.TARGET: target}


def documented(text: str) -> dict:
    """The default of each parameter in the first column; None for one that has to be given."""
    found = {}
    for cells in errors.rows(text):
        default = DEFAULTS.get(cells[1], cells[1].strip("`"))
        names = errors.CODE.findall(cells[0])
        assert not found.keys() & set(names), f"{names} a second time"
        found |= dict.fromkeys(names, default)
    return found


@pytest.mark.parametrize("path", [template.DEPLOYER, template.TARGET])
def test_it_lists_every_parameter_with_its_default(path):
    parameters = template.load(path).body["Parameters"]
    defaults = {name: str(body["Default"]) if "Default" in body else None for name, body in parameters.items()}
    assert documented(parts()[path]) == defaults


@pytest.mark.parametrize("path", [template.DEPLOYER, template.TARGET])
def test_it_lists_every_output(path):
    (line,) = [part for part in parts()[path].split("\n\n") if part.startswith("Outputs: ")]
    assert set(errors.CODE.findall(line)) == set(template.load(path).body["Outputs"])
