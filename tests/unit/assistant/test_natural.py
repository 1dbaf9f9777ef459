"""Turns as people say them: a story around what is looked for, sizes and prices in words, other variants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import pytest

from examples.catalogue.products import SampleProduct, generate_products
from tests.unit.assistant.conftest import Talk, Written

HELD = {each.id: each for each in generate_products() if each.category in ("boots", "mug")}
Begin = Callable[..., Talk]


def test_of_a_story_what_is_looked_for_is_found(talk: Begin) -> None:
    found = talk().ids("my old boots fell apart last week, I need new ones, rubber if possible", limit=10)
    assert found
    assert {(HELD[each].category, HELD[each].material) for each in found} == {("boots", "rubber")}


@pytest.mark.parametrize("asked", ["boots below a hundred dollars", "一百美元以内的靴子"])
def test_prices_in_words_are_prices(talk: Begin, asked: str) -> None:
    found = talk().ids(asked, limit=10)
    assert found
    assert all(HELD[each].price <= 100 for each in found)


@pytest.mark.parametrize(("first", "size"), [("boots", "in 42"), ("靴子", "42的呢")])
def test_a_size_by_itself_is_one_where_the_catalogue_has_it(talk: Begin, first: str, size: str) -> None:
    begun = talk()
    begun.say(first)
    found = begun.ids(size, limit=10)
    assert found
    assert {HELD[each].size for each in found} == {"42"}


@pytest.mark.parametrize(
    ("first", "dearer"),
    [("mugs under 15 dollars", "more expensive ones?"), ("15美元以内的马克杯", "贵一点的")],
)
def test_dearer_goes_beyond_the_price_that_was_named(talk: Begin, first: str, dearer: str) -> None:
    begun = talk()
    shown = begun.ids(first)
    found = begun.ids(dearer, limit=10)
    assert found
    assert min(HELD[each].price for each in found) > max(HELD[each].price for each in shown)


def _pair() -> tuple[SampleProduct, SampleProduct]:
    """Two boots that differ in their colour alone."""
    groups: dict[str, list[SampleProduct]] = defaultdict(list)
    for each in HELD.values():
        if each.category == "boots":
            groups[each.item_group_id].append(each)
    one, other = next(group for group in groups.values() if len(group) > 1)[:2]
    return one, other


def test_another_colour_of_the_one_that_is_meant_is_its_variant(talk: Begin) -> None:
    one, other = _pair()
    begun = talk()
    assert begun.ids(one.title_en, limit=1) == [one.id]
    assert begun.ids(f"has that one got a {other.colour} version?") == [other.id]


def test_without_a_variant_the_product_says_what_it_is(talk: Begin) -> None:
    begun = talk()
    begun.say("how much does the Nimbra Featherlight rain jacket weigh?")
    found = begun.say("does this one come in black?")
    assert [each.id for each in found.products] == ["rain-light"]
    assert "blue" in {claim.value for claim in found.claims}


def test_what_buyers_did_not_like_is_asked_in_many_ways(talk: Begin) -> None:
    said = [("tent-dome", "r1", "Quick to set up."), ("tent-dome", "r2", "The zip got stuck twice.")]
    found = talk(Written(*said)).say("have people had trouble with the zip of the Halvard Dome?")
    assert (found.kind, found.declined) == ("reviews", None)
    assert [claim.value for claim in found.claims if claim.field == "reviews.r2"]
    assert not [claim for claim in found.claims if claim.field == "reviews.r1"]


@pytest.mark.parametrize(
    ("asked", "value"),
    [
        ("Emberly取暖器能加热多大的房间", "20平方米"),
        ("Isbrand露营保温壶能保温多长时间", "24小时"),
        ("Will the Inkling Max survive a bath?", "bath"),
    ],
)
def test_a_sentence_that_says_it_is_found_by_the_words_that_matter(
    talk: Begin, asked: str, value: str
) -> None:
    found = talk().say(asked)
    assert found.kind == "attribute", found.text
    assert any(value in claim.value for claim in found.claims)
