"""Events are judged one by one: what is wrong is named, the others count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mmpipe.schemas.interaction import EVENT_TYPES, Interaction, Judged, judge

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
VIEW = {"type": "view", "user_id": "u", "product_id": "p"}


def judged(*events: Any) -> Judged:
    return judge(enumerate(events), NOW, keep=timedelta(days=365))


def test_each_is_judged_alone() -> None:
    found = judged(VIEW, {"type": "stare"}, 5, {**VIEW, "event_id": "e", "time": "yesterday"}, VIEW)
    assert found.places == [0, 4]
    assert [(r.index, r.event_id, r.field) for r in found.rejected] == [
        (1, None, "type"),
        (2, None, "event"),
        (3, "e", "time"),
    ]
    assert all(entry.reason for entry in found.rejected)


def test_a_time_that_is_absent_is_that_of_arrival() -> None:
    found = judged(VIEW, {**VIEW, "time": "2026-05-31T23:00:00-02:00"}, {**VIEW, "time": "2026-05-31"})
    assert found.times == [NOW, datetime(2026, 6, 1, 1, tzinfo=UTC), datetime(2026, 5, 31, tzinfo=UTC)]


def test_events_without_a_time_happened_in_the_order_sent() -> None:
    events = [{"type": "view", "user_id": "u", "product_id": f"p{n}"} for n in range(1_000)]
    times = judged(*events).times
    assert times == sorted(set(times))
    assert (times[0], times[-1]) == (NOW, NOW + timedelta(microseconds=999))


@pytest.mark.parametrize(
    "time",
    [
        "1970-01-01T00:00:00Z",
        "2100-01-01T00:00:00Z",
        "2026-06-02T12:00:01Z",
        "2025-05-31T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "1700000000",
        "",
        "NaN",
    ],
)
def test_a_time_that_cannot_be_is_rejected(time: str) -> None:
    found = judged({**VIEW, "time": time})
    assert found.events == []
    assert [entry.field for entry in found.rejected] == ["time"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"user_id": None}, "user_id"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": "u" * 129}, "user_id"),
        ({"user_id": "u\x00"}, "user_id"),
        ({"user_id": 7}, "user_id"),
        ({"product_id": None}, "product_id"),
        ({"type": "rating"}, "rating"),
        ({"rating": 3}, "rating"),
        ({"type": "rating", "rating": 6}, "rating"),
        ({"type": "rating", "rating": float("nan")}, "rating"),
        ({"quantity": 0}, "quantity"),
        ({"device": "d" * 65}, "device"),
        ({"context": {"position": -1}}, "context.position"),
        ({"context": {"place": 1}}, "context.place"),
        ({"mail": "a@example.com"}, "mail"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    (entry,) = judged({**VIEW, **change}).rejected
    assert entry.field == field
    assert "example.com" not in entry.reason


def test_every_type_is_taken_with_underscores_too() -> None:
    for name in EVENT_TYPES:
        event = {**VIEW, "type": name.replace("-", "_")} | ({"rating": 4} if name == "rating" else {})
        assert judged(event).events[0].type == name


def test_a_search_needs_no_product_and_a_session_is_enough() -> None:
    assert len(judged({"type": "search", "session_id": "s", "context": {"query": "red"}}).events) == 1


def test_a_wrong_event_cannot_be_made() -> None:
    with pytest.raises(ValidationError, match="somebody did it"):
        Interaction(type="view", product_id="p")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_fields = st.dictionaries(st.sampled_from([*Interaction.model_fields, "x"]), _json, max_size=8)


@given(events=st.lists(_fields | _json, max_size=4))
def test_nothing_breaks_it(events: list[Any]) -> None:
    found = judged(*events)
    assert sorted([*found.places, *(entry.index for entry in found.rejected)]) == list(range(len(events)))
