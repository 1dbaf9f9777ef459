"""What a product is outweighs how it looks and what it goes with; guesses at nothing known find nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmpipe.encoders import registry
from mmpipe.lake.synonyms import parse_synonyms
from mmpipe.lexical import items, name_of
from mmpipe.schemas.search import SearchRequest, SearchResponse
from mmpipe.search import Searcher, Version, encode
from mmpipe.search.find.synonyms import Synonyms, base, with_own
from mmpipe.search.find.things import behind, things
from mmpipe.search.find.words import understand_by
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues

LOADED = registry.load("fake")
# Titles of what a thing is, and of what goes with it or only speaks of it.
SHOP: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "headphones": (
        {"h1": "Sonora Over-Ear Headphones, Black Case", "h2": "Kairo Bluetooth Headphones with Stand"},
        {"h3": "Ergona Headphone Stand", "h4": "Stand for Headphones", "h5": "Cable, 2 m, for Headphones"},
    ),
    "耳机": (
        {"e1": "蓝牙耳机 无线降噪", "e2": "头戴式耳机，带支架"},
        {"e3": "耳机支架", "e4": "耳机 木质 收纳包", "e5": "支架 适用耳机"},
    ),
    "sofa": (
        {"s1": "Velvet Sofa Green", "s2": "Corner Settee"},
        {"s3": "Sofa Cover", "s4": "Leg Set for Sofas"},
    ),
    "吉他": ({"g1": "民谣吉他"}, {"g2": "吉他弦", "g3": "吉他架"}),
}
COLOURS = {
    "m1": ("Orange mug", "orange"), "m2": ("Mug 350 ml, green", "green"),
    "t1": ("Blue table", "blue"), "t2": ("Blue striped table", "blue"), "b1": ("橙色马克杯", "橙色"),
    "b2": ("蓝色桌子", "蓝色"),
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Version:
    products = [
        catalogues.product(name, title)
        for is_it, goes_with in SHOP.values()
        for name, title in (is_it | goes_with).items()
    ]
    products += [catalogues.product(name, title, color=color) for name, (title, color) in COLOURS.items()]
    products.append(catalogues.product("c1", "X-100 Travel", product_type="Audio > Headphones"))
    products.append(catalogues.product("w1", "Slide, large, for the playground"))
    folder = tmp_path_factory.mktemp("things") / "t"
    halves = (catalogues.rows_of(products[:9]), catalogues.rows_of(products[9:]))
    return catalogues.version(catalogues.create(folder, *halves))


def ask(version: Version, text: str, own: Synonyms | None = None, **more: object) -> SearchResponse:
    request = SearchRequest.model_validate({"text": text, "limit": 100, **more})
    searcher = Searcher(LOADED.profile, ServeSettings(vector_weight=0))
    answer = searcher.ask(version, request, lambda left: encode(left, LOADED, {}), own=own)
    return SearchResponse.model_validate_json(answer.body)


def found(version: Version, text: str, own: Synonyms | None = None) -> list[str]:
    return [hit.id for hit in ask(version, text, own).hits]


@pytest.mark.parametrize("thing", SHOP)
def test_what_goes_with_a_thing_comes_after_the_thing(shop: Version, thing: str) -> None:
    is_it, goes_with = SHOP[thing]
    hits = [name for name in found(shop, thing) if name in is_it or name in goes_with]
    assert set(hits[: len(is_it)]) == set(is_it)
    assert set(hits) >= set(is_it) | (set(goes_with) - {"g2", "g3"})


def test_a_category_says_what_a_title_does_not(shop: Version) -> None:
    hits = found(shop, "headphones")
    assert hits.index("c1") < min(hits.index(name) for name in SHOP["headphones"][1])


def test_who_asks_for_what_goes_with_a_thing_finds_that(shop: Version) -> None:
    assert set(found(shop, "headphone stand")[:2]) == {"h3", "h4"}
    assert set(found(shop, "stand for headphones")[:2]) == {"h3", "h4"}
    assert found(shop, "耳机支架")[0] == "e3"


@pytest.mark.parametrize("text", ["blue mug", "mug blue", "蓝色 马克杯", "马克杯 蓝色"])
def test_what_a_thing_is_says_more_than_its_colour(shop: Version, text: str) -> None:
    assert set(found(shop, text)[:3]) == {"m1", "m2", "b1"}


def test_a_part_of_the_score_says_what_the_product_is(shop: Version) -> None:
    for hit in ask(shop, "blue mug", explain=True).hits:
        parts = hit.explanation or []
        assert sum(part.value for part in parts) == pytest.approx(hit.score)
        assert any(part.rule == "is: mug" for part in parts) == (hit.id in ("m1", "m2", "b1"))


def test_pages_go_on_by_what_was_asked_for(shop: Version) -> None:
    hits, cursor = [], None
    while True:
        page = ask(shop, "blue mug", limit=1, cursor=cursor)
        hits += [(hit.id, hit.score) for hit in page.hits]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert hits == [(hit.id, hit.score) for hit in ask(shop, "blue mug").hits]


def test_a_word_beside_the_thing_must_be_there_too(shop: Version) -> None:
    """A towel rail is nearer to a towel rack than a shoe rack is: what a compound is made of says as much."""
    parts = [part for hit in ask(shop, "velvet stand", explain=True).hits for part in hit.explanation or []]
    assert parts
    assert not any((part.rule or "").startswith("is:") for part in parts)


@pytest.mark.parametrize("text", ["法国大革命", "larje revolution", "revolution"])
def test_guesses_that_say_more_of_a_thing_nobody_knows_find_nothing(shop: Version, text: str) -> None:
    page = ask(shop, text)
    assert (page.total, page.did_you_mean) == (0, None)


def test_a_guess_at_the_thing_itself_finds(shop: Version) -> None:
    page = ask(shop, "revolution slyde")
    assert [hit.id for hit in page.hits] == ["w1"]
    assert page.did_you_mean == "revolution slide"


def test_a_phrase_that_no_product_says_does_not_hide_its_words(shop: Version) -> None:
    own = with_own(parse_synonyms(b"headset perch|ear gear rest"))
    assert set(found(shop, "headset perch", own)) >= {"h1", "h2"}


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Sonora Headphones, Black", "Sonora Headphones"),
        ("Power bank 20,000 mAh", "Power bank 20,000 mAh"),
        ("Vinyl Record: Evening Jazz", "Vinyl Record"),
        ("Wi-Fi router (white)", "Wi-Fi router"),
        ("Kettle - 1.7 l", "Kettle"),
        ("耳机，黑色", "耳机"),
        ("【新款】手机壳", "【新款】手机壳"),
        (", ", ", "),
    ],
)
def test_a_name_ends_where_a_title_lists_what_else_there_is(title: str, name: str) -> None:
    assert name_of(title) == name


def test_things_are_what_compounds_end_with() -> None:
    names = things().names
    assert names >= {"stand", "case", "holder", "sofa", "settee", "mug", "支架", "机壳", "克杯"}
    assert names.isdisjoint(("wireless", "portable", "set", "kit", "无线", "降噪", "套装", "black", "黑色"))


@pytest.mark.parametrize("text", ["stand for erji", "stand for headphonse"])
def test_what_a_thing_is_for_is_not_the_thing_however_it_is_read(shop: Version, text: str) -> None:
    understood = understand_by(shop.text, text, base(), typos=True)
    assert [understood.words[place].text for place in understood.heads] == ["stand"]


def test_no_word_is_made_across_what_a_thing_is_for(tmp_path: Path) -> None:
    products = [catalogues.product("s", "Lampshade"), catalogues.product("l", "Lamp with shade")]
    version = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of(products)))
    assert found(version, "lamp shade")[0] == "s"
    assert found(version, "lamp for shade") == ["l"]


@pytest.mark.parametrize(
    ("text", "before"),
    [("stand for a phone", 1), ("for a phone", 3), ("chair without arms", 1), ("blue mug", 2)],
)
def test_a_query_tells_what_a_thing_is_for_behind_a_word(text: str, before: int) -> None:
    assert behind(list(items(text))) == before
