"""What words compare by, read from single turns."""

from __future__ import annotations

import re

import pytest

from mmpipe.assistant.changing import changed, next_size
from mmpipe.assistant.comparatives import comparatives
from mmpipe.assistant.language import Language
from mmpipe.assistant.prices import spelled
from mmpipe.assistant.reading import read
from mmpipe.schemas.product import PublicProduct


@pytest.mark.parametrize(
    ("said", "key", "way"),
    [
        ("something less expensive", "price", "least"),
        ("that one is too heavy", "weight", "least"),
        ("not so heavy, please", "weight", "least"),
        ("whose battery lasts longer?", "battery", "most"),
        ("has it a bigger screen", "screen", "most"),
        ("which holds the least?", "room", "least"),
        ("a lower weight", "weight", "least"),
        ("could you go lower on price", "price", "least"),
        ("the wider of the two", "width", "most"),
        ("哪个轻", "weight", "least"),
        ("没那么重的", "weight", "least"),
        ("有点贵", "price", "least"),
        ("贵了点", "price", "least"),
        ("容量哪个大", "capacity", "most"),
        ("谁装得最多", "room", "most"),
        ("飞得久的", "battery", "most"),
        ("价格低一些", "price", "least"),
        ("屏幕小一点", "screen", "least"),
    ],
)
def test_a_property_and_a_degree_of_it_compare(said: str, key: str, way: str) -> None:
    (found,) = comparatives(said)
    assert (found.key, found.direction) == (key, way)


@pytest.mark.parametrize(
    "said",
    [
        "a large suitcase", "a lightweight wooden chair", "a lighter colour", "show me more",
        "how long is it?",
        "重量多少", "续航多久", "保修多久", "有多重", "要大号的", "小孩玩的", "多大",
    ],
)  # fmt: skip
def test_what_has_no_degree_compares_nothing(said: str) -> None:
    assert comparatives(said) == ()


def test_several_words_compare_by_several_things_in_their_order() -> None:
    found = comparatives("which is the cheapest and which the lightest?")
    assert [(each.key, each.best) for each in found] == [("price", True), ("weight", True)]


@pytest.mark.parametrize(
    ("said", "near"), [("which keeps drinks hot longer?", "drink|hot"), ("哪个保温久", "保温")]
)
def test_how_long_anything_goes_on_is_compared_by_what_goes_on(said: str, near: str) -> None:
    (found,) = comparatives(said)
    assert (found.key, found.near) == ("duration", near)


@pytest.mark.parametrize(
    ("said", "others", "free", "step"),
    [
        ("not that brand", ("brand",), (), 0),
        ("have you got it in other colours?", ("color",), (), 0),
        ("any brand is fine", (), ("brand",), 0),
        ("the size doesn't matter", (), ("size",), 0),
        ("one size up", (), (), 1),
        ("换个牌子", ("brand",), (), 0),
        ("有没有别的颜色", ("color",), (), 0),
        ("颜色无所谓", (), ("color",), 0),
        ("小一码", (), (), -1),
        ("any brand but Orbita", (), (), 0),
        ("what colours are there?", (), (), 0),
        ("什么颜色的有", (), (), 0),
    ],
)
def test_what_a_turn_changes(said: str, others: tuple[str, ...], free: tuple[str, ...], step: int) -> None:
    found = changed(said)
    assert (found.others, found.free, found.step) == (others, free, step)


def _sized(*sizes: str) -> list[PublicProduct]:
    return [PublicProduct(id=f"p{at}", title="Boots", size=size) for at, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("held", "step", "size"),
    [("M", 1, "L"), ("M", -1, "S"), ("40", 1, "41.5"), ("XL", 1, None)],
)
def test_the_next_size_is_of_the_same_kind(held: str, step: int, size: str | None) -> None:
    assert next_size(held, step, _sized("XL", "S", "39", "43", "L", "41.5", "M")) == size


@pytest.mark.parametrize(
    ("said", "spelt"),
    [
        ("max 400", "at most 400"),
        ("300 dollars tops", "at most 300 dollars"),
        ("I can't go past 950", "I at most 950"),
        ("a grand at the very most", "at most 1000"),
        ("最多三百", "300以内"),
        ("预算500元", "500元以内"),
        ("预算300到500", "预算300到500"),
    ],
)
def test_bounds_are_spelled_in_the_one_form_of_them(said: str, spelt: str) -> None:
    assert spelled(said) == spelt


@pytest.mark.parametrize(
    ("said", "shown", "compared", "intent"),
    [
        ("which is best?", 3, False, "compare"),
        ("这两个差在哪", 2, False, "compare"),
        ("and the price?", 3, True, "compare"),
        ("and the price?", 3, False, "attribute"),
        ("how much storage does the Inkling One have?", 3, True, "attribute"),
        ("is the Pro heavier?", 2, False, "compare"),
        ("a bit cheaper", 2, True, "refine"),
        ("do you have anything cheaper?", 2, True, "refine"),
        ("the second one", 3, False, "attribute"),
        ("the cheaper one, how much does it weigh?", 3, False, "attribute"),
        ("show me others like it", 3, False, "similar"),
        ("what do people like about it?", 3, False, "reviews"),
        ("不要这个牌子", 3, False, "refine"),
    ],
)
def test_what_a_turn_is_about(said: str, shown: int, compared: bool, intent: str) -> None:
    language: Language = "en" if said.isascii() else "zh"
    assert read(said, language, shown=shown, looks=True, compared=compared).intent == intent


@pytest.mark.parametrize("said", ["which keeps s longer?", "it stays ss longer", "which keeps s hot longer?"])
def test_what_lasts_longer_is_something_that_is_said(said: str) -> None:
    (found,) = comparatives(said)
    (aspect,) = found.aspects
    assert aspect.key == "duration"
    assert re.search(aspect.near, "for days") is None, "not everything"
