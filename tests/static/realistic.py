"""Data as large as it gets in earnest: 1,000 images, 1,000 targets, and names longer than any that we have seen.

Quotas of others: CloudFormation takes 200 parameters; a tag has at most 128 characters; the name of a repository of
ECR at most 256. Answers are those of the functions, with the limits that their code has.
"""

import json
import re

from static.calls import call_of
from static.definitions import ROOT, SAMPLE, Machine, deployed
from static.walk import Failure, Walk

ACCOUNT = "111122223333"
REGIONS = [f"ap-southeast-{number}" for number in range(1, 11)]
TARGETS = [{"account": f"{444455550000 + number}", "region": region} for number in range(100) for region in REGIONS]
DIGEST = "sha256:" + "0123456789abcdef" * 4
REPOSITORY = "customer-platform/notifications/"  # and more, up to 70 characters
BUCKET = "company-wide-platform-engineering-release-artifacts-eu-west-1"
FOLDER = (
    "customer-notification-dispatcher-service/feature/team-platform/PROJ-123456-a-long-description-of-what-is-done"
    "/123456.0123456789abcdef0123456789abcdef01234567"
)
# What every answer of a service has beside its fields: the headers and the identity of the request.
ENVELOPE = {
    "SdkHttpMetadata": {"AllHttpHeaders": {"header": ["x" * 1200]}},
    "SdkResponseMetadata": {"RequestId": "x" * 36},
}


def constant(path: str, name: str) -> int:
    """A limit of the functions, as their code has it: a number, or one shifted."""
    found = re.search(rf"const {name}: usize = ([0-9_]+)(?: << ([0-9]+))?;", (ROOT / "lambdas" / path).read_text())
    return int(found[1]) << int(found[2] or 0)


INLINE = constant("invocation/src/pinned.rs", "MAX_INLINE_BYTES")
LISTS = 2 * constant("promote-images/src/output.rs", "MAX_LIST_BYTES")  # of images, and of digests
MOVED = constant("promote-images/src/output.rs", "MAX_MOVED_BYTES")
WARNINGS = constant("invocation/src/cut.rs", "MAX_SENTENCES_BYTES")
MESSAGE = constant("invocation/src/failure.rs", "MAX_BYTES")
CAUSE = 32_768  # API reference, DescribeExecution, cause
PARAMETERS = 200


def image(number: int) -> dict:
    name = f"{REPOSITORY}{'x' * 30}-{number:06}"
    return {
        "repository": name,
        "tag": f"123456.0123456789abcdef0123456789abcdef01234567-{number:06}",
        "digest": DIGEST,
        "parameter": f"CustomerPlatformNotificationsDispatcherImage{number:06}",
        "platforms": ["linux/amd64", "linux/arm64"],
    }


def pinned(count: int):
    """The list, or where it lies: check-manifest stores a list that is too long."""
    images = [image(number) for number in range(count)]
    if len(json.dumps(images, separators=(",", ":"))) <= INLINE:
        return images
    return {"s3_bucket": BUCKET, "s3_key": f"{FOLDER}/pinned-production-{'0' * 128}.json"}


def most_inline() -> int:
    """As many images as are passed on without a detour."""
    return INLINE // (len(json.dumps(image(0), separators=(",", ":"))) + 1)


def checked(count: int) -> dict:
    """What check-manifest answers."""
    names = [image(number)["parameter"] for number in range(min(count, PARAMETERS))]
    return {
        "skipped": False,
        "source": f"{ACCOUNT}.dkr.ecr.ap-southeast-1.amazonaws.com",
        "pinned": pinned(count),
        "image_count": count,
        "parameters": {
            name: f"{ACCOUNT}.dkr.ecr.ap-southeast-1.amazonaws.com/{image(0)['repository']}@{DIGEST}" for name in names
        },
        "image_parameters": names,
        "plan": {"blobs_to_copy": 10**6, "bytes_to_copy": 10**15},
        "warnings": ["w" * 200] * (WARNINGS // 200),
        "requests": 10**6,
        "seconds": 900.123,
    }


def promoted(count: int) -> dict:
    """What promote-images answers: its lists are cut."""
    return {
        "skipped": False,
        "images_promoted": count,
        "images": ["x" * 200] * (min(LISTS // 2, count * 200) // 204),
        "digests": {f"{'x' * 130}{n}": DIGEST for n in range(min(LISTS // 2 // 210, count))},
        "moved": [{"previous": DIGEST, "repository": "x" * 130}] * (min(MOVED, count * 250) // 250),
        "targets": [{"account": ACCOUNT, "region": "ap-southeast-1", "registry": "x" * 60}],
        "notes": ["n" * 200] * 50,
        **dict.fromkeys(
            ("bytes_copied", "bytes_present", "blobs_copied", "blobs_mounted", "blobs_present", "requests"), 10**12
        ),
    }


def message(length: int) -> str:
    """Of an error: with the policy statement that is missing, whose quotes take two characters each in JSON."""
    text = 'the role may not put images: add {"Effect": "Allow", "Action": ["ecr:PutImage"], "Resource": "*"}\n'
    return (text * (length // len(text) + 1))[:length]


def of_function(name: str = "TargetAccessDenied") -> Failure:
    """How a function's error comes: as JSON, with the message escaped."""
    return Failure(name, json.dumps({"errorMessage": message(MESSAGE * 8 // 10), "errorType": name, "trace": []}))


def item(answer) -> dict:
    return {**answer, **ENVELOPE}


def lookups(machine: Machine, targets: list = TARGETS) -> dict:
    """The answers of DynamoDB to a pipeline that goes straight on."""
    listed = [{"M": {key: {"S": value} for key, value in target.items()}} for target in targets]
    found = {}
    for state in machine.states:
        if state.kind != "Task":
            continue
        call = call_of(state)
        if call.integration != "dynamodb":
            continue
        answer = {}
        if "Targets" in state.name:
            answer = {"Item": {"targets": {"L": listed}}}
        elif "Environment" in state.name:
            answer = {"Item": {"environment": {"S": "production"}}}
        elif state.name == "AcquireLock":
            answer = {"Attributes": {"succeeded_version": {"S": "1.0a"}, "succeeded_build": {"N": "1"}}}
        found[state.name] = lambda arguments, answer=answer: item(answer)
    return found


def filled(name: str) -> Machine:
    # Calls are recognised by their ARNs as they are written.
    return Machine(name, deployed()[name].filled({**SAMPLE, "Partition": "${Partition}"}))


def execution(name: str) -> dict:
    run = "0123abcd-0123-0123-0123-0123456789ab_0123abcd-0123-0123-0123-0123456789ab"
    arn = f"arn:aws:states:ap-southeast-1:{ACCOUNT}:execution:production-aws-deployer-{name}:{run}"
    return {
        "Id": arn,
        "Name": run,
        "StartTime": "2026-11-21T12:00:00.000Z",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/production-aws-deployer-{name}",
    }


def upload() -> dict:
    """S3's event."""
    return {
        "version": "0",
        "id": "0123abcd-0123-0123-0123-0123456789ab",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": "2026-11-21T12:00:00Z",
        "region": "ap-southeast-1",
        "resources": [f"arn:aws:s3:::{BUCKET}"],
        "detail": {
            "bucket": {"name": BUCKET},
            "object": {
                "key": f"{FOLDER}/cloudformation-params.json",
                "size": 1,
                "version-id": "x" * 32,
                "sequencer": "0",
            },
            "reason": "PutObject",
        },
    }


def child(name: str, answers, sizes: dict):
    """Answers `.sync:2` by running the child: with what DescribeExecution answers, or with its failure in JSON.

    Children of the same phase with as many targets differ in nothing that is measured: one of them is run.
    """
    ended = {}

    def run(arguments):
        given = arguments["Input"]
        key = given.get("phase"), len(given.get("targets", []))
        if key not in ended:
            ended[key] = once(given)
        about = {**execution(name), "BillingDetails": {}}
        if isinstance(ended[key], Failure):
            failed = {"Status": "FAILED", "Error": ended[key].error, "Cause": ended[key].cause, "Input": "{}"}
            raise Failure("States.TaskFailed", json.dumps({**about, **failed})[:CAUSE])
        return {**about, "Status": "SUCCEEDED", "Input": given, "Output": ended[key]}

    def once(given):
        walk = Walk(filled(name), answers, execution(name))
        try:
            return walk.run(given)
        except Failure as failure:
            return failure
        finally:
            for where, size in walk.sizes.items():
                sizes[name, *where] = max(size, sizes.get((name, *where), 0))

    return run
