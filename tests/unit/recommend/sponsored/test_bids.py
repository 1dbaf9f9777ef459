"""The file of bids: what is taken, and how a bad line is named."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.errors import CommitConflict, InvalidRequest, StorageUnavailable
from mmpipe.objects import MemoryStore
from mmpipe.recommend.sponsored import BidFile, parse_bids
from mmpipe.recommend.sponsored.bids import NO_BIDS

GOOD = {"product_id": "SKU-1", "bid": "0.50 USD", "daily_budget": "20 USD"}


def lines(*given: object) -> bytes:
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in given).encode()


def test_a_whole_line() -> None:
    full = {
        **GOOD,
        "start": "2026-12-01",
        "end": "2026-12-24T18:00:00+01:00",
        "categories": ["Clothing > Dresses "],
        "keywords": ["Red Dress"],
    }
    bids = parse_bids(lines(full, "", {**GOOD, "product_id": "b", "bid": {"amount": 1, "currency": "USD"}}))
    assert bids.currency == "USD"
    bid = bids.by_product["SKU-1"]
    assert (bid.bid, bid.daily_budget) == (500_000, 20_000_000)
    assert bid.end - bid.start == 23 * 86_400 + 17 * 3_600
    assert bid.categories == ("clothing > dresses",)
    assert bid.targeted
    other = bids.by_product["b"]
    assert (other.bid, other.start, other.end) == (1_000_000, -math.inf, math.inf)
    assert not other.targeted


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"bid": "NaN USD"}, "bid.amount"),
        ({"bid": "inf USD"}, "bid.amount"),
        ({"bid": "-1 USD"}, "bid.amount"),
        ({"bid": "0 USD"}, "bid: 0 USD is not above 0"),
        ({"bid": "1e11 USD", "daily_budget": "1e11 USD"}, "bid: .* at most 1,000,000"),
        ({"bid": "1e99 USD"}, "bid.amount"),
        ({"bid": "0.0000001 USD"}, "bid: .* more than six decimals"),
        ({"bid": 0.5}, "bid: write an amount with its currency"),
        ({"bid": None}, "bid: write an amount with its currency"),
        ({"bid": "0.50"}, "bid.currency"),
        ({"bid": "0.50 dollars"}, "bid.currency"),
        ({"bid": "30 USD"}, "bid: 30 USD is more than the daily_budget"),
        ({"daily_budget": "20 EUR"}, "daily_budget: is in EUR"),
        ({"daily_budget": "1e10 USD"}, "daily_budget: .* at most 1,000,000,000"),
        ({"product_id": "../../x"}, "product_id"),
        ({"product_id": "x" * 200}, "product_id"),
        ({"start": "1970-01-01"}, "start: the year 1970"),
        ({"end": "2100-01-01"}, "end: the year 2100"),
        ({"start": 1_700_000_000}, "start: write a moment as"),
        ({"start": "yesterday"}, "start"),
        ({"start": "2026-12-02", "end": "2026-12-01"}, "end: is not after the start"),
        ({"start": "2026-12-01T10:00:00"}, "start"),
        ({"keywords": ["..."]}, "keywords: one of them holds no word"),
        ({"keywords": "red"}, "keywords"),
        ({"priority": 1}, "priority"),
    ],
)
def test_a_bad_field_is_named_with_its_line(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^bids: line 3, {complaint}"):
        parse_bids(lines(GOOD, "", {**GOOD, "product_id": "b", **change}))


@pytest.mark.parametrize(
    "text",
    [
        '{"product_id": "b", "bid": NaN, "daily_budget": "1 USD"}',
        '{"product_id": "b", "bid": Infinity}',
        "[1, 2]",
        "nonsense",
        "[" * 5_000,
        '{"product_id": "b"',
    ],
)
def test_a_line_that_is_no_object(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^bids: line 2: is no JSON object"):
        parse_bids(lines(GOOD, text))


def test_one_bid_a_product_and_one_currency() -> None:
    with pytest.raises(InvalidRequest, match="line 2, product_id: SKU-1 has a bid on line 1"):
        parse_bids(lines(GOOD, GOOD))
    euro = {"product_id": "b", "bid": "1 EUR", "daily_budget": "2 EUR"}
    with pytest.raises(InvalidRequest, match="line 2, bid: is in EUR, those before in USD"):
        parse_bids(lines(GOOD, euro))
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        parse_bids(b"\xff\xfe")


@given(st.binary(max_size=200))
def test_whatever_a_file_holds_it_is_bids_or_a_clear_error(data: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        assert len(parse_bids(data)) <= len(data)


def test_the_file_in_the_lake() -> None:
    store = MemoryStore()
    file, other = BidFile(store, "memory://lake/shop"), BidFile(store, "memory://lake/shop")
    assert file.read() is NO_BIDS
    assert file.text() == b""
    other.replace(lines(GOOD))
    first = file.read()
    assert set(first.by_product) == {"SKU-1"}
    store.calls.clear()
    assert file.read() is first
    assert dict(store.calls) == {"read_changed": 1}
    with pytest.raises(InvalidRequest, match="line 1"):
        other.replace(b"nonsense")
    assert file.read() is first
    other.replace(b"")
    assert len(file.read()) == 0
    store.delete("memory://lake/shop/bids.jsonl")
    assert file.read() is NO_BIDS
    store.write("memory://lake/shop/bids.jsonl", b"nonsense")
    with pytest.raises(StorageUnavailable, match="set the bids again"):
        file.read()


def test_two_who_set_bids_at_once() -> None:
    store = MemoryStore()
    BidFile(store, "memory://lake/shop").replace(lines(GOOD))
    store.fail_next("write", CommitConflict("changed"))
    with pytest.raises(CommitConflict):
        BidFile(store, "memory://lake/shop").replace(b"")
