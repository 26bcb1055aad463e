"""MiniStack: S3, STS, IAM, Lambda and SSM of several accounts in one process, with permissions enforced."""

import contextlib
import json
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

from .processes import TOOLS, NotStarted, Process, free_port

REGION = "eu-west-1"
# How long state machines really wait, as a share of what their definitions say.
WAIT_SCALE = 0.01
# -P: this module has the name of the one that the script imports.
COMMAND = [TOOLS / "venv/bin/python", "-P", Path(__file__).with_name("atomic.py")]
# No retries: what fails here fails the test. A long read: a Lambda may hash gigabytes.
CLIENT = Config(retries={"total_max_attempts": 1}, read_timeout=900, s3={"addressing_style": "path"})
# One for all: each session reads the descriptions of the services anew, for a tenth of a second of CPU per client.
SESSION = boto3.session.Session()


def client(endpoint: str, service: str, account: str, region: str):
    """As that account's root, whose access key id is its number."""
    return SESSION.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=account,
        aws_secret_access_key="test",
        config=CLIENT,
    )


class MiniStack:
    """A running MiniStack."""

    def __init__(self, process: Process, endpoint: str):
        self.process, self.endpoint = process, endpoint

    def client(self, service: str, account: str, region: str = REGION):
        return client(self.endpoint, service, account, region)

    def configure(self, setting: str, value) -> None:
        """Changes how it works from now on: `service.variable`, as its own code calls it."""
        body = json.dumps({setting: value}).encode()
        request = urllib.request.Request(f"{self.endpoint}/_ministack/config", body, method="POST")
        with urllib.request.urlopen(request) as answer:
            assert setting in json.load(answer)["applied"], f"MiniStack did not take {setting}"


@contextlib.contextmanager
def running(folder: Path):
    """Starts MiniStack on a free loopback port with `folder` for its files."""
    folder.mkdir(parents=True, exist_ok=True)
    attempts = 3
    for attempt in range(attempts):
        port = free_port()
        endpoint = f"http://127.0.0.1:{port}"
        # Bootstraps inherit this, so it holds nothing of the caller's. Without BIND_HOST it listens on every interface.
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "LANG": "C.UTF-8",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_HOST": "localhost",
            "MINISTACK_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint,
            "AUTH": "true",
            "SFN_WAIT_SCALE": str(WAIT_SCALE),
        }
        with Process("MiniStack", COMMAND, folder / "ministack.log", env=environment) as process:
            try:
                process.wait_for(port)
            except NotStarted:
                # Somebody else may have taken the port between the look and the bind.
                if attempt + 1 == attempts:
                    raise
                continue
            yield MiniStack(process, endpoint)
            return
