"""How full the upload queue and its dead-letter queue are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from mmpipe.errors import StorageUnavailable
from mmpipe.schemas.status import QueueDepths

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def queue_depths(sqs: SQSClient, queue_url: str, dead_letters_url: str) -> QueueDepths:
    """Ask both queues. Raises :class:`StorageUnavailable` where they do not answer."""
    try:
        waiting, in_hand = _depths(sqs, queue_url)
        dead = sum(_depths(sqs, dead_letters_url))
    except (BotoCoreError, ClientError) as error:
        raise StorageUnavailable(f"the upload queue does not answer: {error}") from error
    return QueueDepths(waiting=waiting, in_hand=in_hand, dead_letters=dead)


def _depths(sqs: SQSClient, queue_url: str) -> tuple[int, int]:
    attributes = sqs.get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    waiting = attributes["ApproximateNumberOfMessages"]
    return int(waiting), int(attributes["ApproximateNumberOfMessagesNotVisible"])
