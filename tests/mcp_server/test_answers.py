"""Answers stay short whatever a catalogue holds, and say what is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.errors import InvalidRequest, UnknownCollection
from mmpipe.mcp_server.access import Caller
from mmpipe.mcp_server.answers import MAX_CHARS, fitted, shortened, written
from mmpipe.mcp_server.tools import plain


def test_what_fits_is_whole_and_what_is_empty_is_away() -> None:
    answer = {"total": 0, "note": "n", "rules": [], "redirect": None, "products": [], "facets": {"brand": {}}}
    assert fitted(answer) == {"total": 0, "note": "n", "products": [], "facets": {"brand": {}}}
    product = {"id": "1", "title": "t" * 5_000, "brand": None, "why": ""}
    assert fitted({"products": [product]}) == {"products": [{"id": "1", "title": "t" * 5_000}]}


def test_what_is_cut_says_how_much() -> None:
    assert shortened("abcdef", 4) == "abcd… [2 more characters]"
    products = [{"id": str(n), "title": "t" * 500, "text": "x" * 20_000} for n in range(20)]
    cut = fitted({"total": 20, "products": products})
    assert [each["id"] for each in cut["products"]] == [str(n) for n in range(20)]
    assert cut["products"][0]["title"] == "t" * 500
    assert cut["products"][0]["text"] == "x" * 500 + "… [19,500 more characters]"
    many = fitted({"list": [{"text": "y" * 1_000}] * 1_000})
    assert many["list"][-1].startswith("… ")
    assert many["list"][-1].endswith(" more are left out")


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.just("w" * 30_000)),
    lambda inner: st.one_of(st.lists(inner, max_size=12), st.dictionaries(st.text(), inner, max_size=12)),
    max_leaves=15,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(), values, max_size=12))
def test_no_answer_is_longer_than_the_bound(answer: dict[str, Any]) -> None:
    cut = fitted(answer)
    shown = written(cut)
    assert len(shown) <= MAX_CHARS
    assert json.loads(shown) == cut


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\U000e0041", "\U000e0101", "\u2028", "\x9b"])
def test_what_nobody_sees_is_written_out(hidden: str) -> None:
    shown = written({"title": f"灯 é {hidden}"})
    assert hidden not in shown
    assert "灯 é" in shown
    assert json.loads(shown) == {"title": f"灯 é {hidden}"}


def test_a_callers_collection() -> None:
    everything, one = Caller(), Caller(collections=frozenset({"a"}))
    both = Caller(frozenset({"search"}), frozenset({"a", "b"}))
    assert everything.collection(None) is None
    assert everything.collection("x") == "x"
    assert one.collection(None) == "a"
    with pytest.raises(UnknownCollection, match="name one of: a"):
        one.collection("b")
    with pytest.raises(InvalidRequest, match="name one of: a, b"):
        both.collection(None)
    with pytest.raises(InvalidRequest, match="no collection at all"):
        Caller(collections=frozenset()).collection(None)
    assert both.within(one) == Caller(frozenset({"search"}), frozenset({"a"}))
    assert one.within(everything) == one
    assert everything.within(one) == one


def test_schemas_lose_what_nobody_reads() -> None:
    schema = {
        "title": "Search",
        "properties": {
            "title": {
                "anyOf": [{"type": "string", "maxLength": 5, "title": "T"}, {"type": "null"}],
                "default": None,
            },
            "limit": {"type": "integer", "default": 10, "title": "Limit"},
        },
    }
    assert plain(schema) == {
        "properties": {"title": {"type": "string"}, "limit": {"type": "integer", "default": 10}}
    }
