"""The ways to install the template that differ in what is made, and the machines that each has."""

from static import template
from static.definitions import load

DEPLOY_ROLE = "arn:aws:iam::111122223333:role/deploys"
OWN_MACHINE = "arn:aws:states:eu-west-1:111122223333:stateMachine:of-a-team"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0c3e7b80-c6d5-11f0-9d2c-0a1b2c3d4e5f"
GIVEN = {"CodeBucket": "code", "CodePrefix": "prefix"}
INSTALLATIONS = {
    "single": {"DeploymentMode": "single", "DeployRoleArn": DEPLOY_ROLE},
    "multi": {"DeploymentMode": "multi", "TargetAccounts": "444455556666,777788889999"},
    "multi, an organization": {"DeploymentMode": "multi", "OrganizationId": "o-a1b2c3d4e5"},
    "single, a machine of a team": {"DeploymentMode": "single", "DeployMachineArn": OWN_MACHINE},
    "multi, a machine of a team": {"DeploymentMode": "multi", "DeployMachineArn": f"{OWN_MACHINE}#Case"},
    "single, all else given": {
        "DeploymentMode": "single",
        "DeployRoleArn": DEPLOY_ROLE,
        "ArtifactBucketName": "releases",
        "ArtifactKeyArn": KEY,
        "SourceAccount": "777788889999",
        "SourceAccounts": "444455556666,999900001111",
        "SourceRegion": "us-east-1",
        "SourceRepositories": "myapp/*,base/*",
        "PromotionRoleName": "promotes",
        "PullRoleName": "pulls",
        "ExternalId": "transship",
        "AlarmTopicArn": "arn:aws:sns:eu-west-1:111122223333:alarms",
    },
    "multi, all else given": {
        "DeploymentMode": "multi",
        "ArtifactBucketName": "releases",
        "ArtifactKeyArn": KEY,
        "SourceAccounts": "999900001111",
        "TargetAccounts": "444455556666",
        "OptInRegions": "ap-east-1,me-south-1",
    },
}


def installed(name: str) -> template.Template:
    parameters = {**GIVEN, **INSTALLATIONS[name]}
    unknown = set(parameters) - set(template.read(template.DEPLOYER)["Parameters"])
    assert not unknown, f"the template has no parameter {unknown}"
    return template.load(**parameters)


def machines_of(installation: template.Template) -> dict:
    """By the resource's name: the definition that it points to, and what its substitutions are."""
    definitions = load()
    found = {}
    for name, resource in installation.of_type("AWS::StepFunctions::StateMachine").items():
        properties = resource["Properties"]
        key = properties["DefinitionS3Location"]["Key"]
        assert key.startswith("prefix/statemachines/"), key
        values = properties["DefinitionSubstitutions"]
        machine = key.split("/")[-1].removesuffix(".asl.json")
        assert machine in definitions, f"there is no statemachines/{machine}.asl.json"
        found[name] = definitions[machine], values
    return found


def bucket_of(installation: template.Template) -> str:
    return installation.parameter("ArtifactBucketName") or "transship-ArtifactBucket"


def key_of(installation: template.Template) -> str:
    return installation.parameter("ArtifactKeyArn")
