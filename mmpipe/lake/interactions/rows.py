"""Events to rows of the log."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mmpipe.lake.interactions.schema import SCHEMA

if TYPE_CHECKING:
    from mmpipe.lake.interactions.pseudonyms import Pseudonyms
    from mmpipe.schemas.interaction import Judged


def rows_of(
    batches: Sequence[Judged], collection: str, pseudonyms: Pseudonyms, *, run_id: str | None = None
) -> pa.Table:
    """The events as rows of ``SCHEMA``, in order; from here on nobody is named.

    One without an ``event_id`` gets a random one; of an upload ``<run_id>:<place>``, so that the same upload
    read again makes the same rows.
    """
    events = [event for batch in batches for event in batch.events]
    places = [place for batch in batches for place in batch.places]
    contexts = [event.context for event in events]
    user, session = pseudonyms.user, pseudonyms.session
    columns: dict[str, Sequence[Any]] = {
        "event_id": [
            event.event_id or (uuid.uuid4().hex if run_id is None else f"{run_id}:{place}")
            for event, place in zip(events, places, strict=True)
        ],
        "type": [event.type for event in events],
        "user": [e.user_id and user(collection, e.user_id) for e in events],
        "session": [e.session_id and session(collection, e.session_id) for e in events],
        "product_id": [event.product_id for event in events],
        "occurred_at": [moment for batch in batches for moment in batch.times],
        "received_at": [batch.received_at for batch in batches for _ in batch.events],
        "device": [event.device for event in events],
        "query_id": [context and context.query_id for context in contexts],
        "query": [context and context.query for context in contexts],
        "position": [context and context.position for context in contexts],
        "list": [context and context.list for context in contexts],
        "rating": [event.rating for event in events],
        "quantity": [event.quantity for event in events],
        "run_id": [run_id] * len(events),
    }
    return pa.table([pa.array(columns[item.name], item.type) for item in SCHEMA], schema=SCHEMA)
