"""The dead-letter queue of SQS: what lies in it, why, and putting it back on its queue.

SQS has no call to look without receiving: messages are received with a time-out, and made visible again
when they have been looked at. A second reader sees fewer messages meanwhile; none is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from mmpipe.dispatch.letters import PREVIEW, DeadLetter, LetterEvent, Sorted
from mmpipe.dispatch.queues import PER_CALL, sqs_client
from mmpipe.errors import InvalidEvent, InvalidRequest, StorageUnavailable
from mmpipe.events import parse_message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef, MessageTypeDef

# Long enough to look at (or send back) everything that was received, short enough for a crash not to matter.
_HIDDEN_SECONDS = 300
_MOST = 50_000  # of one replay; SQS lets 120,000 messages of a queue be in hand
_WAIT_SECONDS = 1  # long polling asks all of a queue's servers
_NO_QUEUE = ("NonExistentQueue", "QueueDoesNotExist", "InvalidAddress")
_DENIED = ("AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "SignatureDoesNotMatch")


class QueueLetters:
    """One dead-letter queue and the queue it belongs to (:class:`~mmpipe.dispatch.letters.DeadLetters`).

    Every call raises :class:`InvalidRequest` for an address that names no queue, or none of ours, and
    :class:`StorageUnavailable` where the queue does not answer.
    """

    def __init__(
        self,
        queue_url: str | None,
        dlq_url: str | None,
        *,
        client: Callable[[str], SQSClient] | None = None,
        wait_seconds: int | None = None,
    ) -> None:
        """Either address is enough, for each queue names the other; nothing is asked yet."""
        if not queue_url and not dlq_url:
            raise InvalidRequest(
                "dlq_url",
                "name the dead-letter queue with --dlq-url, or the queue it belongs to with --queue-url"
                " (MMPIPE_DISPATCH__DLQ_URL, MMPIPE_DISPATCH__QUEUE_URL), or a lake in a folder that takes"
                " uploads with --lake; or run this where a stack runs",
            )
        self._queue_url = queue_url
        self._dlq_url = dlq_url
        address = dlq_url or queue_url or ""
        self._sqs = client(address) if client else sqs_client(address, "dlq_url" if dlq_url else "queue_url")
        self._wait = _WAIT_SECONDS if wait_seconds is None else wait_seconds

    @property
    def where(self) -> str:
        """The address of the dead-letter queue: as given, or as the redrive policy of its queue names it."""
        if self._dlq_url is None:
            assert self._queue_url is not None
            with _queue_errors("queue_url", self._queue_url):
                answer = self._sqs.get_queue_attributes(
                    QueueUrl=self._queue_url, AttributeNames=["RedrivePolicy"]
                )
                policy = answer.get("Attributes", {}).get("RedrivePolicy", "")
                found = re.search(r'"deadLetterTargetArn"\s*:\s*"([^"]+)"', policy)
                if found is None:
                    raise InvalidRequest("queue_url", f"{self._queue_url} has no dead-letter queue")
                name, account = found[1].split(":")[5], found[1].split(":")[4]
                url = self._sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
            self._dlq_url = url
        return self._dlq_url

    @property
    def queue(self) -> str:
        """The address of the queue that messages go back to: as given, or the only one whose dead letters
        come here."""
        if self._queue_url is None:
            with _queue_errors("dlq_url", self.where):
                urls = self._sqs.list_dead_letter_source_queues(QueueUrl=self.where).get("queueUrls", [])
            if len(urls) != 1:
                found = f"the dead letters of {', '.join(urls)}" if urls else "no queue's dead letters"
                raise InvalidRequest("dlq_url", f"{self.where} holds {found}; say which with --queue-url")
            self._queue_url = urls[0]
        return self._queue_url

    def count(self) -> int:
        """About how many messages there are, those just being looked at included."""
        with _queue_errors("dlq_url", self.where):
            attributes = self._sqs.get_queue_attributes(
                QueueUrl=self.where,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
        return sum(int(value) for value in attributes.values())

    def peek(self, limit: int = 100) -> list[DeadLetter]:
        """Messages, oldest first; they stay where they are."""
        with self._received(limit) as messages:
            return [_letter(message) for message in sorted(messages, key=_age_order)]

    def replay(self, message_ids: Collection[str] | None = None) -> Sorted:
        """Send messages back to their queue, oldest first, then delete them here; all that are there now
        (50,000 at most) where no id is given.

        Nothing is ever lost: a crash in between leaves a message in both queues, and handling an event twice
        changes nothing. Where a queue stops answering, those that went back are back and the others are still
        here. What fails again comes back, under a new id.
        """
        wanted = None if message_ids is None else set(message_ids)
        target = self.queue
        replayed: list[str] = []
        with self._received(_MOST, wanted) as messages:
            for message in sorted(messages, key=_age_order):
                if wanted is None or message["MessageId"] in wanted:
                    try:
                        self._send_back(message, target)
                    except StorageUnavailable as error:
                        raise StorageUnavailable(
                            f"{error}; {len(replayed)} messages went back before that, the others are still"
                            f" in {self.where}: replay again"
                        ) from error
                    replayed.append(message["MessageId"])
                    messages.remove(message)
        return Sorted(tuple(replayed), tuple(sorted((wanted or set()) - set(replayed))))

    def purge(self, message_ids: Collection[str]) -> Sorted:
        """Delete messages for good."""
        wanted = set(message_ids)
        purged: list[str] = []
        with self._received(_MOST, wanted) as messages:
            for message in [each for each in messages if each["MessageId"] in wanted]:
                with _queue_errors("dlq_url", self.where):
                    self._sqs.delete_message(QueueUrl=self.where, ReceiptHandle=message["ReceiptHandle"])
                purged.append(message["MessageId"])
                messages.remove(message)
        return Sorted(tuple(purged), tuple(sorted(wanted - set(purged))))

    def _send_back(self, message: MessageTypeDef, target: str) -> None:
        attributes = {name: _sendable(value) for name, value in message.get("MessageAttributes", {}).items()}
        with _queue_errors("queue_url", target):
            self._sqs.send_message(QueueUrl=target, MessageBody=message["Body"], MessageAttributes=attributes)
        with _queue_errors("dlq_url", self.where):
            self._sqs.delete_message(QueueUrl=self.where, ReceiptHandle=message["ReceiptHandle"])

    @contextmanager
    def _received(self, limit: int, wanted: Collection[str] | None = None) -> Iterator[list[MessageTypeDef]]:
        """Messages that nobody else sees meanwhile, until ``limit`` or all ``wanted`` are among them.

        Those that are still in the list at the end become visible again.
        """
        messages: list[MessageTypeDef] = []
        try:
            with _queue_errors("dlq_url", self.where):
                while len(messages) < limit:
                    answer = self._sqs.receive_message(
                        QueueUrl=self.where,
                        MaxNumberOfMessages=min(PER_CALL, limit - len(messages)),
                        VisibilityTimeout=_HIDDEN_SECONDS,
                        WaitTimeSeconds=self._wait,
                        MessageSystemAttributeNames=["All"],
                        MessageAttributeNames=["All"],
                    ).get("Messages", [])
                    messages += answer
                    if not answer or (wanted and {m["MessageId"] for m in messages} >= set(wanted)):
                        break
            yield messages
        finally:
            self._show(messages)

    def _show(self, messages: Collection[MessageTypeDef]) -> None:
        with _queue_errors("dlq_url", self.where):
            for message in messages:
                self._sqs.change_message_visibility(
                    QueueUrl=self.where, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )


@contextmanager
def _queue_errors(field: str, url: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if any(name in code for name in _NO_QUEUE):
            raise InvalidRequest(field, f"there is no queue {url}") from error
        if any(name in code for name in _DENIED):
            raise InvalidRequest(field, f"these credentials may not use {url}: {error}") from error
        raise StorageUnavailable(f"{url} does not answer: {error}") from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"{url} does not answer: {error}") from error


def _age_order(message: MessageTypeDef) -> tuple[int, str]:
    """Oldest first: SQS gives messages in no order, and keeps the time at which a dead one was first sent."""
    attributes: dict[Any, str] = dict(message.get("Attributes", {}))
    return int(attributes.get("SentTimestamp", "0")), message["MessageId"]


def _letter(message: MessageTypeDef) -> DeadLetter:
    attributes: dict[Any, str] = dict(message.get("Attributes", {}))
    sent_at = datetime.fromtimestamp(int(attributes.get("SentTimestamp", "0")) / 1000, UTC)
    body = message.get("Body", "")
    events: tuple[LetterEvent, ...] = ()
    unreadable = ""
    try:
        events = tuple(LetterEvent.of(event) for event in parse_message(body))
    except InvalidEvent as error:
        unreadable = str(error)
    return DeadLetter(
        message_id=message["MessageId"],
        sent_at=sent_at,
        age_seconds=round((datetime.now(UTC) - sent_at).total_seconds(), 1),
        receives=int(attributes.get("ApproximateReceiveCount", "0")),
        events=events,
        unreadable=unreadable,
        body=body[:PREVIEW],
    )


def _sendable(value: Any) -> MessageAttributeValueTypeDef:
    kept = ("StringValue", "BinaryValue", "DataType")
    return {name: value[name] for name in kept if name in value}  # type: ignore[return-value]
