"""What people asked, and what of it may be shown to others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.lake.interactions import SCHEMA
from mmpipe.search.suggest import COLUMNS, Asked
from mmpipe.search.suggest.asked import spelled

NOW = datetime(2026, 3, 1, tzinfo=UTC)
_TYPES = {name: SCHEMA.field(name).type for name in COLUMNS}


def asks(
    query: str | None,
    user: str | None = None,
    session: str | None = None,
    *,
    days: float = 0.0,
    kind: str = "search",
) -> dict[str, Any]:
    return {
        "type": kind, "user": user, "session": session, "query": query,
        "occurred_at": NOW - timedelta(days=days),
    }  # fmt: skip


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in _TYPES.items()})


def popular(*rows: dict[str, Any], shoppers: int = 3) -> list[tuple[str, float]]:
    asked = Asked()
    asked.add(table(*rows))
    found = asked.popular(NOW.timestamp(), shoppers=shoppers, half_life_days=10)
    return [(each.text, round(each.weight, 3)) for each in found]


def test_enough_different_people_must_have_asked() -> None:
    two = [asks("red dress", f"u{n % 2}") for n in range(10)]
    assert popular(*two) == []
    assert popular(*two, asks("red dress", "u2")) == [("red dress", 3.0)]


def test_a_session_in_which_somebody_logs_in_is_that_person() -> None:
    rows = [asks("red dress", None, "s1"), asks("red dress", "u1", "s1"), asks("red dress", "u2")]
    assert popular(*rows) == []
    assert popular(*rows, shoppers=2) == [("red dress", 2.0)]


def test_spellings_merge_into_the_usual_one() -> None:
    rows = [
        asks("Red Dress", "u1"),
        asks("red  dress", "u2"),
        asks("red-dress", "u3"),
        asks("red dresses", "u4"),
    ]
    assert popular(*rows) == [("red dress", 4.0)]


def test_old_news_weighs_less() -> None:
    rows = [asks("boots", f"u{n}", days=20) for n in range(4)] + [asks("sandals", f"u{n}") for n in range(3)]
    assert popular(*rows) == [("sandals", 3.0), ("boots", 1.0)]


@pytest.mark.parametrize(
    "query",
    [
        *("anna@example.com", "call 0049 171 5551234", "4111 1111 1111 1111", "(555) 123-4567"),
        *("www.shop.example", "https://shop.example", "4006381333931", "a" * 81, "", "   ", "!!!"),
        *("a\x00b", "\u4e00\ud800"),
    ],
)
def test_what_may_name_somebody_or_is_no_query_is_not_kept(query: str) -> None:
    assert spelled(query) is None
    if "\ud800" not in query:
        assert popular(*[asks(query, f"u{n}") for n in range(5)]) == []


@pytest.mark.parametrize("query", ["iphone 14 pro 256gb", "500 ml", "连衣裙", "1500w heater", "size 42"])
def test_numbers_of_goods_are_kept(query: str) -> None:
    assert spelled(query) == query


def test_who_was_erased_is_gone() -> None:
    asked = Asked()
    asked.add(
        table(*[asks("boots", f"u{n}") for n in range(3)], asks("boots", None, "s9"), asks("hat", "u0", "s9"))
    )
    assert len(asked.popular(NOW.timestamp(), shoppers=3, half_life_days=10)) == 1
    asked.forget(["u0"])
    # Also what happened in a session of theirs before they logged in.
    assert len(asked) == 2
    assert asked.popular(NOW.timestamp(), shoppers=3, half_life_days=10) == []


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("hat", "Hat", "red hat", "x@y.z")),
            st.sampled_from(("u1", "u2", "u3", None)),
            st.sampled_from(("s1", "s2")),
            st.integers(0, 30),
            st.sampled_from(("search", "search-click", "view")),
        ),
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_neither_order_nor_repetition_matters(rows: list[tuple[Any, ...]], rng: Any) -> None:
    events = [asks(q, user, session, days=days, kind=kind) for q, user, session, days, kind in rows]
    one, other = Asked(), Asked()
    if events:
        one.add(table(*events))
        mixed = events + events[: len(events) // 2]
        rng.shuffle(mixed)
        for at in range(0, len(mixed), 3):
            other.add(table(*mixed[at : at + 3]))
    now = NOW.timestamp()
    assert one.popular(now, shoppers=1, half_life_days=7) == other.popular(now, shoppers=1, half_life_days=7)


def test_what_is_kept_no_longer_counts_no_longer() -> None:
    asked = Asked()
    asked.add(table(*[asks("boots", f"u{n}", days=n * 40) for n in range(3)]))
    found = [
        len(asked.popular(NOW.timestamp(), shoppers=3, half_life_days=10, keep_days=days))
        for days in (81, 79)
    ]
    assert found == [1, 0]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmpipe.search.suggest.asked.MOST_PAIRS", 100)
    asked = Asked()
    for day in range(10, 0, -1):
        asked.add(table(*[asks(f"word {day} {n}", f"u{n}", days=day) for n in range(50)]))
    assert len(asked) <= 100
    texts = {each.text for each in asked.popular(NOW.timestamp(), shoppers=1, half_life_days=10)}
    assert {f"word 1 {n}" for n in range(50)} <= texts
    assert asked.nbytes < 100_000
