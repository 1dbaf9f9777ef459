"""SQS batch of S3 notifications → typed events → work orders → one dispatch call → ``batchItemFailures``.

A message comes back to its queue (and after enough receives lands in the dead-letter queue) where it cannot
be parsed or where its work was not taken. Work that the indexer tried and recorded as failed is acknowledged:
its reason stands in the run ledger and the reject table, and repeating it cannot help.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from mmpipe.dispatch import Dispatcher, dispatcher_for
from mmpipe.errors import DispatchUnavailable, InvalidEvent
from mmpipe.events import parse_message, plan
from mmpipe.schemas.work import WorkOrder, WorkOutcome
from mmpipe.settings import IndexingSettings, load_settings
from mmpipe.telemetry import configure_logging

logger = logging.getLogger("mmpipe.handlers.catalogue_uploaded")

Response = dict[str, list[dict[str, str]]]
Handler = Callable[[dict[str, Any], Any], Response]


def handler(event: dict[str, Any], context: Any) -> Response:
    """The Lambda entry point. Settings are read at the first invocation, not at import."""
    return _cold_start()(event, context)


@functools.cache
def _cold_start() -> Handler:
    configure_logging()
    settings = load_settings()
    return build_handler(settings.indexing, dispatcher_for(settings))


def build_handler(settings: IndexingSettings, dispatcher: Dispatcher) -> Handler:
    """The same handler with its parts given; safe to call from several threads."""

    def handle(event: dict[str, Any], context: Any) -> Response:
        batch = _Batch(settings, dispatcher, event)
        # A processor carries the state of one batch, so each invocation gets its own. A batch that fails
        # entirely is no crash of the function: the queue counts the receives of each message either way.
        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        response = process_partial_response(event, batch.settle, processor, context)
        failed = [{"itemIdentifier": str(item["itemIdentifier"])} for item in response["batchItemFailures"]]
        return {"batchItemFailures": failed}

    return handle


class _Batch:
    """One invocation: everything is parsed first, so that all of it is dispatched in one call."""

    def __init__(self, settings: IndexingSettings, dispatcher: Dispatcher, event: dict[str, Any]) -> None:
        self._runs: dict[str, list[str]] = {}
        self._invalid: dict[str, InvalidEvent] = {}
        orders: dict[str, WorkOrder] = {}  # by run: one event delivered twice in a batch is one order
        for record in event.get("Records", []):
            message = str(record["messageId"])
            body = record.get("body")
            try:
                planned = [
                    plan(parsed, settings) for parsed in parse_message(body if isinstance(body, str) else "")
                ]
            except InvalidEvent as error:
                self._invalid[message] = error
                continue
            self._runs[message] = [order.run_id for order in planned]
            orders.update((order.run_id, order) for order in planned)
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
            level = logging.WARNING if outcome.status in ("failed", "retry") else logging.INFO
            extra = {"message_id": message, "run_id": outcome.run_id, "reason": outcome.reason}
            logger.log(level, "work %s", outcome.status, extra=extra)
        waiting = [outcome for outcome in outcomes if outcome.status == "retry"]
        if waiting:
            raise DispatchUnavailable("; ".join(outcome.reason for outcome in waiting))
