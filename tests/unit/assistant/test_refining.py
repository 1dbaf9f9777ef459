"""Turns that go on from what was shown: another value, another size, the next of the same, side by side."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from examples.catalogue.products import generate_products
from tests.unit.assistant.conftest import Talk

HELD = {each.id: each for each in generate_products() if each.category in ("boots", "dress", "mug")}
Begin = Callable[..., Talk]


@pytest.mark.parametrize(("first", "then"), [("mugs", "not that brand"), ("马克杯", "换个牌子")])
def test_another_brand_is_none_of_those_that_were_shown(talk: Begin, first: str, then: str) -> None:
    begun = talk()
    shown = {HELD[each].brand for each in begun.ids(first)}
    found = {HELD[each].brand for each in begun.ids(then, limit=10)}
    assert found
    assert not found & shown


def test_another_value_of_what_was_wished_for_is_any_but_that(talk: Begin) -> None:
    begun = talk()
    begun.say("glass mugs")
    found = [HELD[each] for each in begun.ids("a different material", limit=10)]
    assert found
    assert {each.category for each in found} == {"mug"}
    assert "glass" not in {each.material for each in found}


def test_what_may_be_anything_is_wished_for_no_more(talk: Begin) -> None:
    begun = talk()
    begun.say("red boots under 80 dollars")
    begun.say("any colour is fine")
    assert {each.field for each in begun.say("the price doesn't matter").wishes} == {"text"}


@pytest.mark.parametrize(
    ("first", "then", "size"), [("boots in 38", "one size up", "39"), ("38码的靴子", "小一码", "37")]
)
def test_the_next_size_is_the_next_that_there_is(talk: Begin, first: str, then: str, size: str) -> None:
    begun = talk()
    assert {HELD[each].size for each in begun.ids(first, limit=10)} == {"38"}
    assert {HELD[each].size for each in begun.ids(then, limit=10)} == {size}


def test_beyond_the_last_size_there_is_none(talk: Begin) -> None:
    begun = talk()
    begun.say("boots in 43")
    found = begun.say("one size up")
    assert found.declined == "nothing_found"
    assert "43" in {claim.value for claim in found.claims}


@pytest.mark.parametrize(("first", "then"), [("boots", "皮的"), ("连衣裙", "换成棉的")])
def test_a_material_is_known_by_its_character(talk: Begin, first: str, then: str) -> None:
    begun = talk()
    begun.say(first)
    materials = {HELD[each].material for each in begun.ids(then, limit=10)}
    assert materials in ({"leather"}, {"cotton"})


def test_what_was_said_last_holds_where_not_all_can(talk: Begin) -> None:
    begun = talk()
    begun.say("rubber boots")
    found = begun.say("in navy")
    assert {HELD[each.id].colour for each in found.products} == {"navy"}
    assert found.relaxed == ["material: rubber"]


def test_what_was_said_last_holds_where_all_before_is_in_the_way(talk: Begin) -> None:
    begun = talk()
    begun.say("suede boots in 42")
    begun.say("white ones")
    found = begun.say("what about rubber")
    assert {HELD[each.id].material for each in found.products} == {"rubber"}
    assert found.relaxed


def test_any_in_a_colour_looks_for_others(talk: Begin) -> None:
    begun = talk()
    begun.say("leather boots", limit=1)
    found = begun.say("any in red?", limit=10)
    assert {HELD[each.id].colour for each in found.products} == {"red"}


def test_what_was_left_out_is_told_in_the_language_of_the_answer(talk: Begin) -> None:
    begun = talk()
    begun.say("橡胶的靴子")
    found = begun.say("要藏青色的")
    assert {HELD[each.id].colour for each in found.products} == {"navy"}
    assert found.relaxed == ["材质：rubber"]
    assert "material" not in found.text


def test_what_something_has_names_no_category(talk: Begin) -> None:
    begun = talk()
    begun.say("boots")
    found = begun.ids("with laces", limit=10)
    assert found
    assert {HELD[each].category for each in found} == {"boots"}


def test_products_like_one_are_found_without_itself(talk: Begin) -> None:
    begun = talk()
    shown = begun.ids("boots")
    found = begun.ids("show me others like the second one")
    assert found
    assert shown[1] not in found


def test_a_bound_beside_too_dear_is_one(talk: Begin) -> None:
    begun = talk()
    begun.say("boots")
    found = begun.ids("too expensive, say 100", limit=10)
    assert found
    assert max(HELD[each].price for each in found) <= 100


def test_of_several_clauses_the_last_one_decides_where_all_find_nothing(talk: Begin) -> None:
    begun = talk()
    begun.say("boots")
    assert {HELD[each].category for each in begun.ids("never mind those, show me mugs")} == {"mug"}


def test_two_things_are_compared_at_once(talk: Begin) -> None:
    found = talk().say("Halvard Dome or Halvard Trek: which is lighter and which is cheaper?")
    assert [(row.aspect, row.winner) for row in found.comparison] == [
        ("weight", "tent-trek"),
        ("price", "tent-dome"),
    ]


@pytest.mark.parametrize("asked", ["which of them has a backlight?", "哪款有背光"])
def test_of_which_of_them_something_is_said_is_told_of_all(talk: Begin, asked: str) -> None:
    begun = talk()
    begun.say("e-readers")
    found = begun.say(asked)
    (row,) = found.comparison
    assert (list(row.claims), row.winner) == (["reader-six"], None)


@pytest.mark.parametrize("asked", ["which of them is quieter?", "哪款更安静"])
def test_what_none_of_them_says_is_said(talk: Begin, asked: str) -> None:
    begun = talk()
    begun.say("e-readers")
    found = begun.say(asked)
    assert (found.kind, found.declined, found.comparison) == ("decline", "not_said", [])


def test_a_comparison_goes_on_with_those_that_were_compared(talk: Begin) -> None:
    begun = talk()
    begun.say("compare Inkling One and Inkling Max")
    (row,) = begun.say("and who wins on storage?").comparison
    assert (set(row.claims), row.winner) == ({"reader-six", "reader-eight"}, "reader-eight")
    found = begun.say("the lighter one, what is its screen size?")
    assert [each.id for each in found.products] == ["reader-six"]


def test_a_part_of_a_name_is_not_another_product(talk: Begin) -> None:
    begun = talk()
    begun.say("Zephlin Slim power bank")
    found = begun.say("Arcwell Max or Zephlin Solar, which is heavier?")
    assert {each.id for each in found.products} == {"pb-volt-20", "pb-sun"}


def test_how_long_drinks_stay_hot_is_compared(talk: Begin) -> None:
    found = talk().say("Isbrand Trail flask or Isbrand Camp flask, which keeps drinks hot longer?")
    assert [row.winner for row in found.comparison] == ["flask-lg"]


def test_two_things_are_told_of_one_product(talk: Begin) -> None:
    found = talk().say("what is the weight and the price of the Skyrill Mini drone?")
    assert {"249 g", "159.00 USD"} <= {claim.value for claim in found.claims}
