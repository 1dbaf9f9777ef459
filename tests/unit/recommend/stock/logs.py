"""Events as the log gives them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
SCHEMA = pa.schema(
    [
        ("type", pa.string()),
        ("user", pa.string()),
        ("session", pa.string()),
        ("product_id", pa.string()),
        ("occurred_at", pa.timestamp("us", tz="UTC")),
        ("quantity", pa.int32()),
    ]
)


def event(
    kind: str,
    product_id: str | None,
    days_ago: float = 0.5,
    *,
    user: str | None = "u",
    session: str | None = None,
    quantity: int | None = None,
) -> dict[str, Any]:
    return {
        "type": kind,
        "user": user,
        "session": session,
        "product_id": product_id,
        "occurred_at": NOW - timedelta(days=days_ago),
        "quantity": quantity,
    }


def log_of(events: Sequence[dict[str, Any]], *, parts: int = 1) -> list[pa.Table]:
    """As several tables."""
    return [pa.Table.from_pylist(list(events[part::parts]), SCHEMA) for part in range(parts)]
