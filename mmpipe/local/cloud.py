"""S3 and SQS of the one-machine stack: moto's server in a child process, with our buckets and queues."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import urllib3
from botocore.config import Config

from mmpipe.dispatch.depths import queue_depths as depths_of
from mmpipe.dispatch.redelivery import MAX_RECEIVES
from mmpipe.errors import StorageUnavailable
from mmpipe.local.cloud_server import REQUESTS_PATH
from mmpipe.local.processes import MARKER, Child

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

REGION = "us-east-1"
UPLOADS_BUCKET = "mmpipe-uploads"
LAKE_BUCKET = "mmpipe-lake"
QUEUE = "mmpipe-uploads"
DEAD_LETTERS = "mmpipe-uploads-dead-letters"
# moto checks no signatures, but clients want to sign with something.
ACCESS_KEY = "mmpipe-local"
SECRET_KEY = "mmpipe-local"  # noqa: S105
_START_SECONDS = 60.0


def client_environment() -> dict[str, str]:
    """What lets any AWS client of another process (boto3, LanceDB) reach the local object store."""
    loopback = ",".join(filter(None, [os.environ.get("NO_PROXY", ""), "127.0.0.1", "localhost"]))
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": loopback,
        "no_proxy": loopback,
    }


class LocalCloud:
    """An upload bucket that notifies a queue with a dead-letter queue, and a bucket for the lake."""

    def __init__(
        self,
        folder: Path,
        stack_id: str,
        *,
        max_receives: int = MAX_RECEIVES,
        visibility_seconds: int = 120,
    ) -> None:
        self._folder = folder
        self._stack_id = stack_id
        self._max_receives = max_receives
        self._visibility_seconds = visibility_seconds
        self._child: Child | None = None
        self.url = ""
        self.queue_url = ""
        self.dead_letters_url = ""

    def start(self) -> None:
        """Start the server and create buckets, queues and notifications."""
        environment = {
            **os.environ,
            **client_environment(),
            MARKER: self._stack_id,
            "TMPDIR": str(self._folder),
        }
        self._child = Child("mmpipe.local.cloud_server", [], environment, self._folder / "cloud.log")
        self.url = self._child.wait_ready(_START_SECONDS)["url"]
        self._create()

    def stop(self) -> None:
        """End the server; its buckets and queues go with it."""
        if self._child is not None:
            self._child.stop(5)
            self._child = None

    def running(self) -> bool:
        """Whether the server is there."""
        return self._child is not None and self._child.running()

    def s3(self) -> S3Client:
        """A client of its own: clients are shared between threads, not between uses."""
        return _session().client("s3", endpoint_url=self.url, config=_config(s3={"addressing_style": "path"}))

    def sqs(self) -> SQSClient:
        """See :meth:`s3`."""
        return _session().client("sqs", endpoint_url=self.url, config=_config())

    def requests(self) -> dict[str, Any]:
        """Every request so far: ``counts`` by service, method, bucket and kind, and the last of them."""
        answer = urllib3.PoolManager(timeout=10.0).request("GET", self.url + REQUESTS_PATH)
        if answer.status != 200:
            raise StorageUnavailable(f"the local object store answered HTTP {answer.status}")
        report: dict[str, Any] = json.loads(answer.data)
        return report

    def _create(self) -> None:
        s3, sqs = self.s3(), self.sqs()
        for bucket in (UPLOADS_BUCKET, LAKE_BUCKET):
            s3.create_bucket(Bucket=bucket)
        self.dead_letters_url = sqs.create_queue(QueueName=DEAD_LETTERS)["QueueUrl"]
        redrive = {
            "deadLetterTargetArn": _arn(sqs, self.dead_letters_url),
            "maxReceiveCount": self._max_receives,
        }
        attributes: Mapping[Any, str] = {
            "RedrivePolicy": json.dumps(redrive),
            "VisibilityTimeout": str(self._visibility_seconds),
        }
        self.queue_url = sqs.create_queue(QueueName=QUEUE, Attributes=attributes)["QueueUrl"]
        s3.put_bucket_notification_configuration(
            Bucket=UPLOADS_BUCKET,
            NotificationConfiguration={
                "QueueConfigurations": [
                    {
                        "QueueArn": _arn(sqs, self.queue_url),
                        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
                    }
                ]
            },
        )


def queue_depths(url: str, queue_url: str, dead_letters_url: str) -> dict[str, int]:
    """Messages ``waiting``, ``in_hand``, and ``dead_letters``, of a stack that runs in another process.

    Raises :class:`StorageUnavailable` where its queues do not answer.
    """
    sqs = _session().client("sqs", endpoint_url=url, config=_config())
    return depths_of(sqs, queue_url, dead_letters_url).model_dump()


def _arn(sqs: SQSClient, queue_url: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def _session() -> boto3.Session:
    return boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name=REGION)


def _config(**options: Any) -> Config:
    # No proxy: the server is on loopback whatever this machine's proxies are.
    return Config(proxies={}, retries={"max_attempts": 3}, max_pool_connections=32, **options)
