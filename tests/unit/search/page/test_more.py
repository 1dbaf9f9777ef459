"""What a hit tells when it is asked: why it stands there, where the words are, more of the product."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from mmpipe.encoders import registry
from mmpipe.errors import InvalidRequest
from mmpipe.schemas.rules import Pin
from mmpipe.schemas.search import Hit, SearchRequest, SearchResponse
from mmpipe.search import Searcher, Version, encode
from mmpipe.search.asked import Asked
from mmpipe.search.page.highlight import spans, tokens_of
from mmpipe.search.rules.effects import Effects
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues
from tests.unit.search.shards.shops import NOW, Split

LOADED = registry.load("fake")
PRODUCTS = [
    catalogues.product("a", "Red desk lamp", brand="Acme", description="lamp for reading", color="red"),
    catalogues.product("b", "Lamp", brand="Red Brand", rating=4.5, rating_count=7),
    catalogues.product("c", "Green couch", attributes={"seats": "three"}, private={"cost": "3"}),
    catalogues.product("d", "Earphones 500 ml", mpn="ABC-123", translations={"zh": {"title": "耳机"}}),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Version:
    folder = tmp_path_factory.mktemp("more")
    return catalogues.version(catalogues.create(folder / "t", catalogues.rows_of(PRODUCTS)))


def answered(shop: Version, **request: Any) -> SearchResponse:
    asked = SearchRequest(**request)
    searcher = Searcher(LOADED.profile, ServeSettings())
    return searcher.search(shop, asked, encode(asked, LOADED, {}))


def hit(found: SearchResponse, product_id: str) -> Hit:
    return next(each for each in found.hits if each.id == product_id)


def word(found: Hit, asked: str) -> dict[str, Any]:
    return next(c.model_dump(exclude_none=True) for c in found.explanation if c.asked == asked)


def test_parts_sum_to_the_score_and_name_the_field_and_the_word(shop: Version) -> None:
    boost = {"filter": {"field": "brand", "eq": "Acme"}, "weight": 0.5}
    found = answered(shop, text="red lamp", explain=True, boosts=[boost])
    assert len(found.hits) >= 2
    for each in found.hits:
        assert sum(c.value for c in each.explanation) == pytest.approx(each.score, abs=1e-6)
        assert each.scores is not None
        for source, value in each.scores.model_dump().items():
            parts = [c.value for c in each.explanation if c.source == source]
            assert sum(parts) == pytest.approx(value, abs=1e-6), source
        values = [abs(c.value) for c in each.explanation]
        assert values == sorted(values, reverse=True)
    assert word(hit(found, "a"), "red")["field"] == "title"
    assert word(hit(found, "b"), "red")["field"] == "brand"
    assert word(hit(found, "a"), "lamp")["how"] == "word"
    lifted = [c for c in hit(found, "a").explanation if c.source == "boosts"]
    assert [c.rule for c in lifted] == ["is: lamp", "boosts[0]"]
    assert [c.rule for c in hit(found, "b").explanation if c.source == "boosts"] == ["is: lamp"]


def test_a_pinned_product_that_is_no_match_earns_nothing(shop: Version) -> None:
    boost = {"filter": {"field": "category", "exists": False}, "weight": 0.5}
    asked = SearchRequest.model_validate({"text": "couch -lamp", "explain": True, "boosts": [boost]})
    effects = Effects(pins=(Pin(id="a", position=1),))
    found = Searcher(LOADED.profile, ServeSettings()).answer(
        shop, asked, encode(asked, LOADED, {}), Asked(effects=effects)
    )
    pinned, couch = SearchResponse.model_validate_json(found.body).hits[:2]
    assert (pinned.id, pinned.score, pinned.explanation) == ("a", 0.0, [])
    assert "boosts" in {c.source for c in couch.explanation}


@pytest.mark.parametrize(
    ("text", "product_id", "asked", "how", "said"),
    [
        ("gren", "c", "gren", "typo", "green"),
        ("sofa", "c", "sofa", "synonym", "couch"),
        ("ear phones", "d", "ear phones", "joined", "earphone"),
        ("abc 123", "d", "abc 123", "identifier", None),
    ],
)
def test_other_words_are_told(
    shop: Version, text: str, product_id: str, asked: str, how: str, said: str | None
) -> None:
    found = word(hit(answered(shop, text=text, explain=True), product_id), asked)
    assert (found["how"], found.get("found")) == (how, said)


def test_only_who_asks_is_told(shop: Version) -> None:
    plain = answered(shop, text="lamp")
    assert all(each.scores is not None and not each.explanation for each in plain.hits)
    assert plain.plan == []
    none = answered(shop, text="lamp", explain=False)
    assert all(each.scores is None and not each.highlights and not each.fields for each in none.hits)
    full = answered(shop, text="lamp", explain=True)
    assert [step.step for step in full.plan] == ["understand", "match and order", "facets", "page"]
    assert all(step.ms >= 0 for step in full.plan)


def test_ratings_are_told(shop: Version) -> None:
    found = answered(shop, text="lamp")
    assert (hit(found, "b").rating, hit(found, "b").rating_count) == (4.5, 7)
    assert (hit(found, "a").rating, hit(found, "a").rating_count) == (None, None)


def test_words_are_highlighted_where_they_stand(shop: Version) -> None:
    found = answered(shop, text="red lamps", highlight=True)
    assert hit(found, "a").highlights == {"title": [(0, 3), (9, 13)]}
    assert hit(found, "b").highlights == {"title": [(0, 4)], "brand": [(0, 3)]}


@pytest.mark.parametrize(
    ("text", "wanted", "marked"),
    [
        ("Bottle 500 ml, steel", {"500ml"}, ["500 ml"]),
        ("L’Oréal Paris", {"loreal"}, ["L’Oréal"]),
        ("便宜的连衣裙 Dress", {"连衣", "衣裙"}, ["连衣裙"]),
        ("T-Shirts & shirts", {"shirt"}, ["T-Shirts", "shirts"]),
        ("C++ and C", {"c++"}, ["C++"]),
        ('55" OLED, 15.6″ laptop', {"55in", "15.6in"}, ['55"', "15.6″"]),
        ("ＵＳＢ cable", {"usb"}, ["ＵＳＢ"]),
        ("nothing here", {"lamp"}, []),
        ("", {"lamp"}, []),
    ],
)
def test_spans_are_those_of_the_text_as_it_is(text: str, wanted: set[str], marked: list[str]) -> None:
    assert [text[begin:end] for begin, end in spans(text, frozenset(wanted))] == marked


def test_more_fields_are_told_and_private_ones_never(shop: Version) -> None:
    found = answered(shop, text="couch", fields=["description", "attributes", "category", "rating"])
    assert hit(found, "c").fields == {
        "description": "", "attributes": {"seats": "three"}, "category": None, "rating": None,
    }  # fmt: skip
    browsed = answered(shop, fields=["title"])
    assert [each.fields["title"] for each in browsed.hits] == [p.title for p in PRODUCTS]
    for name in ("private", "cost", "nonsense"):
        with pytest.raises(InvalidRequest, match="known are") as caught:
            answered(shop, text="couch", fields=["title", name])
        assert caught.value.field == "fields[1]"


def test_tokens_are_those_of_every_way() -> None:
    assert tokens_of(["lamp"]) == {"lamp"}


def test_shards_tell_the_same(tmp_path: Any) -> None:
    parts = catalogues.rows_of(PRODUCTS[:2]), catalogues.rows_of(PRODUCTS[2:])
    split = Split(catalogues.create(tmp_path / "t", *parts), tmp_path / "parts", 2)
    asked = SearchRequest(
        text="red lamp", explain=True, highlight=True, fields=["description"],
        boosts=[{"filter": {"field": "color", "eq": "red"}, "weight": 0.2}],
    )  # fmt: skip
    query = encode(asked, LOADED, {})
    assert split.ask_whole(asked, query) == split.ask_shards(asked, query)
    answer = asyncio.run(split.sharded.answer(split.version, asked, query, seconds=NOW))
    assert [step["step"] for step in json.loads(answer.body)["plan"]] == ["match and order", "facets", "page"]
