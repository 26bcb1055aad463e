"""One definition in two modes: each state serves one of them or both, and none does what another does."""

import json

from static import sample
from static.definitions import MODES

OF_ONE_ACCOUNT = {"PromoteImages", "VerifyPull", "TagImages"}
OF_MANY = {
    *("FetchTargets", "AreTargetsValid"),
    *("CheckTargets", "StageTargets", "VerifyTargets", "TagTargets", "PromoteBatches", "NextPhase"),
}


def test_only_these_states_serve_one_mode(deployed, machines):
    single, multi = (set(deployed[f"{mode}-account"].definition["States"]) for mode in MODES)
    assert single - multi == OF_ONE_ACCOUNT
    assert multi - single == OF_MANY
    assert single | multi == set(machines["pipeline"].definition["States"])


def test_states_that_a_mode_does_not_come_to_are_left_out():
    choices = [
        {"Condition": "{% $states.input = 'RUNNING' %}", "Next": "Later"},
        {"Condition": "{% '${DeploymentMode}' = 'single' %}", "Next": "Failed"},
    ]
    machine = sample.machine(Is={"Choices": choices}, Read={"Catch": None})
    single, multi = (machine.in_mode(mode).definition["States"] for mode in MODES)
    assert set(single) == {"Read", "Look", "Is", "Later", "Failed"}
    assert set(multi) == {"Read", "Look", "Is", "Later", "Done"}
    assert single["Is"] == {**multi["Is"], "Default": "Failed"}


def duplicates(machine) -> list:
    """States that ask or make the same, wherever they lead."""
    found = {}
    for state in machine.states:
        if state.kind not in ("Wait", "Succeed"):
            own = {key: value for key, value in state.own().items() if key not in ("Comment", "Next", "Default")}
            found.setdefault(json.dumps(own, sort_keys=True), []).append(str(state))
    return [names for names in found.values() if len(names) > 1]


def test_no_state_does_what_another_does(machines):
    for machine in machines.values():
        assert duplicates(machine) == []


def test_a_state_that_does_is_found():
    again = {**sample.DEFINITION["States"]["Look"], "Next": "Later"}
    assert duplicates(sample.machine(Again=again)) == [["sample: Look", "sample: Again"]]
