"""The installations that tests and demo work on.

`single` deploys to its own account and `multi` to others, both started by uploads. `functions` is one whose functions
are only invoked: its bucket sends no events, so no upload starts anything.
"""

from .deployment import ARCHITECTURE, DEPLOYER, EXTERNAL_ID, OTHER, TARGET, Code, Installation, deploy, machine_arn
from .ministack import REGION, MiniStack
from .pipelines import targets_item

# What the stacks of a StackSet contain. It allows nothing of CloudFormation itself.
CONTENT = "arn:aws:iam::aws:policy/AmazonSQSFullAccess"
# Two accounts, and two regions of one of them.
TARGETS = [(TARGET, REGION), (TARGET, "us-east-1"), (OTHER, REGION)]
REGISTRIES = [(DEPLOYER, REGION), *TARGETS]


def single(aws: MiniStack, code: Code) -> Installation:
    """Images come from another account, and go to the own one. The bucket is the template's."""
    given = {
        "SourceAccount": OTHER,
        # Where an environment of a test may have its source.
        "SourceAccounts": TARGET,
        "DeployRoleArn": f"arn:aws:iam::{DEPLOYER}:role/stacks",
    }
    outputs = deployer(aws, code, "dev", "single", "deploy-stack", **given)
    # It refuses plain http, which is all that MiniStack speaks.
    aws.client("s3", DEPLOYER).delete_bucket_policy(Bucket=outputs["ArtifactBucketName"])
    target(aws, DEPLOYER, "dev")
    outputs |= target(aws, OTHER, "dev", Purpose="source")
    return Installation(aws, "dev", "single", OTHER, [(DEPLOYER, REGION)], outputs)


def multi(aws: MiniStack, code: Code) -> Installation:
    """Images come from the own account, and go to others. The bucket was there before."""
    bucket = create_bucket(aws, "transship-releases")
    aws.client("s3", DEPLOYER).put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    return to_many(aws, code, "prd", bucket)


def functions(aws: MiniStack, code: Code) -> Installation:
    """As `multi`. The bucket is that of events/*.json."""
    return to_many(aws, code, "tst", create_bucket(aws, "transship-artifacts"))


def to_many(aws: MiniStack, code: Code, environment: str, bucket: str) -> Installation:
    accounts = sorted({account for account, _ in TARGETS})
    given = {"ArtifactBucketName": bucket, "TargetAccounts": ",".join(accounts)}
    outputs = deployer(aws, code, environment, "multi", "deploy-stackset", **given)
    for account in accounts:
        target(aws, account, environment, StackSetExecutionPolicyArn=CONTENT)
    installation = Installation(aws, environment, "multi", DEPLOYER, TARGETS, outputs)
    item = targets_item("default", TARGETS, environment={"S": environment})
    aws.client("dynamodb", DEPLOYER).put_item(TableName=installation.table("targets"), Item=item)
    return installation


def create_bucket(aws: MiniStack, name: str) -> str:
    s3 = aws.client("s3", DEPLOYER)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def deployer(aws: MiniStack, code: Code, environment: str, mode: str, machine: str, **parameters) -> dict:
    common = {
        "Environment": environment,
        "DeploymentMode": mode,
        "Architecture": ARCHITECTURE,
        "CodeBucket": code.bucket,
        "CodePrefix": code.prefix,
        "ExternalId": EXTERNAL_ID,
        # MiniStack has no CloudFormation for state machines: the machine runs with the answers of this case.
        "DeployMachineArn": machine_arn(environment, machine) + "#Created",
    }
    return deploy(aws, DEPLOYER, f"{environment}-aws-deployer", "cloudformation.template", common | parameters, code)


def target(aws: MiniStack, account: str, environment: str, **parameters) -> dict:
    common = {"Environment": environment, "DeployerAccount": DEPLOYER, "ExternalId": EXTERNAL_ID}
    name = f"{environment}-aws-deployer-target"
    return deploy(aws, account, name, "cloudformation-target.template", common | parameters)
