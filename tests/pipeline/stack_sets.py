"""A double of CloudFormation's stack sets: which instances there are, of which version, and who touched them."""

from . import mocks
from .interpreter import error

PAGE = 100
NAME = "dev-myapp"


def refused(kind: str, about: str = NAME) -> Exception:
    thrown = mocks.throw(kind, about)["Throw"]
    return error(thrown["Error"], thrown["Cause"])


class StackSet:
    """`existing` has the pairs of account and region that have an instance, or is None where there is no stack set.

    An instance's version counts the templates that the stack set had; `touched` lists pairs as operations reach them.
    Each operation is refused `throttled` times and seen `running` so often, that with the number `stuck` for ever.
    """

    def __init__(
        self,
        existing: set | None = None,
        status: str = "CURRENT",
        running: int = 0,
        stuck: int | None = None,
        throttled: int = 0,
        repo: str = "myapp",
    ):
        self.exists = existing is not None
        self.version = 1
        self.instances = dict.fromkeys(sorted(existing or ()), 1)
        self.status = status
        self.operations: list[str] = []
        self.touched: list[tuple] = []
        self.repo = repo
        self.running, self.stuck, self.throttled = running, stuck, throttled
        self.looks = self.refusals = 0

    def __call__(self, state: str, action: str, arguments: dict):
        return getattr(self, action)(**arguments)

    def getTemplateSummary(self, TemplateURL):
        return mocks.summary("Environment", "ApiImage", "WorkerImage")

    def createStackSet(self, StackSetName, **others):
        if self.exists:
            raise refused("name_taken")
        self.exists = True
        return {"StackSetId": mocks.stack_set_id(StackSetName)}

    def describeStackSet(self, StackSetName):
        return mocks.described_set(self.repo, StackSetName)

    def listStackInstances(self, StackSetName, MaxResults, NextToken="0"):
        begin = int(NextToken)
        page = mocks.instances(*list(self.instances)[begin : begin + MaxResults], status=self.status)
        return {**page, **({"NextToken": str(begin + MaxResults)} if begin + MaxResults < len(self.instances) else {})}

    def updateStackSet(self, OperationId, Accounts=None, Regions=None, TemplateURL=None, **others):
        assert (Accounts is None) == (Regions is None), "accounts need regions"
        assert (TemplateURL is None) == others.get("UsePreviousTemplate", False), "one template, or the one before"
        named = list(self.instances) if Accounts is None else _product(Accounts, Regions)
        assert set(named) <= set(self.instances), "StackInstanceNotFoundException"
        self.version += TemplateURL is not None
        return self._operate(OperationId, named)

    def createStackInstances(self, OperationId, Accounts, Regions, **others):
        named = _product(Accounts, Regions)
        assert not set(named) & set(self.instances), "they are there already"
        return self._operate(OperationId, named)

    def _operate(self, identifier: str, pairs: list) -> dict:
        if identifier in self.operations:
            raise refused("repeated")
        if self.refusals < self.throttled:
            self.refusals += 1
            raise refused("throttled")
        self.looks = self.refusals = 0
        self.operations.append(identifier)
        self.touched += pairs
        self.instances |= dict.fromkeys(pairs, self.version)
        return {"OperationId": identifier}

    def describeStackSetOperation(self, StackSetName, OperationId):
        assert OperationId in self.operations, "OperationNotFoundException"
        self.looks += 1
        runs = self.looks <= self.running or self.stuck == len(self.operations) - 1
        return mocks.operation("RUNNING" if runs else "SUCCEEDED")


def _product(accounts: list, regions: list) -> list:
    return [(account, region) for account in accounts for region in regions]
