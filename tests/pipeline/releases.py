"""A release in S3: the folder that a build job uploads, and the event that names it."""

import json
from dataclasses import dataclass

from .deployment import DEPLOYER, Installation


@dataclass
class Release:
    """One build of `myapp`, at `folder` in the artifact bucket."""

    installation: Installation
    folder: str

    def put(self, name: str, content) -> None:
        body = content if isinstance(content, (bytes, str)) else json.dumps(content, indent=2)
        s3 = self.installation.aws.client("s3", DEPLOYER)
        s3.put_object(Bucket=self.installation.bucket, Key=self.folder + name, Body=body)

    def upload(self, images: list | None, parameters: dict | None = None) -> "Release":
        """What the build job does, the trigger last. No images: no manifest."""
        if images is not None:
            self.put("deploy-manifest.json", {"images": images})
        self.put("cloudformation-params.json", parameters or {})
        return self

    def event(self, **extra) -> dict:
        """What the state machine passes to each of the three functions."""
        account, region = self.installation.targets[0]
        return {
            "env": self.installation.environment,
            "repo": self.folder.split("/")[0],
            "sk": "2026-11-01T12:00:00Z#42",
            "s3_bucket": self.installation.bucket,
            "s3_key": self.folder,
            "target_account": account,
            "target_region": region,
            **extra,
        }
