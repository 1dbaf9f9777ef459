"""Which products a question matches: by full text, by vector, and how the two become one set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmpipe.encoders import registry
from mmpipe.lexical import tokens
from mmpipe.schemas.search import Filters
from mmpipe.search import Version
from mmpipe.search.find.match import Matches, Search
from mmpipe.search.find.question import Question
from mmpipe.search.find.scoring import VectorScale
from mmpipe.search.kernels.memory import rows_of, words_of
from tests.unit.search import catalogues, oracle

LOADED = registry.load("fake")
PRODUCTS = [catalogues.product(f"p{n:05d}", f"w{n % 71} w{n % 13} w{n % 7}") for n in range(4_500)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Version:
    folder = tmp_path_factory.mktemp("match") / "t"
    parts = [catalogues.rows_of(PRODUCTS[:4_000]), catalogues.rows_of(PRODUCTS[4_000:])]
    catalogues.create(folder, *parts)
    return catalogues.version(catalogues.upsert(folder, catalogues.tombstones(["p00007"])))


def question(text: str, **more: object) -> Question:
    asked = Question(
        Filters(),
        asks=True,
        words=tuple(dict.fromkeys(tokens(text))),
        times=tuple(tokens(text).count(word) for word in dict.fromkeys(tokens(text))),
        vector=catalogues.text_vector(text),
        text_weight=0.5,
        vector_weight=0.5,
    )
    return replace(asked, **more)  # type: ignore[arg-type]


def ids(version: Version, found: Matches) -> list[str]:
    return version.ids.ids(found.rows)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.01, 0.0])
def test_the_nearest_are_the_exact_best_under_any_filter(shop: Version, share: float) -> None:
    mask = shop.alive & words_of(np.random.default_rng(1).random(shop.layout.rows) < share)
    query = catalogues.text_vector("w7 w5 w3")
    rows, scores = shop.fused.nearest(query, mask, 100, shop.ids.rank)
    eligible = shop.ids.ids(rows_of(mask))
    truth = catalogues.fused_of([PRODUCTS[int(i[1:])] for i in eligible]) @ query if eligible else np.zeros(0)
    assert len(rows) == min(100, len(eligible))
    assert set(shop.ids.ids(rows)) <= set(eligible)
    assert scores == pytest.approx(np.sort(truth)[::-1][: len(rows)], abs=1e-3)
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)
    assert "p00007" not in eligible


def test_full_text_matches_all_products_with_all_words_however_many(shop: Version) -> None:
    found = Search(shop, question("w3", vector=None)).matches()
    holding = {p.id for p in PRODUCTS if "w3" in tokens(p.title)} - {"p00007"}
    assert len(holding) > 600
    assert set(ids(shop, found)) == holding
    assert found.scoring.text is not None
    assert (found.scoring.text.required, found.scoring.text.statistics.documents) == (1, 4_499)
    assert found.scoring.text.statistics.holding == (len(holding),)


@pytest.mark.parametrize(
    ("text", "required"),
    [("w70 w12", 2), ("w70 w12 unheard-of", 2), ("unheard w70 w69", 1), ("unheard of", 0)],
)
def test_where_none_has_all_words_those_with_the_most_match(shop: Version, text: str, required: int) -> None:
    found = Search(shop, question(text, vector=None)).matches()
    living = [p for p in PRODUCTS if p.id != "p00007"]
    assert (required, set(ids(shop, found))) == oracle.text_matches(living, text)
    assert (found.scoring.text is None) == (required == 0)
    assert Search(shop, question(text)).survey().most == required


def test_a_filter_decides_what_the_most_is(tmp_path: Path) -> None:
    products = [
        catalogues.product("a", "red lamp", brand="Acme"),
        catalogues.product("b", "red chair", brand="Bolt"),
        catalogues.product("c", "blue sofa", brand="Bolt"),
    ]
    shop = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of(products)))
    for brand, required, expected in (("Acme", 2, ["a"]), ("Bolt", 1, ["b"]), ("Nobody", 0, [])):
        asked = question("red lamp", vector=None, filters=Filters(brand=[brand]))
        found = Search(shop, asked).matches()
        assert ids(shop, found) == expected
        assert (found.scoring.text.required if found.scoring.text else 0) == required


@pytest.mark.parametrize("relevance", [0.0, 0.6, 0.95])
def test_neighbours_are_those_near_the_best_among_the_nearest(shop: Version, relevance: float) -> None:
    asked = question("w7 w5 w3", words=(), times=(), depth=200, relevance=relevance)
    found = Search(shop, asked).matches()
    living = [p for p in PRODUCTS if p.id != "p00007"]
    cosines = oracle.cosines([p.id for p in living], catalogues.fused_of(living), asked.vector)  # type: ignore[arg-type]
    floor, near = oracle.neighbours(cosines, 200, relevance)
    scale = found.scoring.vector
    assert scale is not None
    assert scale.floor == pytest.approx(floor, abs=1e-3)
    # float16 moves a product across the floor only where it is next to it.
    assert all(abs(cosines[i] - floor) < 1e-3 for i in set(ids(shop, found)) ^ near)
    assert (found.cosines >= scale.floor).all()


def test_matches_are_both_and_each_has_both_measures(shop: Version) -> None:
    asked = question("w70 w12", relevance=0.5)
    search = Search(shop, asked)
    found = search.matches()
    by_text = set(ids(shop, Search(shop, replace(asked, vector=None)).matches()))
    by_vector = set(ids(shop, Search(shop, replace(asked, words=(), times=())).matches()))
    assert by_text - by_vector or by_vector - by_text
    told = ids(shop, found)
    assert len(told) == len(set(told))
    assert set(told) == by_text | by_vector
    assert set(told[: len(found.cosines)]) == by_vector
    living = [p for p in PRODUCTS if p.id != "p00007"]
    lexical = oracle.bm25(living, "w70 w12")
    assert found.lexical == pytest.approx([lexical.get(i, 0.0) for i in told], rel=1e-5)
    text, vector = found.shares(found.places(found.rows))
    assert text is not None
    assert vector is not None
    assert (text + vector).tolist() == found.scores().tolist()
    assert (vector[len(found.cosines) :] == 0).all()
    assert np.array_equal(rows_of(found.words(shop.layout.rows)), np.sort(found.rows))


def test_pinned_scores_are_those_of_the_first_page_bit_for_bit(shop: Version, tmp_path: Path) -> None:
    asked = question("w70 w12", relevance=0.5)
    first = Search(shop, asked).matches()
    # The same products, in other fragments, with others before, between and behind them.
    living = [p for p in PRODUCTS if p.id != "p00007"]
    more = [catalogues.product(f"q{n:05d}", f"w70 w12 w{n % 5}") for n in range(300)]
    parts = [catalogues.rows_of(some) for some in (more[:77], living[3_000:], more[77:], living[:3_000])]
    other = catalogues.version(catalogues.create(tmp_path / "t", *parts))
    second = Search(other, asked).matches(first.scoring)
    assert second.scoring == first.scoring
    before = dict(zip(ids(shop, first), first.scores().tolist(), strict=True))
    after = dict(zip(ids(other, second), second.scores().tolist(), strict=True))
    assert {i: score for i, score in after.items() if i.startswith("p")} == before
    fresh = Search(other, asked).matches()
    assert fresh.scoring != first.scoring


def test_equals_at_the_last_place_all_count(tmp_path: Path) -> None:
    products = [catalogues.product(f"p{n:02d}", "red lamp") for n in range(30)]
    products.append(catalogues.product("other", "blue chair"))
    shop = catalogues.version(catalogues.create(tmp_path / "t", catalogues.rows_of(products)))
    found = Search(shop, question("red lamp", words=(), times=(), depth=10)).matches()
    assert sorted(ids(shop, found)) == [f"p{n:02d}" for n in range(30)]
    assert isinstance(found.scoring.vector, VectorScale)
