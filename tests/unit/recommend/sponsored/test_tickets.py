"""Tickets: what a query_id says of the places that were sold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.objects import MemoryStore
from mmpipe.recommend.sponsored.tickets import (
    MAX_PLACES,
    Placement,
    Tickets,
    is_current,
    looks_sealed,
    open_key,
)

NOW = datetime(2026, 11, 29, 23, 59, 30, tzinfo=UTC)
SHOP = Tickets(b"k" * 32, "shop")


@given(
    places=st.lists(
        st.tuples(st.text(min_size=1, max_size=128), st.integers(0, 99), st.integers(1, 10**12)),
        min_size=1,
        max_size=MAX_PLACES,
        unique_by=lambda place: place[0],
    )
)
def test_every_place_comes_back(places: list[tuple[str, int, int]]) -> None:
    sold = [Placement(product_id, position, price, "USD") for product_id, position, price in places]
    query_id = SHOP.seal(sold, NOW)
    assert len(query_id) <= 128
    assert looks_sealed(query_id)
    opened = [SHOP.open(query_id, each.product_id) for each in sold]
    assert [ticket.placement for ticket in opened if ticket] == sold
    assert {ticket.day for ticket in opened if ticket} == {"2026-11-29"}
    assert len({ticket.digest for ticket in opened if ticket}) == len(sold)
    assert SHOP.open(query_id, "another product" * 3) is None


def test_nobody_else_makes_or_changes_one() -> None:
    query_id = SHOP.seal([Placement("a", 0, 500_000, "USD"), Placement("b", 3, 10_000, "USD")], NOW)
    assert Tickets(b"x" * 32, "shop").open(query_id, "a") is None
    assert Tickets(b"k" * 32, "other").open(query_id, "a") is None
    cheaper = query_id.replace("-apsw-", "-1-")
    assert cheaper != query_id
    assert SHOP.open(cheaper, "a") is None
    parts = query_id.split(".")
    later = ".".join([parts[0], parts[1], parts[2] + "0", *parts[3:]])
    assert SHOP.open(later, "a") is None
    # The hash of another product's place does not fit.
    assert SHOP.open(query_id, "c") is None


def test_what_is_put_behind_the_places_is_no_other_place() -> None:
    query_id = SHOP.seal([Placement("a", 0, 500_000, "USD")], NOW)
    first, again = SHOP.open(query_id, "a"), SHOP.open(f"{query_id}.0-1-AAAAAAAAAAA", "a")
    assert first is not None
    assert again is not None
    assert first.digest == again.digest


@given(
    st.one_of(st.text(max_size=200), st.from_regex(r"sp1\.[A-Za-z0-9_-]{8}\.[0-9a-z]{6}\.USD\.[\x00-\xff]*"))
)
def test_hostile_ids_are_none(query_id: str) -> None:
    assert SHOP.open(query_id, "a") is None
    assert SHOP.open(query_id, "\ud800") is None
    assert SHOP.open(None, None) is None


def test_what_cannot_be_sealed() -> None:
    place = Placement("a", 0, 1, "USD")
    for places in ([], [place] * (MAX_PLACES + 1), [place, Placement("b", 1, 1, "EUR")]):
        with pytest.raises(ValueError, match="1 to 4 places in one currency"):
            SHOP.seal(places, NOW)


def test_old_ones_and_those_of_clocks_ahead() -> None:
    ticket = SHOP.open(SHOP.seal([Placement("a", 0, 1, "USD")], NOW), "a")
    assert ticket is not None
    assert is_current(ticket, NOW, 24)
    assert is_current(ticket, NOW + timedelta(hours=23), 24)
    assert not is_current(ticket, NOW + timedelta(hours=25), 24)
    assert not is_current(ticket, NOW - timedelta(hours=1), 24)


def test_the_key_is_made_once() -> None:
    store = MemoryStore()
    key = open_key(store, "memory://lake")
    assert len(key) == 32
    assert open_key(store, "memory://lake") == key
