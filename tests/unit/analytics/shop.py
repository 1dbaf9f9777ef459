"""Searches and events of tests, and what a report must say of them, counted one by one."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from mmpipe.analytics.followed import COLUMNS as EVENT_COLUMNS
from mmpipe.lake.interactions import SCHEMA as EVENTS
from mmpipe.lake.searches import SCHEMA

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def search(query_id: str, query: str | None = "boots", **more: Any) -> dict[str, Any]:
    """A first page that found three products, as the log has it."""
    return {
        "record": hash(query_id) & (2**63 - 1),
        "at": NOW,
        "query_id": query_id,
        "first": True,
        "query": query,
        "kind": "none" if query is None else "query",
        "language": "en",
        "modalities": "text",
        "marks": [],
        "rules": [],
        "total": 3,
        "shown": 3,
        "ms": 1.0,
        **more,
    }


def event(kind: str, query_id: str | None, product: str | None = "p", **more: Any) -> dict[str, Any]:
    """Something that user ``u`` did an hour later, as the log of interactions has it."""
    return {
        "event_id": "e",
        "type": kind,
        "user": "u",
        "session": None,
        "product_id": product,
        "occurred_at": NOW + HOUR,
        "received_at": NOW + HOUR,
        "query_id": query_id,
        "position": None,
        **more,
    }


def searches(rows: Iterable[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def events(rows: Iterable[dict[str, Any]]) -> list[pa.Table]:
    """In two tables, as days are."""
    table = pa.Table.from_pylist(list(rows), schema=EVENTS).select(EVENT_COLUMNS)
    return [table.slice(0, len(table) // 2), table.slice(len(table) // 2)]


def counted(rows: Sequence[dict[str, Any]], done: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What came of each search, by its id."""
    found: dict[str, dict[str, Any]] = {
        row["query_id"]: {
            "ms": row["ms"], "total": row["total"], "pages": 1, "products": {}, "cart": False, "bought": False
        }
        for row in rows
        if row["first"]
    }  # fmt: skip
    for row in rows:
        if not row["first"] and row["query_id"] in found:
            found[row["query_id"]]["pages"] += 1
    clicks = [e for e in done if e["type"] in ("view", "search-click") and e["query_id"] in found]
    for click in clicks:
        products = found[click["query_id"]]["products"]
        held, told = products.get(click["product_id"]), click["position"]
        products[click["product_id"]] = told if held is None else held if told is None else min(held, told)
    for each in done:
        if each["type"] not in ("add-to-cart", "purchase") or each["product_id"] is None:
            continue
        query_id = each["query_id"]
        if query_id is None:
            before = [
                (click["occurred_at"], [*found].index(click["query_id"]), click["query_id"])
                for click in clicks
                if click["product_id"] == each["product_id"]
                and (
                    (click["user"] and click["user"] == each["user"])
                    or (click["session"] and click["session"] == each["session"])
                )
                and each["occurred_at"] - 24 * HOUR <= click["occurred_at"] <= each["occurred_at"]
            ]
            query_id = max(before)[2] if before else None
        if query_id in found:
            found[query_id]["cart" if each["type"] == "add-to-cart" else "bought"] = True
    return found


def figures(of: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of some of these searches."""
    hits = [each for each in of if each["total"] > 0]
    clicked = sum(bool(each["products"]) for each in hits)
    places = [place for each in hits for place in each["products"].values() if place is not None]
    carts, bought = sum(each["cart"] for each in hits), sum(each["bought"] for each in hits)
    times = sorted(each["ms"] for each in of)
    return {
        "searches": len(of),
        "empty": len(of) - len(hits),
        "empty_rate": (len(of) - len(hits)) / len(of),
        "pages": sum(each["pages"] for each in of) / len(of),
        "clicked": clicked,
        "ctr": clicked / len(hits) if hits else None,
        "clicks": sum(len(each["products"]) for each in hits),
        "position": sum(places) / len(places) if places else None,
        "carts": carts,
        "cart_rate": carts / len(hits) if hits else None,
        "purchases": bought,
        "purchase_rate": bought / len(hits) if hits else None,
        "p50_ms": times[math.ceil(0.5 * len(times)) - 1],
        "p95_ms": times[math.ceil(0.95 * len(times)) - 1],
    }


def grouped(
    rows: Sequence[dict[str, Any]], done: Sequence[dict[str, Any]], by: Any
) -> dict[Any, dict[str, Any]]:
    """Figures by what ``by`` says of a row of the log; of several where it says a list."""
    what = counted(rows, done)
    groups: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["first"]:
            key = by(row)
            for each in key if isinstance(key, list) else [key]:
                groups[each].append(what[row["query_id"]])
    return {key: figures(of) for key, of in groups.items()}
