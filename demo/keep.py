"""`KEEP=1 make demo`: leaves everything running, and says what to try."""

import os
import time
from pathlib import Path

from pipeline import ministack
from pipeline.deployment import DEPLOYER
from pipeline.world import World

TRY = """\
Left running (KEEP=1). In another terminal:

  export AWS_ENDPOINT_URL={aws} AWS_ENDPOINT_URL_ECR={ecr}
  export AWS_REGION={region} AWS_ACCESS_KEY_ID={key} AWS_SECRET_ACCESS_KEY={secret}

  # the release that was promoted, and what became of it
  aws s3 ls --recursive s3://{bucket}/
  aws stepfunctions list-executions --state-machine-arn {pipeline}
  aws dynamodb scan --table-name {builds}

  # what a target has
  AWS_ACCESS_KEY_ID={account} aws ecr describe-images --region {target_region} --repository-name shop/api

  # upload it once more, which promotes nothing anew
  aws s3 cp s3://{bucket}/shop/main/42.0a1b2c3/cloudformation-params.json params.json
  aws s3 cp params.json s3://{bucket}/shop/main/42.0a1b2c3/cloudformation-params.json

  # break the last target again, and repair it
  curl -d '{fault}' {control}/faults
  curl -X DELETE {control}/faults

Logs: {folder}
End it with Ctrl-C here, or with `kill {process}`."""


def until_ended(local: World, folder: Path) -> None:
    """Waits for Ctrl-C, or for a program that ends."""
    installation = local.multi
    account, region = installation.targets[-1]
    fault = '{"operation": "PutImage", "account": "%s", "region": "%s", "fault": {"kind": "status", "status": 500}}'
    words = {
        "aws": local.aws.endpoint,
        "ecr": local.ecr.api,
        "control": local.ecr.endpoints["control"],
        "region": ministack.REGION,
        "key": DEPLOYER,
        "secret": "test",
        "bucket": installation.bucket,
        "pipeline": installation.pipeline,
        "builds": installation.table("builds"),
        "account": account,
        "target_region": region,
        "fault": fault % (account, region),
        "folder": folder,
        "process": os.getpid(),
    }
    try:
        # In here as well: who reads this may end it before the next statement.
        print("\n" + TRY.format(**words), flush=True)
        while True:
            # Not `signal.pause`, which sleeps on when the signal came just before it.
            time.sleep(0.2)
    except (KeyboardInterrupt, SystemExit):
        # All that was started is ended on the way out.
        print()
