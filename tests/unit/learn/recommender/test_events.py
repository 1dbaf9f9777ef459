"""The log as sequences and impressions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.learn.recommender.events import MAX_HISTORY, Log, read_log
from tests.unit.learn.recommender.shop import NOW, event, table_of


def histories(log: Log) -> list[list[str]]:
    found = [[log.names[item] for item in part.tolist()] for part in log.sequences.lists()]
    return sorted(found)


def at(minutes: float) -> Any:
    return NOW + timedelta(minutes=minutes)


EVENTS = st.lists(
    st.builds(
        lambda minute, user, session, product, kind: event(
            user if user or session else "u1",
            None if kind == "search" else product,
            at(minute),
            session=session,
            type=kind,
            rating=None,
        ),
        st.integers(0, 12),
        st.sampled_from([None, "u1", "u2"]),
        st.sampled_from([None, "s1", "s2"]),
        st.sampled_from(["a", "b", "é", "z"]),
        st.sampled_from(["view", "view", "purchase", "impression", "dislike", "search"]),
    ),
    max_size=14,
)


def slowly(events: list[dict[str, Any]]) -> list[list[str]]:
    """The same, one event after the other."""
    ordered = sorted(events, key=lambda e: (e["occurred_at"], e["event_id"]))
    people: dict[str, list[str]] = {}
    for e in ordered:
        owner = e["user"]
        if owner is None:
            same = [o for o in ordered if o["session"] == e["session"] and o["user"] is not None]
            after = [o for o in same if ordered.index(o) > ordered.index(e)]
            before = [o for o in same if ordered.index(o) < ordered.index(e)]
            owner = (after[0] if after else before[-1])["user"] if same else f"session {e['session']}"
        if e["type"] in ("view", "purchase"):
            people.setdefault(owner, []).append(e["product_id"])
    return sorted(list(dict.fromkeys(reversed(liked)))[::-1] for liked in people.values())


@settings(max_examples=60, deadline=None)
@given(events=EVENTS, rng=st.randoms())
def test_sequences_are_those_of_people_whatever_the_order_of_arrival(
    events: list[dict[str, Any]], rng: Any
) -> None:
    events = [{**e, "event_id": f"e{n:03d}"} for n, e in enumerate(events)]
    wanted = slowly(events)
    assert histories(read_log([table_of(events)] if events else [])) == wanted
    rng.shuffle(events)
    cut = len(events) // 2
    parts = [part for part in (events[:cut], events[cut:]) if part]
    log = read_log(table_of(part) for part in parts)
    if len({e["occurred_at"] for e in events}) == len(events):
        assert histories(log) == wanted
    assert log.events == len(events)
    assert log.names == sorted(log.names, key=str.encode)


def test_what_shows_no_liking_is_left_out_and_long_histories_are_cut() -> None:
    events = [event("u", f"p{n}", at(n), n=n) for n in range(MAX_HISTORY + 20)]
    events += [
        event("u", "low", at(9_000), type="rating", rating=2.5),
        event("u", "high", at(9_001), type="rating", rating=3.0),
        event("u", "no", at(9_002), type="dislike"),
        event("u", "shown", at(9_003), type="impression"),
    ]
    (liked,) = histories(read_log([table_of([{**e, "event_id": str(n)} for n, e in enumerate(events)])]))
    assert len(liked) == MAX_HISTORY
    assert liked[-1] == "high"
    assert not {"low", "no", "shown", "p0"} & set(liked)


def test_what_is_acted_on_soon_after_it_was_shown_was_clicked() -> None:
    shown = [
        event("u", "a", at(0), type="impression"),
        event("u", "b", at(0), type="impression"),
        event("v", "a", at(0), type="impression"),
        event(None, "c", at(50), type="impression", session="s"),
    ]
    acted = [
        event("u", "a", at(29)),
        event("u", "b", at(31)),
        event("w", "a", at(1)),
        event("x", "c", at(51), session="s"),
        event("v", "a", at(-1)),
    ]
    events = [{**e, "event_id": str(n)} for n, e in enumerate(shown + acted)]
    log = read_log([table_of(events)])
    clicked = {
        (log.names[item], int(time)): bool(c)
        for item, time, c, owner in zip(
            log.impressions.items, log.impressions.times, log.impressions.clicked, log.impressions.owner,
            strict=True,
        )
        if owner != log.sequences.owner[1]
    }  # fmt: skip
    assert sum(log.impressions.clicked) == 2
    assert clicked[("c", int(at(50).timestamp()))]
    assert clicked[("a", int(at(0).timestamp()))]


def test_before_a_moment() -> None:
    events = [
        event(u, p, at(m), n=m) for m, (u, p) in enumerate([("u", "a"), ("v", "b"), ("u", "c"), ("w", "d")])
    ]
    log = read_log([table_of(events)])
    earlier = log.sequences.before(at(2).timestamp())
    assert [[log.names[i] for i in part.tolist()] for part in earlier.lists()] == [["a"], ["b"]]
    assert len(log.sequences.before(0)) == 0
    assert np.array_equal(log.sequences.before(1e12).items, log.sequences.items)
    nothing = read_log([])
    assert (nothing.events, len(nothing.sequences), len(nothing.impressions)) == (0, 0, 0)
    assert len(nothing.sequences.before(1.0)) == 0
