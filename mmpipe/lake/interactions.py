"""What shoppers did, kept for recommendation."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from mmpipe.lake.record_table import RecordTable
from mmpipe.schemas.search import Interaction

if TYPE_CHECKING:
    from mmpipe.settings import StorageSettings

_COLUMNS = {
    "type": pa.string(),
    "user_id": pa.string(),
    "product_id": pa.string(),
    "session_id": pa.string(),
    "query": pa.string(),
    "occurred_at": pa.timestamp("us", tz="UTC"),
    "run_id": pa.string(),
}


class StoredInteraction(BaseModel):
    """One interaction as the table keeps it."""

    model_config = ConfigDict(extra="forbid")

    interaction_id: str
    type: str
    user_id: str
    product_id: str | None
    session_id: str | None
    query: str | None
    occurred_at: datetime
    run_id: str | None


class InteractionTable:
    """The interactions of one collection; rows are only ever added."""

    def __init__(self, uri: str, storage: StorageSettings) -> None:
        self._table = RecordTable(uri, StoredInteraction, "interaction_id", _COLUMNS, storage)

    def append(
        self, interactions: Sequence[Interaction], *, run_id: str | None = None, first_row: int = 0
    ) -> int:
        """Store interactions durably; returns how many rows were added.

        With ``run_id`` (an uploaded file) the same rows of the same run are stored once, however often
        they come; ``first_row`` is the position of the first of them in that file. Raises ``ValueError``
        for a time that is not ISO 8601.
        """
        now = datetime.now(UTC)
        stored = [
            _stored(item, f"{run_id}:{first_row + i}" if run_id else uuid.uuid4().hex, run_id, now)
            for i, item in enumerate(interactions)
        ]
        if run_id is None:
            return self._table.append(stored)
        return self._table.put(stored, replace=False)

    def list(self, *, limit: int = 1_000) -> list[StoredInteraction]:
        """Up to ``limit`` interactions, in no particular order."""
        return self._table.select(limit=limit)

    def to_table(self) -> pa.Table:
        """All columns but the JSON record, for training and analysis."""
        return self._table.columns([name for name in self._table.schema.names if name != "record"])

    def maintain(self) -> None:
        """Put small files together; see :meth:`RecordTable.maintain`."""
        self._table.maintain()

    def count(self) -> int:
        """How many interactions are stored."""
        return self._table.count()


def _stored(item: Interaction, interaction_id: str, run_id: str | None, now: datetime) -> StoredInteraction:
    occurred = now if item.time is None else datetime.fromisoformat(item.time)
    if occurred.tzinfo is None:
        occurred = occurred.replace(tzinfo=UTC)
    return StoredInteraction(
        interaction_id=interaction_id,
        type=item.type,
        user_id=item.user_id,
        product_id=item.product_id,
        session_id=item.session_id,
        query=item.query,
        occurred_at=occurred,
        run_id=run_id,
    )
