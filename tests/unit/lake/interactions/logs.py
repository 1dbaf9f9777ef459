"""Events and logs of tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from mmpipe.lake import Collection, open_lake
from mmpipe.lake.interactions import SCHEMA, InteractionLog
from mmpipe.settings import LakeSettings, Settings

NOW = datetime.now(UTC).replace(microsecond=0)
ZERO = timedelta(0)


def collection_in(folder: Path) -> Collection:
    return open_lake(Settings(lake=LakeSettings(uri=str(folder / "lake")))).collection("shop", create=True)


def event(event_id: str, user: str | None = "u1", session: str | None = None, **more: Any) -> dict[str, Any]:
    """A view of ``p`` now, with what ``more`` says instead."""
    return {
        "event_id": event_id,
        "type": "view",
        "user": user,
        "session": session,
        "product_id": "p",
        "occurred_at": NOW,
        "received_at": NOW,
        **more,
    }


def rows(*events: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(events), schema=SCHEMA)


def append(log: InteractionLog, *events: dict[str, Any], now: datetime | None = None) -> None:
    log.append(rows(*events), now=now)


def ids(tables: pa.Table | Sequence[pa.Table]) -> list[str]:
    """Event ids, in their order."""
    held: Iterable[pa.Table] = [tables] if isinstance(tables, pa.Table) else tables
    return [event_id for table in held for event_id in table["event_id"].to_pylist()]


def merge(log: InteractionLog, now: datetime | None = None) -> None:
    """Compact at once: merge all there is, and remove what was merged."""
    for _ in range(2):
        log.compact(now or datetime.now(UTC) + timedelta(seconds=2), min_age=ZERO, grace=ZERO, few=2)
