"""One definition in two modes: each state serves one of them or both, and which is known without running it."""

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
