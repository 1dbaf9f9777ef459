"""When a message that stays on its queue is delivered again.

By itself it is hidden for the queue's visibility timeout, six times the function's limit: far too long where
the indexer merely restarts, and where it is away for a night a few deliveries would use up the queue's
``maxReceiveCount``. So a message whose work was not taken is shown again after seconds at first, then after
minutes: :data:`MAX_RECEIVES` deliveries are more than :data:`OUTAGE_SECONDS`. What is among the dead letters
for want of a dispatcher waited that long; nothing is poison because it was tried often in a hurry.

A message that cannot be read cannot be read the next time either. It is shown again at once, so that it is
among the dead letters, where somebody sees it, within minutes rather than after a day on the queue.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmpipe.dispatch.queues import PER_CALL, sqs_client
from mmpipe.errors import InvalidRequest

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger(__name__)

MAX_RECEIVES = 200
"""Deliveries before a message is a dead letter: the queue's ``maxReceiveCount``."""

OUTAGE_SECONDS = 12 * 3_600
"""So long at least the indexer may be away; the queue keeps messages for days."""

SHORTEST_SECONDS = 5
LONGEST_SECONDS = 600
# The batch is answered for whatever becomes of this, so that it may not use up the function's time.
_CONNECT_SECONDS = 2.0
_READ_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Returned:
    """A message that its handler gives back."""

    receipt_handle: str
    receives: int
    """Its ``ApproximateReceiveCount``, this delivery included."""
    readable: bool = True


def pause(receives: int) -> int:
    """Seconds until a message is delivered again whose work was not taken.

    Spread evenly between half of min(600, 5 · 2 ** receives), 5 at least, and the whole, so that what came
    back together does not come again together.
    """
    longest = min(LONGEST_SECONDS, SHORTEST_SECONDS * 2 ** min(max(receives, 1), 10))
    return random.randint(max(SHORTEST_SECONDS, longest // 2), longest)  # noqa: S311 - spreads load, hides nothing


class Redelivery:
    """Shows messages of one queue again. The client is made when it is first needed; safe between threads."""

    def __init__(
        self,
        queue_url: str,
        *,
        client: Callable[[], SQSClient] | None = None,
        pause: Callable[[int], int] = pause,
    ) -> None:
        self._queue_url = queue_url
        self._make = client or self._own_client
        self._pause = pause
        self._lock = threading.Lock()
        self._client: SQSClient | None = None

    def schedule(self, messages: Sequence[Returned]) -> None:
        """Set the time for which these messages are hidden.

        Never raises: where the queue refuses or does not answer, that is logged, the rest is not tried, and
        the messages come back when the queue's own timeout ends.
        """
        entries = [
            (message.receipt_handle, self._pause(message.receives) if message.readable else 0)
            for message in messages
        ]
        if not entries:
            return
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            sqs = self._sqs()
            for start in range(0, len(entries), PER_CALL):
                self._change(sqs, entries[start : start + PER_CALL])
        except (BotoCoreError, ClientError, InvalidRequest) as error:
            logger.warning(
                "messages stay hidden for the queue's own timeout",
                extra={"messages": len(entries), "reason": str(error)},
            )

    def _change(self, sqs: SQSClient, entries: Sequence[tuple[str, int]]) -> None:
        answer = sqs.change_message_visibility_batch(
            QueueUrl=self._queue_url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                for number, (handle, seconds) in enumerate(entries)
            ],
        )
        if refused := answer.get("Failed", []):
            reason = "; ".join(sorted({f"{fault['Code']}: {fault.get('Message', '')}" for fault in refused}))
            logger.warning(
                "messages stay hidden for the queue's own timeout",
                extra={"messages": len(refused), "reason": reason},
            )

    def _sqs(self) -> SQSClient:
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    def _own_client(self) -> SQSClient:
        return sqs_client(
            self._queue_url,
            "queue_url",
            connect_seconds=_CONNECT_SECONDS,
            read_seconds=_READ_SECONDS,
            attempts=1,
        )
