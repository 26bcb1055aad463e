"""Puts the three Lambdas, their roles and the roles of the target account where a team would: the README's table of permissions, in a form that runs."""

import io
import json
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from .ministack import REGION, MiniStack

DEPLOYER = "111122223333"
TARGET = "444455556666"
LAMBDAS = ("check-manifest", "promote-images", "verify-pull")
BUCKET = "drayage-artifacts"
PROMOTION_ROLE = "drayage-promotion"
PULL_ROLE = "drayage-pull"
EXTERNAL_ID = "drayage-demo"

# Which role of a target account a function may take on. Only promote-images may write.
TAKES_ON = {"check-manifest": PULL_ROLE, "promote-images": PROMOTION_ROLE, "verify-pull": PULL_ROLE}

# What each role may ask of ECR: of repositories, and of the registry as a whole.
READ_SOURCE = {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
READ_TARGET = READ_SOURCE | {"ecr:BatchCheckLayerAvailability", "ecr:DescribeRepositories"}
WRITE_TARGET = {"ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"}
REPOSITORY_ACTIONS = {
    PROMOTION_ROLE: READ_TARGET | WRITE_TARGET,
    PULL_ROLE: READ_TARGET | {"ecr:GetLifecyclePolicy"},
}
SOURCE_REGISTRY_ACTIONS = {"ecr:GetAuthorizationToken"}
TARGET_REGISTRY_ACTIONS = {"ecr:GetAuthorizationToken", "ecr:GetAccountSetting"}


def allow(actions, resources, **condition) -> dict:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **condition}


def policy(*statements) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def lambda_role(function: str) -> str:
    return f"arn:aws:iam::{DEPLOYER}:role/drayage-{function}"


def registry_access(repositories: set, registry: set) -> list:
    return [allow(sorted(repositories), "arn:aws:ecr:*:*:repository/*"), allow(sorted(registry), "*")]


@dataclass
class Deployment:
    """The deployed functions of one local AWS."""

    aws: MiniStack
    bootstraps: dict
    environment: dict = field(default_factory=dict)
    memory: int = 1769
    timeout: int = 900

    def deploy(self, targets=(TARGET,)) -> None:
        self.aws.client("s3", DEPLOYER).create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        for function in LAMBDAS:
            self._create_lambda_role(function)
        for account in targets:
            self.create_target_roles(account)
        for function in LAMBDAS:
            self._create_function(function)

    def _create_lambda_role(self, function: str) -> None:
        iam = self.aws.client("iam", DEPLOYER)
        extra = []
        if function == "check-manifest":
            # A list of pins that is too long for a state machine.
            extra = [allow("s3:PutObject", f"arn:aws:s3:::{BUCKET}/*/pinned-*.json")]
        iam.create_role(
            RoleName=f"drayage-{function}",
            AssumeRolePolicyDocument=policy(
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ),
        )
        iam.put_role_policy(
            RoleName=f"drayage-{function}",
            PolicyName="drayage",
            PolicyDocument=policy(
                # Without s3:ListBucket S3 answers 403 for a key that is missing, and a missing manifest is a success.
                allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"),
                allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*"),
                allow("ssm:GetParameter", f"arn:aws:ssm:*:{DEPLOYER}:parameter/*/aws-deployer/*"),
                allow("sts:AssumeRole", f"arn:aws:iam::*:role/{TAKES_ON[function]}"),
                *registry_access(READ_SOURCE, SOURCE_REGISTRY_ACTIONS),
                *extra,
            ),
        )

    def create_target_roles(self, account: str) -> None:
        """What a target account owns: a role to write images and one to read them, each for named Lambda roles."""
        iam = self.aws.client("iam", account)
        for role, actions in REPOSITORY_ACTIONS.items():
            trusted = [lambda_role(function) for function in LAMBDAS if TAKES_ON[function] == role]
            iam.create_role(
                RoleName=role,
                AssumeRolePolicyDocument=policy(
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": trusted},
                        "Action": "sts:AssumeRole",
                        "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
                    }
                ),
            )
            iam.put_role_policy(
                RoleName=role,
                PolicyName="drayage",
                PolicyDocument=policy(*registry_access(actions, TARGET_REGISTRY_ACTIONS)),
            )

    def _create_function(self, function: str) -> None:
        self.aws.client("lambda", DEPLOYER).create_function(
            FunctionName=function,
            Runtime="provided.al2023",
            Handler="bootstrap",
            Role=lambda_role(function),
            Code={"ZipFile": zipped(self.bootstraps[function])},
            MemorySize=self.memory,
            Timeout=self.timeout,
            Environment={"Variables": self.variables(function)},
        )

    def variables(self, function: str) -> dict:
        role = {"promote-images": {"EXECUTION_ROLE_NAME": PROMOTION_ROLE}}.get(function, {})
        return {"PULL_ROLE_NAME": PULL_ROLE, "EXTERNAL_ID": EXTERNAL_ID, **role, **self.environment}

    def invoke(self, function: str, event: dict) -> "Answer":
        client = self.aws.client("lambda", DEPLOYER)
        begun = time.monotonic()
        answer = client.invoke(FunctionName=function, Payload=json.dumps(event), LogType="Tail")
        seconds = time.monotonic() - begun
        return Answer(json.loads(answer["Payload"].read()), "FunctionError" in answer, seconds)


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


def zipped(bootstrap: Path) -> bytes:
    """A deployment package. Stored, not compressed: it only travels over loopback."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, bootstrap.read_bytes())
    return package.getvalue()
