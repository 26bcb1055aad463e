"""How many state transitions a build takes: what a Standard execution is paid by."""

from static import realistic
from static.definitions import ROOT
from static.test_payload import of_lambdas
from static.walk import Walk

# What deploys is apart: it may be a team's own.
DEPLOYED = {"DeployCloudFormation": lambda arguments: {"Output": {"result": "UPDATED", "notes": []}}}


def transitions(name: str, targets: int = 0) -> int:
    """Of a build and the batches that it starts."""
    machine, walks = realistic.filled(name), []

    def walk(machine, given, answers):
        walks.append(Walk(machine, {**of_lambdas(3), **answers}, realistic.execution(machine.name)))
        return walks[-1].run(given)

    def batch(arguments):
        return {"Output": walk(realistic.filled("promote-batch"), arguments["Input"], {})}

    lookups = realistic.lookups(machine, realistic.TARGETS[:targets])
    ended = walk(machine, realistic.upload(), {**lookups, **DEPLOYED, "PromoteBatch": batch})
    assert ended["status"] == "SUCCESS"
    return sum(len(walk.states) for walk in walks)


def test_the_transitions_of_a_build_are_those_that_are_documented(figures):
    one = transitions("single-account")
    many = [transitions("multi-account", targets) for targets in (1, 100, 1000)]
    figures["transitions of a build"] = f"{one} in mode single; {many} in mode multi with 1, 100 and 1,000 targets"
    documented = (ROOT / "docs/operations.md").read_text()
    assert "| {} | {} | {} | {:,} |".format(one, *many) in documented, "docs/operations.md has other figures"
