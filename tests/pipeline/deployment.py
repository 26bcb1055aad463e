"""Deploys what a user deploys: the packages of `make package`, and both templates."""

import functools
import json
import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .ministack import REGION, MiniStack
from .processes import ROOT

DEPLOYER = "111122223333"
TARGET = "444455556666"
OTHER = "777788889999"
LAMBDAS = ("check-manifest", "promote-images", "verify-pull")
CODE_BUCKET = "transship-code"
EXTERNAL_ID = "transship-demo"
ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())


def policy(*statements) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class StackFailed(Exception):
    """A stack was not made; the message says which resource failed, and why."""


@dataclass
class Answer:
    """What a function returned, or the error it failed with."""

    payload: dict
    failed: bool
    seconds: float

    @property
    def error(self) -> str:
        return self.payload["errorType"] if self.failed else ""

    @property
    def message(self) -> str:
        return self.payload["errorMessage"] if self.failed else ""


@dataclass
class Code:
    """Packages and definitions in a bucket, as `make deploy` leaves them there."""

    bucket: str
    prefix: str


@functools.cache
def packages() -> list[Path]:
    """The packages, made now if they are older than the bootstraps."""
    # Not the flags of a make that runs this.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    subprocess.run(["make", "--quiet", "packages", "LOCAL=yes"], cwd=ROOT, env=environment, check=True)
    return [ROOT / "target/package/local" / f"{function}.zip" for function in LAMBDAS]


def upload(aws: MiniStack) -> Code:
    files = [*packages(), *sorted(ROOT.glob("statemachines/*.asl.json"))]
    digest = subprocess.run(
        [ROOT / "tools/package.py", "digest", *files], check=True, capture_output=True, text=True
    ).stdout.strip()
    code = Code(CODE_BUCKET, f"transship/{digest}")
    s3 = aws.client("s3", DEPLOYER)
    s3.create_bucket(Bucket=code.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    for path in files:
        folder = "" if path.suffix == ".zip" else "statemachines/"
        s3.put_object(Bucket=code.bucket, Key=f"{code.prefix}/{folder}{path.name}", Body=path.read_bytes())
    return code


def deploy(aws: MiniStack, account: str, name: str, template: str, parameters: dict, code: Code | None = None) -> dict:
    """Makes a stack of a template at the top of the project; gives its outputs.

    With `code` the template lies there, too, as `make deploy` has it: a request holds no more than 51,200 bytes of one.
    """
    text = (ROOT / template).read_text()
    source = {"TemplateBody": text}
    if code:
        key = f"{code.prefix}/{template}"
        aws.client("s3", account).put_object(Bucket=code.bucket, Key=key, Body=text.encode())
        source = {"TemplateURL": f"{aws.endpoint}/{code.bucket}/{key}"}
    client = aws.client("cloudformation", account)
    client.create_stack(
        StackName=name,
        **source,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    )
    while (stack := client.describe_stacks(StackName=name)["Stacks"][0])["StackStatus"] == "CREATE_IN_PROGRESS":
        time.sleep(0.02)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        events = client.describe_stack_events(StackName=name)["StackEvents"]
        reasons = [f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}" for event in events
                   if event.get("ResourceStatusReason")]  # fmt: skip
        raise StackFailed("\n".join([f"{name} in {account}: {stack['StackStatus']}", *reversed(reasons)]))
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


@dataclass
class Installation:
    """One installation of the deployer, by the names that the templates give."""

    aws: MiniStack
    environment: str
    mode: str
    source: str
    targets: list[tuple[str, str]]
    outputs: dict

    @property
    def bucket(self) -> str:
        return self.outputs["ArtifactBucketName"]

    @property
    def pipeline(self) -> str:
        return self.outputs["PipelineArn"]

    def name(self, part: str) -> str:
        return f"{self.environment}-aws-deployer-{part}"

    function = role = name

    def machine(self, part: str) -> str:
        return machine_arn(self.environment, part)

    def table(self, part: str) -> str:
        return self.name(f"-{part}")

    def role_arn(self, part: str, account: str = DEPLOYER) -> str:
        return f"arn:aws:iam::{account}:role/{self.role(part)}"

    def variables(self, function: str) -> dict:
        """The environment that a function was deployed with."""
        client = self.aws.client("lambda", DEPLOYER)
        return client.get_function_configuration(FunctionName=self.function(function))["Environment"]["Variables"]

    def set_variables(self, variables: dict) -> None:
        """Adds to the environment of all functions what no template knows of."""
        client = self.aws.client("lambda", DEPLOYER)
        for function in LAMBDAS:
            client.update_function_configuration(
                FunctionName=self.function(function),
                Environment={"Variables": self.variables(function) | variables},
            )

    def invoke(self, function: str, event: dict) -> Answer:
        client = self.aws.client("lambda", DEPLOYER)
        begun = time.monotonic()
        answer = client.invoke(FunctionName=self.function(function), Payload=json.dumps(event), LogType="Tail")
        seconds = time.monotonic() - begun
        return Answer(json.loads(answer["Payload"].read()), "FunctionError" in answer, seconds)


def machine_arn(environment: str, part: str) -> str:
    return f"arn:aws:states:{REGION}:{DEPLOYER}:stateMachine:{environment}-aws-deployer-{part}"
