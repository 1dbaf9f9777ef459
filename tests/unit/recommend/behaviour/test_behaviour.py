"""What the oracle is too small for: limits, long times, bad rows, the base made anew meanwhile."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mmpipe.recommend.behaviour import TYPE_CODES, Behaviour, Shopper
from mmpipe.recommend.behaviour import behaviour as module
from mmpipe.recommend.behaviour.kernels.hashing import hash_texts
from mmpipe.recommend.behaviour.kernels.layout import JOINED
from tests.unit.recommend.behaviour.shoppers import NOW, Event, Oracle, table

DAY = 86_400.0
YEAR_2100 = 4_102_444_800.0


def made(events: list[Event], **options: Any) -> Behaviour:
    behaviour = Behaviour(**({"clock": lambda: NOW} | options))
    behaviour.add(table(events))
    return behaviour


def ids(behaviour: Behaviour, codes: Any) -> list[str]:
    return behaviour.product_ids(np.asarray(codes, np.int32))


def test_texts_have_the_published_siphash() -> None:
    # The vector of the paper's appendix: 15 bytes 00 to 0e under the key 00 to 0f.
    out = np.empty(1, np.uint64)
    hash_texts(np.array([0, 15], np.int32), np.arange(15, dtype=np.uint8), np.uint64(0), out)
    assert int(out[0]) == 0xA129CA6149BE45E5


def test_nothing_known_answers_nothing_and_takes_nothing() -> None:
    behaviour = Behaviour()
    behaviour.add(table([]))
    behaviour.compact()
    behaviour.forget({"u": datetime.now(UTC)})
    assert behaviour.nbytes < 100_000
    assert behaviour.event_count == behaviour.items == 0
    assert behaviour.code("a") is None
    assert len(behaviour.history(Shopper("u", "s"))) == 0
    for nobody in (Shopper(None, "s"), Shopper(None, None)):
        done = behaviour.done(nobody)
        assert len(done.seen) == len(done.purchased) == len(done.disliked) == 0
    assert len(behaviour.together(0, kind="bought")) == 0
    assert len(behaviour.trending(NOW, DAY)[0]) == len(behaviour.popular()[0]) == 0
    codes = np.array([-1, 0, 7], np.int32)
    assert [part.tolist() for part in behaviour.exposures(codes)] == [[0, 0, 0], [0, 0, 0]]
    assert np.isnan(behaviour.first_seen(codes)).all()


def test_rows_that_cannot_be_used_are_left_out() -> None:
    rows = table([Event("1", user="u"), Event("2"), Event("3", user="u"), Event("4", user="u", item="b")])
    column = pa.array(["view", "view", "teleport", "view"])
    behaviour = Behaviour(clock=lambda: NOW)
    behaviour.add(rows.set_column(1, "type", column))
    assert behaviour.event_count == 2
    assert ids(behaviour, behaviour.done(Shopper("u", None)).seen) == ["a", "b"]


def test_a_rating_weighs_as_much_as_its_stars() -> None:
    stars = [0.0, 2.5, 5.0]
    behaviour = made([Event(str(s), "rating", user="u", time=NOW + s, rating=s) for s in stars])
    held = behaviour.history(Shopper("u", None))
    assert held.weights.tolist() == [-3.0, 0.0, 3.0]
    assert held.types.tolist() == [TYPE_CODES["rating"]] * 3


def test_a_login_brings_what_the_visit_did_and_a_later_one_takes_what_came_between() -> None:
    behaviour = made(
        [Event("1", item="a", session="s", time=NOW), Event("2", item="b", session="s", time=NOW + 10)]
    )
    assert len(behaviour.history(Shopper("u", None))) == 0
    # Logging in during a request: what nobody owns of the visit is theirs already.
    assert ids(behaviour, behaviour.history(Shopper("u", "s")).items) == ["a", "b"]
    behaviour.add(table([Event("3", item="c", user="u", session="s", time=NOW + 20)]))
    assert ids(behaviour, behaviour.history(Shopper("u", "other device")).items) == ["a", "b", "c"]
    # Late, from another person before: what was done until then was theirs.
    behaviour.add(table([Event("4", "search", None, user="v", session="s", time=NOW + 5)]))
    assert ids(behaviour, behaviour.history(Shopper("u", None)).items) == ["b", "c"]
    assert ids(behaviour, behaviour.history(Shopper("v", None)).items) == ["a"]
    assert ids(behaviour, behaviour.history(Shopper(None, "s")).items) == ["a", "b", "c"]


def test_a_session_that_is_a_machines_is_joined_to_nobody() -> None:
    login = Event("login", "search", None, user="u", session="s", time=NOW + 1)
    visit = [Event(str(n), item="a", session="s", time=NOW - n) for n in range(JOINED)]
    behaviour = made([*visit[: JOINED - 1], login])
    assert len(behaviour.history(Shopper("u", None), 5_000)) == JOINED - 1
    behaviour.add(table([visit[-1]]))
    for _ in range(2):
        assert len(behaviour.history(Shopper("u", None), 5_000)) == 0
        assert len(behaviour.history(Shopper(None, "s"), 5_000)) == JOINED
        assert behaviour.together(0, kind="viewed").of_item == 1
        behaviour.compact()
    behaviour.add(table([Event("more", item="b", session="s", time=NOW + 2)]))
    assert behaviour.history(Shopper("nobody", "s"), 5_000).items[-1] == behaviour.code("b")


def test_a_long_history_is_cut_to_its_latest() -> None:
    count = 20_000
    behaviour = made([Event(str(n), item=f"i{n % 50}", user="u", time=NOW - n) for n in range(count)])
    behaviour.add(table([Event("late", item="late", user="u", time=NOW - 100.5)]))
    held = behaviour.history(Shopper("u", None))
    assert len(held) == 500
    assert held.times[-1] == NOW
    assert (np.diff(held.times) > 0).all()
    assert behaviour.code("late") in held.items
    assert len(behaviour.done(Shopper("u", None)).seen) == 51
    counts = behaviour.together(0, kind="viewed")
    assert (counts.both == 1).all()
    assert counts.sampled == 1


def test_together_looks_at_the_latest_shoppers_and_their_latest_events() -> None:
    old = [Event(f"{u}{i}", item=i, user=u, time=NOW - 50) for u in "pq" for i in ("a", f"of {u}")]
    new = [Event("r1", item="a", user="r", time=NOW - 9), Event("r2", item="of r", user="r", time=NOW - 8)]
    behaviour = made(
        [*old, *new, *(Event(f"x{n}", item="filler", user="r", time=NOW - n / 99) for n in range(200))]
    )
    code = behaviour.code("a")
    assert code is not None
    assert ids(behaviour, behaviour.together(code, kind="viewed", limit=1).codes) == ["filler"]
    assert set(ids(behaviour, behaviour.together(code, kind="viewed").codes)) == {"of p", "of q", "filler"}


def test_clocks_of_1970_and_2100_break_no_arithmetic() -> None:
    behaviour = made(
        [
            Event("old", item="old", user="u", time=0.0, received=NOW),
            Event("new", item="new", user="u", time=NOW - DAY),
            # The shopper's clock is ahead: it counts from when it arrived.
            Event("ahead", item="ahead", user="u", time=YEAR_2100, received=NOW - DAY),
            # A service's clock is ahead: it is not believed.
            Event("mad", item="mad", user="u", time=YEAR_2100, received=YEAR_2100),
        ]
    )
    codes, weights = behaviour.trending(NOW, DAY)
    found = dict(zip(ids(behaviour, codes), weights.tolist(), strict=True))
    assert found == {"new": pytest.approx(0.5), "ahead": pytest.approx(0.5)}
    for now in (-1e18, 0.0, YEAR_2100, 1e18):
        for half_life in (1e-9, 60.0, 1e12):
            assert np.isfinite(behaviour.trending(now, half_life)[1]).all()
    assert behaviour.first_seen(np.array([behaviour.code("old")], np.int32)).tolist() == [0.0]
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="half-life"):
            behaviour.trending(NOW, bad)
    with pytest.raises(ValueError, match="moment"):
        behaviour.trending(float("nan"), DAY)


def test_a_trend_goes_on_for_years() -> None:
    moment = [NOW]
    behaviour = Behaviour(clock=lambda: moment[0])
    events = []
    for day in range(0, 90, 3):
        moment[0] = NOW + day * DAY
        events.append(Event(str(day), item="a", user="u", time=moment[0]))
        behaviour.add(table(events[-1:]))
        weights = behaviour.trending(moment[0], DAY)[1]
        assert weights.tolist() == pytest.approx([Oracle(events).weight("a", moment[0], DAY)], rel=1e-6)


def test_six_half_lives_are_kept_and_the_first_two_always() -> None:
    behaviour = made([Event("1", user="u", time=NOW - DAY)])
    for half_life in (*(DAY * n for n in range(2, 12)), DAY, 7 * DAY):
        weights = behaviour.trending(NOW, half_life)[1]
        assert weights.tolist() == pytest.approx([2.0 ** (-DAY / half_life)])
    assert len(behaviour._half_lives) == 6
    assert behaviour._half_lives[:2] == module.HALF_LIVES


def test_what_is_too_old_goes_when_the_base_is_made() -> None:
    moment = [NOW]
    behaviour = Behaviour(keep_days=30, clock=lambda: moment[0])
    behaviour.add(
        table([Event("1", user="u", time=NOW - 29.5 * DAY), Event("2", item="b", user="u", time=NOW)])
    )
    behaviour.tidy()
    assert behaviour.event_count == 2
    moment[0] += 1.1 * DAY
    behaviour.tidy()
    assert ids(behaviour, behaviour.history(Shopper("u", None)).items) == ["b"]


def test_many_at_once_are_as_one_by_one() -> None:
    events = [
        Event(
            str(n), item=f"i{n * 7 % 31}", user=f"u{n % 997}", session=f"s{n % 1_499}", time=NOW - n % 5_000
        )
        for n in range(module._BULK + 1)
    ]
    whole, parts = made(events), Behaviour(clock=lambda: NOW)
    for some in _parts(events, 1_000):
        parts.add(table(some))
    assert whole.event_count == parts.event_count == len(events)
    for one, other in (
        (whole.popular(), parts.popular()),
        (whole.trending(NOW, DAY), parts.trending(NOW, DAY)),
    ):
        assert dict(zip(ids(whole, one[0]), one[1].tolist(), strict=True)) == dict(
            zip(ids(parts, other[0]), other[1].tolist(), strict=True)
        )
    for item in ("i0", "i30"):
        found = [b.together(b.code(item) or 0, kind="viewed") for b in (whole, parts)]
        assert found[0].of_item == found[1].of_item
        assert dict(zip(ids(whole, found[0].codes), found[0].both.tolist(), strict=True)) == dict(
            zip(ids(parts, found[1].codes), found[1].both.tolist(), strict=True)
        )


def test_what_comes_while_the_base_is_made_is_in_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    behaviour = made([Event("1", session="s")])
    arranged = module.arranged

    def slowly(*args: Any, **options: Any) -> Any:
        found = arranged(*args, **options)
        adding = threading.Thread(
            target=behaviour.add, args=(table([Event("2", item="b", user="u", session="s")]),)
        )
        adding.start()
        adding.join(60)
        assert ids(behaviour, behaviour.history(Shopper("u", None)).items) == ["a", "b"]
        return found

    monkeypatch.setattr(module, "arranged", slowly)
    behaviour.compact()
    assert ids(behaviour, behaviour.history(Shopper("u", None)).items) == ["a", "b"]
    assert behaviour.event_count == 2


def test_the_base_is_made_anew_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RECENT", 10)
    behaviour = Behaviour(clock=lambda: NOW)
    events = [Event(str(n), item=f"i{n}", user=f"u{n % 3}", time=NOW - n) for n in range(200)]
    for some in _parts(events, 5):
        behaviour.add(table(some))
    for thread in threading.enumerate():
        if thread.name == "mmpipe-behaviour":
            thread.join(60)
    assert behaviour._state.base > 0
    assert behaviour.event_count == 200
    assert len(behaviour.done(Shopper("u0", None)).seen) == 67


def test_whoever_asks_meanwhile_gets_each_event_once() -> None:
    visit = [Event(f"v{n}", item=f"i{n}", session="s", time=NOW + n) for n in range(300)]
    behaviour = made(visit)
    faults: list[object] = []
    ends = threading.Event()

    def ask() -> None:
        while not ends.is_set():
            # A login moves the whole visit to another owner: never half, never twice.
            for shopper in (Shopper("u", "s"), Shopper("w", "s")):
                found = len(set(behaviour.history(shopper).items.tolist()))
                if found not in (0, 300):
                    faults.append((shopper, found))
            if len(behaviour.history(Shopper(None, "s"))) != 300:
                faults.append("session")

    asking = threading.Thread(target=ask)
    asking.start()
    for n in range(40):
        user = "uw"[n % 2]
        behaviour.add(
            table([Event(f"l{n}", "search", None, user=user, session="s", time=NOW + 400 - n / 10)])
        )
        if n % 10 == 9:
            behaviour.compact()
    ends.set()
    asking.join(60)
    assert not faults


def _parts(events: list[Event], size: int) -> list[list[Event]]:
    return [events[at : at + size] for at in range(0, len(events), size)]
