"""What queries mean, by the values of a small catalogue."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.encoders import registry
from mmpipe.errors import InvalidRequest
from mmpipe.schemas.search import Filters, SearchRequest, SearchResponse
from mmpipe.search import Searcher, Version, encode
from mmpipe.search.find.meaning import LIFT, Meaning, meant
from mmpipe.search.find.synonyms import base
from mmpipe.search.find.values import Told, tell
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues

LOADED = registry.load("fake")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Version:
    folder = tmp_path_factory.mktemp("meaning") / "t"
    make = catalogues.product
    clothes, shoes, phones = "Clothing > Dresses", "Shoes > Sneakers", "Electronics > Phones"
    more = "Electronics > Accessories", "Clothing > Kurtas"
    products = [
        make("d1", "Red dress", price="40", color="Red", gender="Women", size="M", product_type=clothes),
        make("d2", "Red dress", price="90", color="red", gender="Women", size="L", product_type=clothes),
        make("d3", "Red dress", price="30", color="Red", gender="women", material="Cotton",
             product_type=clothes),
        make("d4", "Blue dress", price="60", color="Navy Blue", brand="Orange", product_type=clothes),
        make("s1", "Runner", price="80", brand="Nike", size="42", color="Orange", product_type=shoes),
        make("s2", "Runner", price="20", brand="Nike", size="43", color="Orange", product_type=shoes),
        make("k1", "Cotton kurta", price="15", brand="Red Tape", pattern="Striped", product_type=more[1]),
        make("p1", "Phone Nova", price="500", brand="Dolce & Gabbana", product_type=phones),
        make("p2", "Phone case", price="9", brand="L'Oréal", product_type=more[0]),
        make("o1", "Linen shirt", price="71", color="Off-White"),
        make("z1", "红色 连衣裙", price="25", color="红色", gender="女"),
        make("z2", "帽子", price="25", size="均码"),
        make("j1", "Denim", price="30", size="W32 L34", age_group="kids", product_type="Kids > Jeans"),
        make("j2", "Denim", price="30", size="2T", brand="Levi's", product_type="Kids > Jeans"),
        make("j3", "Tall shirt", price="75", size="X-Large", gender="Men"),
    ]  # fmt: skip
    halves = catalogues.rows_of(products[:5]), catalogues.rows_of(products[5:])
    return catalogues.version(catalogues.create(folder, *halves))


@pytest.fixture(scope="module")
def shoes(tmp_path_factory: pytest.TempPathFactory) -> Version:
    make = catalogues.product
    products = [
        make("a", "Runner", size="US 10"), make("b", "Trail runner", size="EUR 42 1/2"),
        make("c", "Court runner", size="UK 7,5"), make("d", "Canvas runner", size="11"),
        make("e", "Mountain runner", size="42.5 EU"),
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("sizes") / "t"
    return catalogues.version(catalogues.create(folder, catalogues.rows_of(products)))


@pytest.mark.parametrize(
    ("text", "value", "left"),
    [
        ("runner us 10", "US 10", "runner us 10"),
        ("us size 10 runner", "US 10", "us 10 runner"),
        ("runner size us10", "US 10", "runner us10"),
        ("runner 10 US", "US 10", "runner 10 US"),
        ("eu 42.5 runner", "42.5 EU", "eu 42.5 runner"),
        ("runner EU 42½", "42.5 EU", "runner EU 42½"),
        ("runner size EUR 42 1/2", "42.5 EU", "runner EUR 42 1/2"),
        ("runner uk 7.5", "UK 7,5", "runner uk 7.5"),
        ("us 11 runner", "11", "us 11 runner"),
    ],
)
def test_a_size_of_a_system(shoes: Version, text: str, value: str, left: str) -> None:
    found = meaning(shoes, text)
    assert found is not None
    assert [(part.field, part.value) for part in found.parts] == [("size", value)]
    assert found.text == left


@pytest.mark.parametrize("text", ["runner us 10-12", "runner 11 us", "eu 42 2/3 runner", "us 9 runner"])
def test_what_is_no_size_of_the_catalogue(shoes: Version, text: str) -> None:
    assert meaning(shoes, text) is None


def meaning(version: Version, text: str, **more: object) -> Meaning | None:
    searcher = Searcher(LOADED.profile, ServeSettings())
    return searcher.meaning(version, SearchRequest.model_validate({"text": text, **more}))


def parts(version: Version, text: str, **more: object) -> list[tuple[str, str, str]]:
    """Field, what it is, and the words that say so."""
    found = meaning(version, text, **more)
    if found is None:
        return []
    return [
        (part.field, part.value or part.name.removeprefix("price: "), text[part.start : part.end])
        for part in found.parts
    ]


def ask(version: Version, text: str, **more: object) -> SearchResponse:
    request = SearchRequest.model_validate({"text": text, "limit": 50, **more})
    searcher = Searcher(LOADED.profile, ServeSettings(vector_weight=0))
    answer = searcher.ask(version, request, lambda left: encode(left, LOADED, {}))
    return SearchResponse.model_validate_json(answer.body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("red dress under 50", [("color", "Red", "red"), ("category", "Dresses", "dress"),
                                ("price", "at most 50", "under 50")]),
        ("women's dresses", [("gender", "Women", "women's"), ("category", "Dresses", "dresses")]),
        ("ladies dress", [("gender", "Women", "ladies"), ("category", "Dresses", "dress")]),
        ("NAVY BLUE", [("color", "Navy Blue", "NAVY BLUE")]),
        ("navy-blue dress", [("color", "Navy Blue", "navy-blue"), ("category", "Dresses", "dress")]),
        ("off white shirt", [("color", "Off-White", "off white")]),
        ("sneakers 43", [("category", "Sneakers", "sneakers")]),
        ("dress 500 ml red", [("color", "Red", "red")]),
        ("dress 500 ml for women", [("category", "Dresses", "dress"), ("gender", "Women", "women")]),
        ("nike size 42", [("brand", "Nike", "nike"), ("size", "42", "size 42")]),
        ("nike 42码", [("brand", "Nike", "nike"), ("size", "42", "42码")]),
        ("尺码42", [("size", "42", "尺码42")]),
        ("dress L", [("category", "Dresses", "dress"), ("size", "L", "L")]),
        ("red tape kurta", [("brand", "Red Tape", "red tape"), ("category", "Kurtas", "kurta")]),
        ("dolce & gabbana phone", [("brand", "Dolce & Gabbana", "dolce & gabbana"),
                                   ("category", "Phones", "phone")]),
        ("l’oreal", [("brand", "L'Oréal", "l’oreal")]),
        ("orange sneaker", [("color", "Orange", "orange"), ("category", "Sneakers", "sneaker")]),
        ("尺寸42，50以内", [("size", "42", "尺寸42"), ("price", "at most 50", "50以内")]),
        ("dress under fifty", [("category", "Dresses", "dress"), ("price", "at most 50", "under fifty")]),
        ("均码帽子", [("size", "均码", "均码")]),
        ("one size", [("size", "均码", "one size")]),
        ("levis jeans w32 l34", [("brand", "Levi's", "levis"), ("category", "Jeans", "jeans"),
                                 ("size", "W32 L34", "w32 l34")]),
        ("2t denim", [("size", "2T", "2t")]),
        ("xl", [("size", "X-Large", "xl")]),
        ("extra large shirt", [("size", "X-Large", "extra large")]),
        ("gift for her", [("gender", "Women", "for her")]),
        ("kids denim", [("age_group", "kids", "kids")]),
        ("red dress not orange", [("color", "Red", "red"), ("category", "Dresses", "dress")]),
        ("non-orange dress", [("category", "Dresses", "dress")]),
        ("不要红色的连衣裙", [("category", "Dresses", "连衣裙")]),
        ("红色的连衣裙", [("color", "红色", "红色"), ("category", "Dresses", "连衣裙")]),
        ("棉质 条纹", [("material", "Cotton", "棉质"), ("pattern", "Striped", "条纹")]),
        ("striped cotton dress for women", [
            ("pattern", "Striped", "striped"), ("material", "Cotton", "cotton"),
            ("category", "Dresses", "dress"), ("gender", "Women", "women")]),
    ],
)  # fmt: skip
def test_words_that_are_values_are_understood(
    shop: Version, text: str, expected: list[tuple[str, str, str]]
) -> None:
    assert parts(shop, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "iphone 42",
        "model l",
        "size 45",
        "phone-case holder",
        "-red",
        '"red dress"',
        "the",
        "42",
        "xxl",
    ],
)
def test_other_words_are_words(shop: Version, text: str) -> None:
    assert parts(shop, text) == []


def test_a_phone_case_is_no_phone(shop: Version) -> None:
    assert parts(shop, "phone case") == []
    assert parts(shop, "phone 15 case") == []
    assert parts(shop, "phone for women") == [("category", "Phones", "phone"), ("gender", "Women", "women")]


def test_what_is_in_quotes_or_not_wanted_is_as_it_stands(shop: Version) -> None:
    assert parts(shop, 'dress -red "under 50"') == [("category", "Dresses", "dress")]
    assert parts(shop, 'nike "red" orange') == [("brand", "Nike", "nike"), ("color", "Orange", "orange")]


def test_what_the_request_filters_itself_is_not_said_again(shop: Version) -> None:
    assert parts(shop, "red dress under 50", filters={"color": ["Red"]}) == [
        ("category", "Dresses", "dress"), ("price", "at most 50", "under 50"),
    ]  # fmt: skip
    found = meaning(shop, "red under 50", filter={"and": [{"field": "price", "gte": 10}]})
    assert found is not None
    assert found.text == "red under 50"
    assert [part.field for part in found.parts] == ["color"]


def test_the_words_of_a_price_are_not_looked_for(shop: Version) -> None:
    found = meaning(shop, "red dress under 50 for women")
    assert found is not None
    assert found.text == "red dress for women"
    chinese = meaning(shop, "50美元以下的连衣裙")
    assert chinese is not None
    assert chinese.text == "连衣裙"
    assert [(part.lte, part.currency) for part in chinese.parts if part.field == "price"] == [(50, "USD")]
    sized = meaning(shop, "nike size 42")
    assert sized is not None
    assert sized.text == "nike 42"


def test_another_currency_is_not_converted_but_told(shop: Version) -> None:
    page = ask(shop, "red dress under 50€")
    assert {hit.id for hit in page.hits} >= {"d1", "d2", "d3"}
    (price,) = (part for part in page.understood if part.field == "price")
    assert (price.lte, price.currency, price.applied) == ("50", "EUR", "none")
    assert page.relaxed == []
    both = meaning(shop, "red dress $20 to 30€")
    assert both is not None
    assert (both.text, len(both.conditions)) == ("red dress", 1)
    assert [(part.applied, part.currency) for part in both.parts if part.field == "price"] == [
        ("filter", "USD"), ("none", "EUR"),
    ]  # fmt: skip
    found = meaning(shop, "red dress under 50€")
    assert found is not None
    assert found.text == "red dress"
    assert found.conditions == ()
    assert meaning(shop, "under 50€") is None


def test_a_price_is_a_filter_and_values_lift(shop: Version) -> None:
    page = ask(shop, "red dress under 50")
    assert {hit.id for hit in page.hits} == {"d1", "d3", "z1"}
    assert [(part.field, part.applied) for part in page.understood] == [
        ("color", "boost"), ("category", "boost"), ("price", "filter"),
    ]  # fmt: skip
    assert (page.understood[2].lte, page.understood[2].currency) == ("50", "USD")
    assert (page.total, page.relaxed) == (3, [])
    lifted = page.hits[0].scores
    assert lifted is not None
    assert lifted.boosts > 0


def test_as_filters_values_must_hold_and_off_words_are_words(shop: Version) -> None:
    page = ask(shop, "red dress", understand="filter")
    assert {hit.id for hit in page.hits} == {"d1", "d2", "d3"}
    assert [part.applied for part in page.understood] == ["filter", "filter"]
    off = ask(shop, "red dress under 50", understand="off")
    assert off.understood == []
    assert {"d1", "d2", "d3"} <= {hit.id for hit in off.hits}


def test_a_price_alone_browses_what_costs_it(shop: Version) -> None:
    page = ask(shop, "under $20")
    assert {hit.id for hit in page.hits} == {"s2", "k1", "p2"}
    assert page.words is None


def test_what_finds_nothing_is_left_out_step_by_step(shop: Version) -> None:
    page = ask(shop, "nike runner under 10")
    assert page.relaxed == ["price: at most 10"]
    assert {hit.id for hit in page.hits} == {"s1", "s2"}
    assert page.total == 2
    assert [part.field for part in page.understood] == ["brand"]
    page = ask(shop, "nike red under 10", understand="filter")
    assert page.relaxed[0] == "color: Red"
    assert page.total == len(page.hits) > 0
    page = ask(shop, '"dress red" under 10')
    assert page.relaxed == ["price: at most 10", '"dress red"']
    assert page.total > 0


def test_a_requests_own_filters_are_never_left_out(shop: Version) -> None:
    page = ask(shop, "dress under 10", filters=Filters(brand=["Nobody"]))
    assert (page.total, page.relaxed) == (0, [])


def test_pages_go_on_by_what_the_first_meant(shop: Version) -> None:
    whole = [hit.id for hit in ask(shop, "red dress under 100").hits]
    found, cursor = [], None
    while True:
        page = ask(shop, "red dress under 100", limit=1, cursor=cursor)
        found += [hit.id for hit in page.hits]
        assert [part.field for part in page.understood] == ["color", "category", "price"]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == whole


def test_a_cursor_belongs_to_its_price(shop: Version) -> None:
    page = ask(shop, "red dress under 100", limit=1)
    with pytest.raises(InvalidRequest, match="another search"):
        ask(shop, "red dress under 90", limit=1, cursor=page.next_cursor)


def test_relaxed_pages_go_on_relaxed(shop: Version) -> None:
    page = ask(shop, "nike runner under 10", limit=1)
    later = ask(shop, "nike runner under 10", limit=1, cursor=page.next_cursor)
    assert later.relaxed == page.relaxed == ["price: at most 10"]
    assert {page.hits[0].id, later.hits[0].id} == {"s1", "s2"}


def test_did_you_mean_keeps_the_other_words_as_they_were(shop: Version) -> None:
    assert ask(shop, "Red drses, UNDER 50").did_you_mean == "Red dress, UNDER 50"
    assert ask(shop, "red dress").did_you_mean is None


def test_what_parts_of_a_catalogue_say_adds_up(tmp_path: Path) -> None:
    rows = [
        catalogues.product(f"p{n}", color=color, product_type=path)
        for n, (color, path) in enumerate(
            [("Red", "A > Shirts"), ("red", "A > Shirts"), ("red", "B > shirts"), ("Blue", None)]
        )
    ]
    keys = frozenset({"red", "blue", "shirts", "green"})
    whole = tell(catalogues.version(catalogues.create(tmp_path / "w", catalogues.rows_of(rows))), keys)
    split = [
        tell(catalogues.version(catalogues.create(tmp_path / f"s{n}", catalogues.rows_of(part))), keys)
        for n, part in enumerate((rows[:1], rows[1:]))
    ]
    both = Told.total(split)
    assert {field: dict(held) for field, held in both.held.items()} == whole.held
    assert both.value("color", "red") == (3, "red")
    assert both.value("category", "shirts") == (3, "Shirts")
    assert both.value("color", "green") is None


WORDS = (
    "red", "Dress", "women's", "under", "50", "$", "size", "42", "红色", "连衣裙", "200元以下", "-red",
    '"red',     'dress"',
    "nike", "ｎｉｋｅ", "é", "e\u0301", "的", "L", ",", "&", "\u200b", "\x00", "ß", "ﬁ", "orange",
    "40，50", "fifty", "for", "her", "not", "xl", "均码", "w32", "l34", "五百",
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(st.sampled_from(WORDS), max_size=14), st.sampled_from((" ", "", "  ")), st.booleans())
def test_spans_lie_inside_the_text_and_the_rest_is_what_was_not_taken(
    shop: Version, words: list[str], blank: str, as_filter: bool
) -> None:
    text = SearchRequest(text=blank.join(words)).text
    if not text:
        return
    found = meaning(shop, text, understand="filter" if as_filter else "boost")
    if found is None:
        return
    spans = sorted((part.start, part.end) for part in found.parts)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    left = "".join(
        char for at, char in enumerate(text) if not any(start <= at < end for start, end in found.taken)
    )
    assert found.text.replace(" ", "") == left.replace(" ", "")


@pytest.mark.parametrize(
    "piece", ["red ", "9", "红", "a-", "size 4 ", "\x00", "under 5 ", "é", '"', "-x ", "🎁"]
)
def test_hostile_texts_are_bounded(shop: Version, piece: str) -> None:
    text = (piece * 1_000)[:1_000].strip()
    found = meaning(shop, text) if text else None
    assert found is None or len(found.parts) <= 8


@pytest.mark.parametrize(("text", "found"), [("red", "Red"), ("红色", "红色")])
def test_a_value_is_meant_in_both_languages(shop: Version, text: str, found: str) -> None:
    answer = ask(shop, text, understand="filter")
    assert {"d1", "d2", "d3", "z1"} == {hit.id for hit in answer.hits}
    assert [part.value for part in answer.understood] == [found]
    assert answer.relaxed == []
    pages, cursor = list[str](), None
    while cursor is not None or not pages:
        page = ask(shop, text, understand="filter", limit=3, cursor=cursor)
        pages += [hit.id for hit in page.hits]
        cursor = page.next_cursor
    assert pages == [hit.id for hit in answer.hits]


def test_a_price_that_is_all_of_it_is_not_left_out(shop: Version) -> None:
    answer = ask(shop, "over 99999")
    assert (answer.total, answer.relaxed) == (0, [])


def test_another_value_of_the_same_language_is_lifted_half_as_far(tmp_path: Path) -> None:
    """A catalogue that has both says two things: porcelain is no other ceramic. Across languages, and for who
    says neither, they are the same."""
    rows = [
        catalogues.product(f"p{n}", "Mug", material=material)
        for n, material in enumerate(("ceramic", "porcelain", "ceramic"))
    ]
    version = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of(rows)))

    def lifts(text: str) -> dict[str, float]:
        found = meant(version, text, base(), "boost", frozenset())
        return {} if found is None else {lift.name: lift.weight for lift in found.lifts}

    assert lifts("porcelain mug") == {"material: porcelain": LIFT, "material: ceramic": LIFT / 2}
    assert lifts("陶瓷 马克杯") == {"material: ceramic": LIFT}
