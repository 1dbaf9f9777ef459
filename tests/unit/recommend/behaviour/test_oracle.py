"""Behaviour against plain Python: any order, any repetition, late events, logins, erasure."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.recommend.behaviour import Behaviour, Shopper
from mmpipe.recommend.behaviour.behaviour import EACH
from mmpipe.schemas.interaction import EVENT_TYPES
from tests.unit.recommend.behaviour.shoppers import BOUGHT, NO_ACT, NOW, VIEWED, Event, Oracle, table

ITEMS = ["a", "b", "c", "d", "é"]
USERS = ["u1", "u2"]
SESSIONS = ["s1", "s2", "u1"]  # a session may be called like a user
SHOPPERS = [Shopper(u, s) for u in [*USERS, "nobody", None] for s in [*SESSIONS, "none", None] if u or s]
HALF_LIFE = 3_600.0


@st.composite
def events(draw: st.DrawFn) -> Event:
    user = draw(st.sampled_from([*USERS, None, None]))
    kind = draw(st.sampled_from(EVENT_TYPES))
    time = NOW - 60.0 * draw(st.integers(-2, 8))
    return Event(
        id=f"e{draw(st.integers(0, 40))}",
        type=kind,
        item=None if kind == "search" else draw(st.sampled_from(ITEMS)),
        user=user,
        session=draw(st.sampled_from(SESSIONS if user is None else [*SESSIONS, None])),
        time=time,
        received=NOW + draw(st.integers(0, 10**9)) * 1e-6,
        rating=draw(st.integers(0, 10)) / 2 if kind == "rating" else None,
        list=draw(st.sampled_from([None, "for_you"])),
    )


def sets(least: int, most: int) -> st.SearchStrategy[list[Event]]:
    """Events of which no two copies arrive in the same microsecond."""
    return st.lists(events(), min_size=least, max_size=most, unique_by=lambda e: (e.id, e.received))


def same(behaviour: Behaviour, oracle: Oracle) -> None:
    """Every answer is the oracle's."""
    assert behaviour.event_count == len(oracle.events)
    codes = {item: behaviour.code(item) for item in ITEMS}
    known = {code: item for item, code in codes.items() if code is not None}
    names = behaviour.product_ids(np.array(sorted(known), np.int32))
    assert names == [known[code] for code in sorted(known)]
    for shopper in SHOPPERS:
        for limit in (500, 3):
            held = behaviour.history(shopper, limit)
            found = [
                (known[i], EVENT_TYPES[k], t)
                for i, k, t in zip(held.items.tolist(), held.types.tolist(), held.times.tolist(), strict=True)
            ]
            assert found == oracle.history(shopper, limit)
        bought = oracle.items(shopper, lambda e: e.type == "purchase")
        acted = oracle.items(shopper, lambda e: e.type not in NO_ACT)
        done = behaviour.done(shopper)
        assert done.seen.tolist() == sorted(set(done.seen.tolist()))
        assert {known[i] for i in done.purchased.tolist()} == bought
        assert {known[i] for i in done.seen.tolist()} == acted
    for code, item in known.items():
        for name, kinds in (("bought", BOUGHT), ("viewed", VIEWED)):
            for limit in (1, 2_000):
                counts = behaviour.together(code, kind=name, limit=limit)  # type: ignore[arg-type]
                found_both = dict(zip(behaviour.product_ids(counts.codes), counts.both.tolist(), strict=True))
                assert found_both == oracle.together(item, kinds, limit, EACH)
                often = behaviour.together(code, kind=name, limit=limit, least=2)  # type: ignore[arg-type]
                assert often.codes.tolist() == counts.codes[counts.both >= 2].tolist()
                assert often.both.tolist() == counts.both[counts.both >= 2].tolist()
                totals = [oracle.shoppers(kinds, known[other]) for other in counts.codes.tolist()]
                assert counts.totals.tolist() == totals
                assert counts.of_item == oracle.shoppers(kinds, item)
                assert counts.sampled == min(limit, counts.of_item)
                assert counts.shoppers == oracle.shoppers(kinds)
    for weights, expected in (
        (behaviour.popular(), {item: oracle.weight(item) for item in ITEMS}),
        (
            behaviour.trending(NOW + 1_800, HALF_LIFE),
            {item: oracle.weight(item, NOW + 1_800, HALF_LIFE) for item in ITEMS},
        ),
    ):
        found_weights = dict(zip(behaviour.product_ids(weights[0]), weights[1].tolist(), strict=True))
        # Parts that cancel out leave nothing, or less than the rounding of each.
        full = {item: found_weights.get(item, 0.0) for item in ITEMS}
        assert full == pytest.approx({i: max(w, 0.0) for i, w in expected.items()}, rel=1e-6, abs=1e-5)
    some = np.array(sorted(known), np.int32)
    shown, clicked = behaviour.exposures(some)
    first, last = behaviour.first_seen(some), behaviour.last_seen(some)
    for place, code in enumerate(some.tolist()):
        of_item = [e for e in oracle.events if e.item == known[code]]
        assert shown[place] == sum(e.type == "impression" for e in of_item)
        followed = [e for e in of_item if e.type == "search-click" or (e.type == "view" and e.list)]
        assert clicked[place] == len(followed)
        if of_item:
            assert (first[place], last[place]) == (of_item[0].time, of_item[-1].time)
        else:
            assert math.isnan(first[place])
            assert math.isnan(last[place])


@settings(max_examples=60, deadline=None)
@given(
    held=sets(0, 40),
    again=sets(0, 10),
    seed=st.integers(0, 99),
    sizes=st.lists(st.integers(1, 12), min_size=1),
    compacted=st.sets(st.integers(0, 6)),
    gone=st.sets(st.sampled_from([*USERS, *SESSIONS]), max_size=2),
)
def test_answers_are_those_of_the_set_of_events(
    held: list[Event],
    again: list[Event],
    seed: int,
    sizes: list[int],
    compacted: set[int],
    gone: set[str],
) -> None:
    behaviour = Behaviour(clock=lambda: NOW)
    arriving = held + held[::3]
    random.Random(seed).shuffle(arriving)
    at = turn = 0
    while at < len(arriving):
        size = sizes[turn % len(sizes)]
        behaviour.add(table(arriving[at : at + size]))
        if turn in compacted:
            behaviour.compact()
        at, turn = at + size, turn + 1
    same(behaviour, Oracle(held))
    behaviour.compact()
    same(behaviour, Oracle(held))
    behaviour.forget(dict.fromkeys(gone, datetime(2200, 1, 1, tzinfo=UTC)))
    left = Oracle(held, gone)
    same(behaviour, left)
    behaviour.add(table(again))
    same(behaviour, Oracle([*left.events, *again]))


@settings(max_examples=20, deadline=None)
@given(held=sets(1, 30), seed=st.integers(0, 99))
def test_the_order_of_arrival_changes_nothing(held: list[Event], seed: int) -> None:
    whole, single = Behaviour(clock=lambda: NOW), Behaviour(clock=lambda: NOW)
    whole.add(table(held))
    whole.compact()
    shuffled = random.Random(seed).sample(held, len(held))
    for event in shuffled:
        single.add(table([event]))
    for shopper in SHOPPERS:
        one, other = whole.history(shopper), single.history(shopper)
        assert whole.product_ids(one.items) == single.product_ids(other.items)
        assert one.times.tolist() == other.times.tolist()
    for half_life in (60.0, HALF_LIFE):
        ranked = [
            dict(zip(b.product_ids(codes), weights.tolist(), strict=True))
            for b in (whole, single)
            for codes, weights in [b.trending(NOW, half_life)]
        ]
        assert ranked[0] == ranked[1]
