"""The report, against counting one by one."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from mmpipe.analytics.figures import wilson, wilson_high
from mmpipe.analytics.report import COLUMNS, Period, report_of
from mmpipe.schemas.analytics import AnalyticsReport
from tests.unit.analytics.shop import HOUR, NOW, event, events, grouped, search, searches

BOUNDS = {"ctr_low", "ctr_high"}


def made(rows: list[dict[str, Any]], done: list[dict[str, Any]], limit: int = 100) -> AnalyticsReport:
    period = Period(NOW - timedelta(days=30), NOW, limit)
    table = searches(rows).select(COLUMNS)
    return report_of(table, events(done), period, collection="shop", min_searches=3)


def plain(figures: Any, *without: str) -> dict[str, Any]:
    return figures.model_dump(exclude=BOUNDS | set(without))


def invented(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    draw = random.Random(seed)
    rows = []
    for number in range(draw.choice([1, 5, 300])):
        words = draw.choice(["boots", "红色连衣裙", "hat", "lamp", f"rare {number}", None])
        kind = "query" if words else draw.choice(["none", "address", "number", "rare"])
        first = draw.random() < 0.8
        rows.append(
            search(
                f"q{number}" if first else f"q{draw.randrange(number + 1)}",
                words if first else None,
                first=first,
                kind=kind if first else "page",
                at=NOW - draw.randrange(5) * timedelta(hours=17),
                total=draw.choice([0, 1, 50]),
                ms=draw.choice([0.5, 1.0, 2.0, 8.0, 16.0]),
                language=draw.choice(["zh", "en"]),
                modalities=draw.choice(["text", "image", "text+image"]),
                marks=draw.sample(["filtered", "corrected", "relaxed"], draw.randrange(3)),
                rules=draw.sample(["summer", "winter"], draw.randrange(3)),
            )
        )
    done = [
        event(
            draw.choice(["view", "search-click", "add-to-cart", "purchase", "like", "impression"]),
            draw.choice([None, f"q{draw.randrange(400)}", f"q{draw.randrange(40)}"]),
            draw.choice(["p", "q", "r"]),
            user=draw.choice([None, "u", "v"]),
            session=draw.choice(["s", "t"]),
            position=draw.choice([None, 0, 1, 7]),
            occurred_at=NOW + draw.randrange(200) * HOUR,
        )
        for _ in range(draw.choice([0, 600]))
    ]
    return rows, done


@pytest.mark.parametrize("seed", range(12))
def test_every_figure_is_what_counting_says(seed: int) -> None:
    rows, done = invented(seed)
    found = made(rows, done)
    firsts = [row for row in rows if row["first"]]
    often = Counter(row["query"] for row in firsts if row["query"])

    def query(row: dict[str, Any]) -> tuple[str | None, str]:
        if row["query"] is None:
            return None, row["kind"]
        return (row["query"], "query") if often[row["query"]] >= 3 else (None, "rare")

    if not firsts:
        assert found.overall is None
        return
    assert plain(found.overall) == grouped(rows, done, lambda row: "all")["all"]
    told = {(line.query, line.kind): plain(line, "query", "kind") for line in (*found.top, *found.unnamed)}
    assert told == grouped(rows, done, query)
    assert found.queries == len(found.top)
    by_day = {line.day: plain(line, "day") for line in found.days}
    assert by_day == grouped(rows, done, lambda row: row["at"].date())
    for lines, by in (
        (found.languages, lambda row: row["language"]),
        (found.modalities, lambda row: row["modalities"]),
        (found.marks, lambda row: row["marks"]),
        (found.rules, lambda row: row["rules"]),
    ):
        assert {line.name: plain(line, "name") for line in lines} == grouped(rows, done, by)


@pytest.mark.parametrize("seed", [2, 5])
def test_lists_are_in_the_order_that_they_say(seed: int) -> None:
    rows, done = [], []
    draw = random.Random(seed)
    for number in range(600):
        name = draw.choice("abcdefgh")
        rows.append(
            search(f"q{number}", name, total=draw.choice([0, 1]) if name in "abc" else 9, ms=draw.random())
        )
        if draw.random() < (ord(name) - 96) / 10:
            done.append(event("search-click", f"q{number}"))
    found = made(rows, done)
    assert [line.searches for line in found.top] == sorted(
        (line.searches for line in found.top), reverse=True
    )
    assert [line.query for line in found.without_results] == sorted(
        "abc", key=lambda name: -next(line.empty for line in found.top if line.query == name)
    )
    bounds = [line.ctr_high for line in found.worst_ctr]
    assert bounds == sorted(bounds)
    assert len(bounds) == 8
    times = [line.p95_ms for line in found.slow]
    assert times == sorted(times, reverse=True)
    cut = made(rows, done, limit=3)
    assert (cut.top, cut.slow, cut.worst_ctr) == (found.top[:3], found.slow[:3], found.worst_ctr[:3])


def test_what_was_searched_seldom_is_named_nowhere() -> None:
    rows = [
        search("a", "my name"),
        search("b", "my name"),
        *(search(f"c{n}", "boots", total=0) for n in range(3)),
    ]
    found = made(rows, [])
    assert "my name" not in found.model_dump_json()
    assert [(line.kind, line.searches) for line in found.unnamed] == [("rare", 2)]
    assert [line.query for line in found.without_results] == ["boots"]
    assert found.worst_ctr == []


def test_a_purchase_that_names_no_query_is_the_last_clicks() -> None:
    rows = [search("one", "a"), search("two", "b"), search("three", "c")]
    done = [
        event("search-click", "one", occurred_at=NOW),
        event("search-click", "two", occurred_at=NOW + HOUR),
        event("search-click", "three", user="other", occurred_at=NOW + HOUR),
        event("purchase", None, occurred_at=NOW + 2 * HOUR),
    ]
    found = grouped(rows, done, lambda row: row["query_id"])
    assert [found[name]["purchases"] for name in ("one", "two", "three")] == [0, 1, 0]
    assert made(rows, done).overall.purchases == 1  # type: ignore[union-attr]
    late = [*done[:3], event("purchase", None, occurred_at=NOW + 26 * HOUR)]
    assert made(rows, late).overall.purchases == 0  # type: ignore[union-attr]
    # A session goes on after the shopper has logged in.
    anonymous = event("search-click", "one", user=None, session="s", occurred_at=NOW)
    bought = event("purchase", None, user="u", session="s")
    assert made(rows, [anonymous, bought]).overall.purchases == 1  # type: ignore[union-attr]
    stranger = event("purchase", None, user="x", session="t")
    assert made(rows, [anonymous, stranger]).overall.purchases == 0  # type: ignore[union-attr]


def test_events_of_searches_that_are_not_known_are_told() -> None:
    found = made(
        [search("a")], [event("search-click", "gone"), event("purchase", "gone"), event("view", None)]
    )
    assert (found.unknown_events, found.overall.clicks) == (2, 0)  # type: ignore[union-attr]


def test_nothing_was_searched() -> None:
    found = made([], [event("search-click", "gone")])
    assert found.overall is None
    assert (found.days, found.top, found.unnamed, found.unknown_events) == ([], [], [], 1)


def test_a_period_is_whole_days_and_today() -> None:
    period = Period.of(7, 10, NOW)
    assert (period.since.isoformat(), period.now) == ("2026-03-25T00:00:00+00:00", NOW)


@given(st.integers(0, 2_000), st.integers(0, 2_000))
def test_bounds_are_wilsons(successes: int, others: int) -> None:
    trials = successes + others
    low, high = wilson(successes, trials)
    if not trials:
        assert (low, high) == (None, None)
        return
    expected = binomtest(successes, trials).proportion_ci(0.95, "wilson")
    assert (low, high) == (pytest.approx(expected.low, abs=1e-9), pytest.approx(expected.high, abs=1e-9))
    import numpy as np

    assert wilson_high(np.array([successes]), np.array([trials]))[0] == pytest.approx(high, abs=1e-12)
