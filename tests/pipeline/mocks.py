"""What MiniStack answers instead of CloudFormation, which its state machines cannot call.

A case belongs to a state machine and is chosen by starting `{machine ARN}#{case}`. Answers look as AWS gives them to a
state machine: names in PascalCase, times in ISO 8601. Each error has its public source in
docs/cloudformation-errors.md.
"""

from .deployment import DEPLOYER
from .ministack import REGION

TIME = "2026-11-21T12:00:00.000Z"
FOR_EVER = 1_000_000

# Names as Step Functions gives them, with texts of CloudFormation. Without a name of its own in the service model an
# error has that of the service, and only the text says what it is.
ERRORS = {
    "missing": ("CloudFormation.CloudFormationException", "Stack with id {} does not exist"),
    "gone": ("CloudFormation.CloudFormationException", "Stack [{}] does not exist"),
    "throttled": ("CloudFormation.CloudFormationException", "Rate exceeded"),
    "no_updates": ("CloudFormation.CloudFormationException", "No updates are to be performed."),
    "busy": (
        "CloudFormation.CloudFormationException",
        "Stack:{} is in UPDATE_IN_PROGRESS state and can not be updated.",
    ),
    "no_template": ("CloudFormation.CloudFormationException", "S3 error: The specified key does not exist."),
    "undeclared": ("CloudFormation.CloudFormationException", "Parameters: [{}] do not exist in the template"),
    "exists": ("CloudFormation.AlreadyExistsException", "Stack [{}] already exists"),
    "name_taken": ("CloudFormation.NameAlreadyExistsException", "The specified name is already in use."),
    "operating": ("CloudFormation.OperationInProgressException", "Another Operation on StackSet {} is in progress"),
    "stale": (
        "CloudFormation.StaleRequestException",
        "Another operation has been performed on this StackSet since the specified operation was performed.",
    ),
    "repeated": ("CloudFormation.OperationIdAlreadyExistsException", "The specified operation ID already exists."),
    "no_capability": ("CloudFormation.InsufficientCapabilitiesException", "Requires capabilities : [{}]"),
    "no_connection": (
        "CloudFormation.SdkClientException",
        "Unable to execute HTTP request: The connection was closed during the request.",
    ),
    "too_long": (
        "States.DataLimitExceeded",
        "The state/task 'aws-sdk:cloudformation' returned a result with a size exceeding the maximum number of bytes "
        "service limit.",
    ),
}
# Those that the service model answers with 409.
CONFLICTS = {"name_taken", "operating", "stale", "repeated"}


def throw(kind: str, about: str = "") -> dict:
    """The error of that kind; `about` is what its text names."""
    error, text = ERRORS[kind]
    cause = text.format(about)
    if error.startswith("CloudFormation.") and not error.endswith("SdkClientException"):
        status = 409 if kind in CONFLICTS else 400
        cause += f" (Service: CloudFormation, Status Code: {status}, Request ID: 0cb151b8-e85d-11e8-90ca-335373b8d71c)"
    return {"Throw": {"Error": error, "Cause": cause}}


def stack_id(name: str) -> str:
    return f"arn:aws:cloudformation:{REGION}:{DEPLOYER}:stack/{name}/0c3e7b80-c6d5-11f0-9d2c-0a1b2c3d4e5f"


def summary(*parameters: str) -> dict:
    """What GetTemplateSummary answers for a template that declares these parameters."""
    declared = [{"ParameterKey": name, "ParameterType": "String", "NoEcho": False} for name in parameters]
    return {"Parameters": declared, "ResourceTypes": ["AWS::SNS::Topic"], "Version": "2010-09-09"}


def tags(repo: str) -> list:
    return [{"Key": "transship:repo", "Value": repo}, {"Key": "transship:env", "Value": "dev"}]


def described(status: str, name: str = "dev-myapp", reason: str = "", repo: str = "") -> dict:
    """What DescribeStacks answers for one stack: a repository's, or one that was made by hand."""
    stack = {"StackId": stack_id(name), "StackName": name, "StackStatus": status, "CreationTime": TIME}
    more = {"StackStatusReason": reason} if reason else {}
    return {"Stacks": [{**stack, **more, "Tags": tags(repo) if repo else []}]}


class Mocks:
    """The cases of one MiniStack. It takes all of them at once, so all are kept, whoever adds one."""

    _configurations: dict[str, dict] = {}

    def __init__(self, aws):
        self.aws = aws
        empty = {"StateMachines": {}, "MockedResponses": {}}
        self.configuration = self._configurations.setdefault(aws.endpoint, empty)

    def case(self, machine: str, name: str, states: dict) -> str:
        """Adds a case and answers what to put behind the machine's ARN.

        `states` has a list for each mocked state: what its first, its second... entry gives, the last one for ever. A
        retry is no entry: what is thrown is thrown at every retry of that entry.
        """
        cases = self.configuration["StateMachines"].setdefault(machine, {"TestCases": {}})["TestCases"]
        cases[name] = {state: f"{machine}.{name}.{state}" for state in states}
        for state, answers in states.items():
            self.configuration["MockedResponses"][cases[name][state]] = _by_entry(answers)
        self.aws.configure("stepfunctions._sfn_mock_config", self.configuration)
        return f"#{name}"

    def base(self, environment: str) -> str:
        """The case `Created` of both deploy machines: nothing was there, everything is created."""
        self.case(f"{environment}-aws-deployer-deploy-stack", "Created", created_stack(f"{environment}-myapp"))
        return self.case(
            f"{environment}-aws-deployer-deploy-stackset", "Created", created_stack_set(f"{environment}-myapp")
        )


def _by_entry(answers: list) -> dict:
    entries = [answer if "Throw" in answer else {"Return": answer} for answer in answers]
    last = len(entries) - 1
    return {str(i) if i < last else f"{last}-{FOR_EVER}": entry for i, entry in enumerate(entries)}


def created_stack(name: str = "dev-myapp", parameters: tuple = ("Environment", "ApiImage", "WorkerImage")) -> dict:
    return {
        "GetTemplateSummary": [summary(*parameters)],
        "DescribeStack": [throw("missing", name)],
        "CreateStack": [{"StackId": stack_id(name)}],
        "CheckStackStatus": [described("CREATE_IN_PROGRESS", name), described("CREATE_COMPLETE", name)],
    }


def stack_set_id(name: str) -> str:
    return f"{name}:4050b07e-b4e3-4110-91c4-4d19c1884442"


def described_set(repo: str = "", name: str = "dev-myapp") -> dict:
    """What DescribeStackSet answers for a repository's stack set, or for one that was made by hand."""
    answer = {"StackSetId": stack_set_id(name), "StackSetName": name, "Status": "ACTIVE", "TemplateBody": "{}"}
    return {"StackSet": {**answer, "Tags": tags(repo) if repo else []}}


def operation(status: str, name: str = "dev-myapp", reason: str = "") -> dict:
    """What DescribeStackSetOperation answers."""
    answer = {"OperationId": "t-42-0", "StackSetId": stack_set_id(name), "Status": status, "CreationTimestamp": TIME}
    return {"StackSetOperation": {**answer, **({"StatusReason": reason} if reason else {})}}


def instances(*pairs: tuple[str, str], status: str = "CURRENT", **more) -> dict:
    """What ListStackInstances answers for instances in these accounts and regions."""
    return {
        "Summaries": [{"Account": account, "Region": region, "Status": status} for account, region in pairs],
        **more,
    }


def created_stack_set(name: str = "dev-myapp", parameters: tuple = ("Environment", "ApiImage", "WorkerImage")) -> dict:
    return {
        "GetTemplateSummary": [summary(*parameters)],
        "CreateStackSet": [{"StackSetId": stack_set_id(name)}],
        "ListStackInstances": [instances()],
        "CreateStackInstances": [{"OperationId": "t-42-0"}],
        "CheckOperationStatus": [operation("RUNNING", name), operation("SUCCEEDED", name)],
    }
