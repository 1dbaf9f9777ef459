"""The event pump: what Lambda's event source mapping does between an SQS queue and a handler.

It polls, gathers a batch for a moment, calls the handler with a Lambda-shaped event, and deletes exactly
what the handler did not name in ``batchItemFailures``. What it named comes back when the queue's visibility
timeout ends, or as soon as the handler told the queue (:mod:`mmpipe.dispatch.redelivery`), until the queue's
redrive policy moves it to the dead-letter queue.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

logger = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any], Any], dict[str, list[dict[str, str]]]]

_SQS_BATCH = 10  # messages per call, a limit of SQS
_AGAIN_SECONDS = 1.0  # between tries of a queue that does not answer
# Running: those waiting and those in hand are counted one after the other, and a message that comes back in
# between is in neither count.
_TIMES_EMPTY = 3


@dataclass(frozen=True, slots=True)
class PumpSettings:
    """The knobs of an event source mapping; times in seconds."""

    batch_size: int = 100
    window: float = 0.05
    concurrency: int = 2
    poll: int = 1


@dataclass(slots=True)
class PumpStats:
    """Messages so far."""

    delivered: int = 0
    returned: int = 0


class EventPump:
    """``concurrency`` threads between one queue and one handler. Not restartable."""

    def __init__(
        self,
        client: Callable[[], SQSClient],
        queue_url: str,
        handler: Handler,
        settings: PumpSettings | None = None,
    ) -> None:
        self._client = client
        self._queue_url = queue_url
        self._handler = handler
        self._settings = settings or PumpSettings()
        self._stop = threading.Event()
        self._moved = threading.Condition()
        self._stats = PumpStats()
        self._threads = [
            threading.Thread(target=self._run, name=f"event-pump-{n}", daemon=True)
            for n in range(self._settings.concurrency)
        ]

    def start(self) -> None:
        """Begin to poll."""
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Finish the batches in hand and end; what is cut off after ``seconds`` will be delivered again."""
        self._stop.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

    def stats(self) -> PumpStats:
        """A copy of the counts."""
        with self._moved:
            return PumpStats(self._stats.delivered, self._stats.returned)

    def wait_drained(self, seconds: float) -> bool:
        """Wait until the queue holds no message, waiting or in hand; False where time ran out first."""
        client = self._client()
        deadline = time.monotonic() + seconds
        empty = 0
        with self._moved:
            while time.monotonic() < deadline:
                empty = empty + 1 if _depth(client, self._queue_url) == 0 else 0
                if empty == _TIMES_EMPTY:
                    return True
                # Woken by every delivery; the timeout is for messages that only become visible later.
                self._moved.wait(0.1)
        return False

    def _run(self) -> None:
        client = self._client()
        while not self._stop.is_set():
            try:
                messages = self._gather(client)
                if messages:
                    self._deliver(client, messages)
            except (BotoCoreError, ClientError) as error:
                # At shutdown the queue goes away first; otherwise the messages come back by themselves.
                if not self._stop.is_set():
                    logger.warning("the queue does not answer", extra={"reason": str(error)})
                    self._stop.wait(_AGAIN_SECONDS)

    def _gather(self, client: SQSClient) -> list[MessageTypeDef]:
        messages = self._receive(client, self._settings.poll)
        deadline = time.monotonic() + self._settings.window
        while messages and len(messages) < self._settings.batch_size:
            more = self._receive(client, 0)
            messages += more
            if len(more) == _SQS_BATCH:
                continue  # a backlog: the window is for waiting, not for what is there already
            left = deadline - time.monotonic()
            if left <= 0 or self._stop.is_set():
                break
            if not more:
                self._stop.wait(min(left, 0.02))
        return messages

    def _receive(self, client: SQSClient, wait: int) -> list[MessageTypeDef]:
        answer = client.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=_SQS_BATCH,
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    def _deliver(self, client: SQSClient, messages: Sequence[MessageTypeDef]) -> None:
        event = {"Records": [_record(message, self._queue_url) for message in messages]}
        try:
            response = self._handler(event, None)
            failed = {item["itemIdentifier"] for item in response["batchItemFailures"]}
        except Exception:
            # As in Lambda: a handler that crashes or answers nonsense returns the whole batch.
            logger.exception("the handler crashed")
            failed = {message["MessageId"] for message in messages}
        done = [message for message in messages if message["MessageId"] not in failed]
        for start in range(0, len(done), _SQS_BATCH):
            entries = [
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                for n, message in enumerate(done[start : start + _SQS_BATCH])
            ]
            client.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)  # type: ignore[arg-type]
        with self._moved:
            self._stats.delivered += len(done)
            self._stats.returned += len(messages) - len(done)
            self._moved.notify_all()


def _depth(client: SQSClient, queue_url: str) -> int:
    attributes = client.get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"]) + int(
        attributes["ApproximateNumberOfMessagesNotVisible"]
    )


def _record(message: MessageTypeDef, queue_url: str) -> dict[str, Any]:
    """One message as Lambda delivers it: the names begin with a small letter."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {},
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{queue_url.rpartition('/')[2]}",
        "awsRegion": "us-east-1",
    }
