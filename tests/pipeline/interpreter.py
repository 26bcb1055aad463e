"""Runs a state machine in this process with MiniStack's interpreter, and answers its service calls from a test.

MiniStack's own mocks skip a state's Arguments and cannot let a retry succeed. Here every call's arguments are
computed, held against AWS's service model, and kept.
"""

import json
from dataclasses import dataclass, field

import botocore.session
from botocore.validate import ParamValidator
from ministack.services import stepfunctions
from static.definitions import SAMPLE, load


def definition(name: str, **substitutions: str) -> str:
    """A machine's text with its substitutions filled in, as CloudFormation would."""
    return load()[name].filled(SAMPLE | substitutions)


@dataclass
class Run:
    """What an execution did and how it ended: with an output, or with an error and its cause."""

    states: list = field(default_factory=list)
    calls: list = field(default_factory=list)
    waits: list = field(default_factory=list)
    payloads: list = field(default_factory=list)
    variables: dict = field(default_factory=dict)
    output: dict | None = None
    error: str = ""
    cause: str = ""

    def arguments(self, action: str) -> list[dict]:
        return [arguments for called, arguments in self.calls if called == action]


class _Context(dict):
    """The context object, which notes each state that is entered."""

    def __init__(self, run: Run, **entries):
        super().__init__(**entries)
        self.run = run

    def __setitem__(self, key, value):
        if key == "State":
            self.run.states.append(value["Name"])
        super().__setitem__(key, value)


def run(machine: str, given: dict, service, monkeypatch, **substitutions: str) -> Run:
    """Runs the machine on `given`. `service(state, action, arguments)` answers a call or raises `error(...)`."""
    states = json.loads(definition(machine, **substitutions))
    ran = Run()
    execution = {"Id": "arn:aws:states:eu-west-1:111122223333:execution:x:y", "Input": given, "Name": "y"}
    context = _Context(ran, QueryLanguage=states["QueryLanguage"], Execution=execution, variables=ran.variables)

    def call(resource, arguments):
        assert resource.startswith("arn:aws:states:::aws-sdk:cloudformation:"), resource
        action = resource.rpartition(":")[2]
        _check(action, arguments)
        ran.calls.append((action, arguments))
        answer = service(context["State"]["Name"], action, arguments)
        ran.payloads += [arguments, answer]
        return answer

    monkeypatch.setattr(stepfunctions, "_invoke_resource", call)
    monkeypatch.setattr(stepfunctions, "_scaled_sleep", ran.waits.append)
    try:
        ran.output = stepfunctions._run_sub_machine(states["States"], states["StartAt"], given, {"events": []}, context)
    except stepfunctions._ExecutionError as ended:
        ran.error, ran.cause = ended.error, ended.cause
    return ran


def error(name: str, cause: str) -> Exception:
    return stepfunctions._ExecutionError(name, cause)


_MODEL = botocore.session.get_session().get_service_model("cloudformation")


def _check(action: str, arguments: dict) -> None:
    """The arguments have names, types and lengths that the service model knows."""
    operation = _MODEL.operation_model(action[0].upper() + action[1:])
    report = ParamValidator().validate(arguments, operation.input_shape)
    assert not report.has_errors(), report.generate_report()


class Script:
    """Answers from lists: what a state's first, its second... call gives, the last one for ever."""

    def __init__(self, states: dict):
        self.states = {state: list(answers) for state, answers in states.items()}

    def __call__(self, state: str, action: str, arguments: dict):
        answers = self.states[state]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if "Throw" in answer:
            raise error(answer["Throw"]["Error"], answer["Throw"]["Cause"])
        return answer


def handled(machine: str, how: str) -> list[tuple[str, str, dict]]:
    """Every error name that a Task retries or catches: (state, name, the retrier or catcher)."""
    return [
        (state.name, error_name, handler)
        for state in load()[machine].states
        for handler in state.body.get(how, [])
        for error_name in handler["ErrorEquals"]
    ]


def fails(ran: Run, *mentions: str) -> None:
    assert ran.error == "DeployFailed", ran
    for words in mentions:
        assert words in ran.cause, ran.cause


def succeeds_the_second_time(deploy, way: dict, state: str, name: str) -> None:
    """What a state retries changes nothing but the number of calls. `way` is one on which it comes to the state."""
    plain = deploy(way)
    ran = deploy({**way, state: [{"Throw": {"Error": name, "Cause": "Rate exceeded"}}, *way[state]]})
    assert (ran.output, ran.cause) == (plain.output, plain.cause)
    assert len(ran.calls) == len(plain.calls) + 1


def is_caught(deploy, way: dict, state: str, name: str, catcher: dict) -> None:
    """What a state catches leads where it should, and the machine to an end."""
    thrown = {"States.ALL": "CloudFormation.LimitExceededException"}.get(name, name)
    ran = deploy({**way, state: [{"Throw": {"Error": thrown, "Cause": "It was refused"}}]})
    assert ran.states[ran.states.index(state) + 1] == catcher["Next"]
    assert ran.output or ran.error == "DeployFailed"
