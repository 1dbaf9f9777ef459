"""What a query's words are looked for by: catalogues in which the answer is plain to see."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.encoders import registry
from mmpipe.lake.synonyms import Group, Replacement, SynonymLines
from mmpipe.lexical import CJK, fold, items
from mmpipe.schemas.search import SearchRequest, SearchResponse
from mmpipe.search import Searcher, Version, encode
from mmpipe.search.find.need import Told
from mmpipe.search.find.pieces import pieces_of
from mmpipe.search.find.synonyms import JOINED, SAME, TRANSLATED, Synonyms, base, sections, with_own
from mmpipe.search.find.words import understand
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues

LOADED = registry.load("fake")
TITLES = {
    "curtain": "Blackout curtain navy",
    "kurta": "Red kurta",
    "kurta-blue": "Blue kurta",
    "sofa": "Velvet sofa green",
    "earphones": "Earphones with case",
    "vanity": "Vanity box pink",
    "tee": "T-shirt white",
    "router": "Wi-Fi router AX3000",
    "phone": "Smartphone Nova 14 128GB",
    "oil": "Olive oil 500 ml bottle",
    "cooker": "Rice cooker 1.8 L",
    "loreal": "L'Oréal lipstick",
    "zh": "電腦椅 人體工學",
    "red-dress": "Red summer dress",
    "dress-red": "Dress with red dots, a summer one",
    "c": "C language book",
    "cpp": "C++ primer",
    "umbrella": "Umbrella windproof",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Version:
    products = [catalogues.product(name, title) for name, title in TITLES.items()]
    products.append(
        catalogues.product(
            "ABC-123.45", "Pump seal", mpn="WH-1000XM5", gtin="978-3-16-148410-0", item_group_id="SEAL-9"
        )
    )
    folder = tmp_path_factory.mktemp("words") / "t"
    halves = (catalogues.rows_of(products[:9]), catalogues.rows_of(products[9:]))
    return catalogues.version(catalogues.create(folder, *halves))


def ask(version: Version, text: str, **more: object) -> SearchResponse:
    settings = ServeSettings(vector_weight=0).model_copy(update=more)
    request = SearchRequest(text=text, limit=100)
    return Searcher(LOADED.profile, settings).search(version, request, encode(request, LOADED, {}))


def found(version: Version, text: str, **more: object) -> list[str]:
    return [hit.id for hit in ask(version, text, **more).hits]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("curtian", ["curtain"]),
        ("umbrela", ["umbrella"]),
        ("umrbellla", ["umbrella"]),
        ("vurtain", ["curtain"]),
        ("vanitybox", ["vanity"]),
        ("ear phones", ["earphones"]),
        ("t shirt", ["tee"]),
        ("tshirt", ["tee"]),
        ("tee", ["tee"]),
        ("wifi", ["router"]),
        ("nova14", ["phone"]),
        ("500ml", ["oil"]),
        ("olive oil 500 millilitres", ["oil"]),
        ("128 gb", ["phone"]),
        ("loreal", ["loreal"]),
        ("L\u2019Ore\u0301al", ["loreal"]),
        ("人体工学", ["zh"]),
        ("couch", ["sofa"]),
        ("cuoch", ["sofa"]),
        ("沙发", ["sofa"]),
        ("電飯煲", ["cooker"]),
        ("绿色沙发", ["sofa"]),
        ("shafa", ["sofa"]),
        ("lvse shafa", ["sofa"]),
        ("lu se sha fa", ["sofa"]),
        ("lusedianfanbao", ["cooker", "sofa"]),
        ("dianfanguo", ["cooker"]),
        ("手机", ["phone"]),
        ("computer chair", ["zh"]),
        ("C", ["c"]),
        ("C++", ["cpp"]),
        ("kurta -red", ["kurta-blue"]),
        ('kurta -"red kurta"', ["kurta-blue"]),
        ('"red summer dress"', ["red-dress"]),
        ('summer "red"', ["dress-red", "red-dress"]),
        ("“red summer”", ["red-dress"]),
        ("abc12345", ["ABC-123.45"]),
        ("ABC 123-45", ["ABC-123.45"]),
        ("wh1000xm5", ["ABC-123.45"]),
        ("9783161484100", ["ABC-123.45"]),
        ("09783161484100", ["ABC-123.45"]),
        ("seal-9", ["ABC-123.45"]),
        ("xqzvbn", []),
    ],
)
def test_a_query_finds_what_it_means(shop: Version, text: str, expected: list[str]) -> None:
    assert sorted(found(shop, text)) == expected


def test_what_was_changed_is_told(shop: Version) -> None:
    def told(text: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        words = ask(shop, text).words
        assert words is not None
        return [(c.asked, c.found) for c in words.corrected], [(c.asked, c.found) for c in words.replaced]

    assert told("navy curtian") == ([("curtian", "curtain")], [])
    assert told("couch") == ([], [("couch", "sofa")])
    assert told("ear phones") == ([("ear phones", "earphone")], [])
    assert told("vanitybox") == ([("vanitybox", "vanity box")], [])
    assert told("velvet sofa") == ([], [])


def test_what_is_not_the_word_itself_earns_less(tmp_path: Path) -> None:
    products = [
        catalogues.product(name, title) for name, title in (("a", "sofa"), ("b", "couch"), ("c", "sofas"))
    ]
    shop = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of(products)))
    assert found(shop, "sofa") == ["a", "c", "b"]
    assert found(shop, "couch") == ["b", "a", "c"]
    hits = ask(shop, "couch").hits
    assert hits[0].score > hits[1].score == hits[2].score > 0


def test_words_that_the_catalogue_knows_are_not_corrected(tmp_path: Path) -> None:
    titles = ["black lamp", *(f"block {n}" for n in range(40)), "slack line"]
    products = [catalogues.product(f"p{n:02}", title) for n, title in enumerate(titles)]
    shop = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of(products)))
    assert found(shop, "black") == ["p00"]
    assert len(found(shop, "blcok")) == 40
    # As far from the commonest as it is rarer.
    assert found(shop, "blak") == ["p00"]
    assert found(shop, "bla") == []
    assert found(shop, "blak", typos=False) == []


def test_words_of_the_language_are_no_slips(tmp_path: Path) -> None:
    shop = catalogues.version(
        catalogues.create(tmp_path / "t", catalogues.rows_of([catalogues.product("a", "Lump of chalk")]))
    )
    assert found(shop, "lamp") == []
    assert found(shop, "lamp", synonyms=False) == ["a"]


def test_what_is_said_of_any_shop_is_no_slip(tmp_path: Path) -> None:
    products = [catalogues.product("a", "Male mannequin"), catalogues.product("b", "Best man ring")]
    shop = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of(products)))
    assert ask(shop, "sale").did_you_mean is None
    assert found(shop, "sale") == []
    assert found(shop, "best") == ["b"]


def test_a_word_of_a_listed_phrase_is_no_slip(tmp_path: Path) -> None:
    titles = {"a": "Painting kit", "b": "Cutting board"}
    products = [catalogues.product(name, title) for name, title in titles.items()]
    shop = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of(products)))
    assert (found(shop, "pointing"), ask(shop, "beard comb").did_you_mean) == ([], None)
    assert found(shop, "paintnig") == ["a"]


def test_synonyms_may_be_off(shop: Version) -> None:
    assert found(shop, "沙发", synonyms=False) == []
    assert found(shop, "couch", synonyms=False) == []
    assert found(shop, "curtian", synonyms=False) == ["curtain"]


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from(["-", '"', "red", "沙发", "500 ml", "''", "#"])).map(" ".join)
)
def test_no_text_is_refused(text: str) -> None:
    going = understand(text, base())
    need = next(going)
    try:
        while True:
            need = going.send(
                Told(dict.fromkeys(need.tokens[::2], 3), {w: {"x": 1} for w, _ in need.unknown})
            )
    except StopIteration as done:
        understood = done.value
    assert len(understood.words) == len(understood.times) <= 64
    assert all(way.tokens and way.factor > 0 for word in understood.words for way in word.ways)
    assert len({word.text for word in understood.words}) == len(understood.words)


def test_replacements_go_one_way() -> None:
    synonyms = Synonyms([Group(("sofa",), ("沙发",))], [Replacement(("footwear",), ("shoes", "boots"))])
    assert synonyms.of_words(("footwear",), 0) is not None
    assert synonyms.of_words(("shoe",), 0) is None
    assert [(a, b) for a, b, _ in synonyms.in_run("新沙发")] == [(1, 3)]


def test_a_listed_phrase_may_be_written_as_one_word() -> None:
    groups = [Group(("cling film", "food wrap"), ("保鲜膜",)), Group(("carpet", "rug")), Group(("car pet",))]
    synonyms = Synonyms(groups)
    found = synonyms.of_words(("clingfilm",), 0)
    assert found is not None
    assert [(each.text, each.factor) for each in found[1]] == [
        ("cling film", JOINED),
        ("food wrap", SAME),
        ("保鲜膜", TRANSLATED),
    ]
    itself = synonyms.of_words(("carpet",), 0)
    assert itself is not None
    assert [each.text for each in itself[1]] == ["rug"], "a word of its own is no phrase"
    alone = with_own(SynonymLines((), (), ("cling film",)))
    assert alone.of_words(("clingfilm",), 0) == (1, ()), "nothing stands for what is left alone"


def test_what_stands_for_words_is_at_hand_for_so_many_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmpipe.search.find.synonyms._MOST_HELD", 3)
    synonyms = Synonyms([Group((f"word{n}",), (f"红{n}",)) for n in range(9)] + [Group(("a",), ("沙发",))])
    for _ in range(2):
        for n in range(9):
            found = synonyms.of_words((f"word{n}",), 0)
            assert found is not None
            assert [other.text for other in found[1]] == [f"红{n}"]
        assert [other.text for other in synonyms.of_run("沙发")] == ["a"]
    assert len(synonyms._of_words) <= 3


def test_a_collection_has_words_of_its_own_and_may_do_without_shipped_ones(shop: Version) -> None:
    own = with_own(SynonymLines((Group(("snorkel", "sofa")),), (), ("couch",)))
    searcher = Searcher(LOADED.profile, ServeSettings(vector_weight=0))

    def ids(text: str) -> list[str]:
        request = SearchRequest(text=text)
        answer = searcher.answer(shop, request, encode(request, LOADED, {}), own=own)
        return [hit.id for hit in SearchResponse.model_validate_json(answer.body).hits]

    assert ids("snorkel") == ids("沙发") == ["sofa"]
    assert ids("couch") == []
    assert found(shop, "snorkel") == []


def test_shipped_chinese_stands_on_the_chinese_side() -> None:
    groups = [group for _, lines in sections() for group in lines.groups]
    assert len(groups) > 9_000
    assert [text for group in groups for text in group.en if re.search(f"[{CJK}]", text)] == []
    assert [group for group in groups if len({fold(t) for t in (*group.en, *group.zh)}) < 2] == []


def test_every_shipped_word_stands_for_something() -> None:
    others = base().of_words(("couch",), 0)
    assert others is not None
    assert {"sofa", "沙发"} <= {other.text for other in others[1]}
    assert base().of_words(("zorblax",), 0) is None
    assert base().similar("cuoch", 1) == {"couch": 1}


@pytest.mark.parametrize("text", ["c++ book", "book c++"])
def test_a_word_of_signs_is_not_joined_to_its_neighbour(shop: Version, text: str) -> None:
    page = ask(shop, text)
    assert {hit.id for hit in page.hits[:2]} == {"c", "cpp"}
    assert page.words is not None
    assert page.words.asked == 2


@pytest.mark.parametrize(
    ("asked", "alone"),
    [("women's shirt", "shirt"), ("kids backpack", "backpack"), ("儿童背包", "背包"), ("ceramic pot", "pot")],
)
def test_a_thing_s_shipped_names_leave_for_whom_and_of_what_it_is_a_word_of_its_own(
    asked: str, alone: str
) -> None:
    assert [piece.text for piece in pieces_of(list(items(asked)), base())][1:] == [alone]
