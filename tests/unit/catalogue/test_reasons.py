"""Rejects are counted by reason, whatever values the rows hold."""

from __future__ import annotations

import io
import json

from mmpipe.catalogue import read_feed
from mmpipe.settings import FeedSettings


def reasons_of(rows: list[dict[str, object]]) -> dict[str, int]:
    text = "\n".join(json.dumps(row) for row in rows)
    found = read_feed(io.BytesIO(text.encode()), "feed.jsonl", FeedSettings())
    list(found)
    return found.report.reasons


def test_one_fault_is_one_reason_and_its_example_stays() -> None:
    rows: list[dict[str, object]] = [{"id": n, "title": "T", "price": f"{n} or {n + 1}"} for n in range(3)]
    assert reasons_of(rows) == {"price: … holds more than one number: write it as 19.99 USD": 3}


def test_the_most_frequent_comes_first_and_values_of_other_faults_are_left_out() -> None:
    long = {"id": "a", "title": "x" * 600}
    rows: list[dict[str, object]] = [long, *({"id": f"/{n}", "title": "T"} for n in range(2))]
    assert list(reasons_of(rows).values()) == [2, 1]
    (first, second) = reasons_of(rows)
    assert first.startswith("id: … cannot be an id: ")
    assert second == "title: is longer than … characters: shorten it"
