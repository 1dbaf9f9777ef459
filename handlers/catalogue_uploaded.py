"""SQS batch of S3 notifications → typed events → work orders → one dispatch call → ``batchItemFailures``.

A message comes back to its queue (and after enough receives lands in the dead-letter queue) where it cannot
be parsed or where its work was not taken; :mod:`mmpipe.dispatch.redelivery` says how soon. Work that the
indexer tried and recorded as failed is acknowledged: its reason stands in the run ledger and the reject
table, and repeating it cannot help.
"""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from handlers._runtime import Runtime
from mmpipe.dispatch import Dispatcher, dispatcher_for
from mmpipe.dispatch.redelivery import Redelivery, Returned
from mmpipe.errors import DispatchUnavailable, InvalidEvent
from mmpipe.events import parse_message, plan
from mmpipe.schemas.work import WorkOrder, WorkOutcome
from mmpipe.settings import IndexingSettings, load_settings
from mmpipe.telemetry import annotate, carrier, span

logger = logging.getLogger("mmpipe.handlers.catalogue_uploaded")

Response = dict[str, list[dict[str, str]]]
Handler = Callable[[dict[str, Any], Any], Response]


def handler(event: dict[str, Any], context: Any) -> Response:
    """The Lambda entry point. Settings are read at the first invocation, not at import."""
    return _cold_start()(event, context)


@functools.cache
def _cold_start() -> Handler:
    runtime = Runtime()
    settings = load_settings()
    queue = settings.dispatch.queue_url
    redelivery = Redelivery(queue) if queue else None
    handle = build_handler(settings.indexing, dispatcher_for(settings), redelivery, runtime.count)
    return runtime.observed(handle)


def build_handler(
    settings: IndexingSettings,
    dispatcher: Dispatcher,
    redelivery: Redelivery | None = None,
    count: Callable[[str, int], None] | None = None,
) -> Handler:
    """The same handler with its parts given; safe to call from several threads.

    Without ``redelivery`` messages come back when the queue's visibility timeout ends. ``count`` takes the
    metrics ``Messages``, ``MessagesRefused``, ``Orders`` and, by what became of the orders, ``OrdersDone``,
    ``OrdersAccepted``, ``OrdersDuplicate``, ``OrdersFailed``, ``OrdersRetry`` and ``OrdersLarge``; what is 0
    is left out.
    """

    def handle(event: dict[str, Any], context: Any) -> Response:
        with span("catalogue_uploaded", messages=len(event.get("Records", []))) as current:
            batch = _Batch(settings, dispatcher, event)
            # A processor carries the state of one batch, so each invocation gets its own. A batch that fails
            # entirely is no crash of the function: the queue counts the receives of each message either way.
            processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
            response = process_partial_response(event, batch.settle, processor, context)
            failed = [str(item["itemIdentifier"]) for item in response["batchItemFailures"]]
            counts = batch.counts()
            annotate(current, "orders", counts.get("Orders", 0))
            annotate(current, "returned", len(failed))
            if count is not None:
                for name, value in counts.items():
                    count(name, value)
            if redelivery is not None and failed:
                redelivery.schedule(batch.returned(failed))
        return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}

    return handle


class _Batch:
    """One invocation: everything is parsed first, so that all of it is dispatched in one call."""

    def __init__(self, settings: IndexingSettings, dispatcher: Dispatcher, event: dict[str, Any]) -> None:
        self._records: dict[str, dict[str, Any]] = {}
        self._runs: dict[str, list[str]] = {}
        self._invalid: dict[str, InvalidEvent] = {}
        orders: dict[str, WorkOrder] = {}  # by run: one event delivered twice in a batch is one order
        trace = carrier()
        for record in event.get("Records", []):
            message = str(record["messageId"])
            self._records[message] = record
            body = record.get("body")
            try:
                planned = [
                    plan(parsed, settings) for parsed in parse_message(body if isinstance(body, str) else "")
                ]
            except InvalidEvent as error:
                self._invalid[message] = error
                continue
            self._runs[message] = [order.run_id for order in planned]
            orders.update((order.run_id, order.model_copy(update={"trace": trace})) for order in planned)
        outcomes = dispatcher.submit(list(orders.values())) if orders else []
        self._outcomes: dict[str, WorkOutcome] = {outcome.run_id: outcome for outcome in outcomes}

    def settle(self, record: SQSRecord) -> None:
        """Return to acknowledge one message, raise to leave it on the queue."""
        message = record.message_id
        if error := self._invalid.get(message):
            logger.error("message refused", extra={"message_id": message, "reason": str(error)})
            raise error
        outcomes = [self._outcomes[run] for run in self._runs[message]]
        for outcome in outcomes:
            level = logging.WARNING if outcome.status in ("failed", "retry", "large") else logging.INFO
            extra = {"message_id": message, "run_id": outcome.run_id, "reason": outcome.reason}
            logger.log(level, "work %s", outcome.status, extra=extra)
        waiting = [outcome for outcome in outcomes if outcome.status in ("retry", "large")]
        if waiting:
            raise DispatchUnavailable("; ".join(outcome.reason for outcome in waiting))

    def counts(self) -> dict[str, int]:
        """The metrics of this invocation; none is 0."""
        statuses = Counter(outcome.status for outcome in self._outcomes.values())
        counts = {
            "Messages": len(self._records),
            "MessagesRefused": len(self._invalid),
            "Orders": len(self._outcomes),
            **{f"Orders{status.capitalize()}": number for status, number in statuses.items()},
        }
        return {name: number for name, number in counts.items() if number}

    def returned(self, messages: list[str]) -> list[Returned]:
        """What the queue has to know of messages that go back to it."""
        records = [(message, self._records[message]) for message in messages]
        return [
            Returned(
                receipt_handle=str(record["receiptHandle"]),
                receives=int(record["attributes"]["ApproximateReceiveCount"]),
                readable=message not in self._invalid,
            )
            for message, record in records
        ]
