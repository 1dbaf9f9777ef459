"""What a query is aimed at besides its text and media."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.encoders import registry
from mmpipe.encoders.base import EncoderInput, Modality
from mmpipe.errors import InvalidRequest
from mmpipe.schemas.search import Facet, SearchRequest, SearchResponse, Unlike, Weights
from mmpipe.search import EncodedQuery, Searcher, Version, encode
from mmpipe.search.find.aim import Aims, aimed, less_like
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues
from tests.unit.search.shards.shops import Split, ids, pages

LOADED = registry.load("fake")
SEARCHER = Searcher(LOADED.profile, ServeSettings(relevance=0, candidates=50))


def shop_products() -> list[Any]:
    made = [
        catalogues.product(f"p{i}", f"{colour} {thing}", material="leather" if i % 3 == 0 else None)
        for i, (colour, thing) in enumerate(
            (colour, thing)
            for colour in ("red", "blue", "green")
            for thing in ("lamp", "chair", "table", "rug")
        )
    ]
    variants = [
        catalogues.product(f"v{i}", f"red sofa {i}", item_group_id="sofa", price=f"{i + 1}.00")
        for i in range(3)
    ]
    return [*made, *variants]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Version:
    folder: Path = tmp_path_factory.mktemp("aims")
    images = {f"p{i}": 20 * i for i in range(10)}
    return catalogues.version(
        catalogues.create(folder / "lance", catalogues.rows_of(shop_products(), images))
    )


def ask(shop: Version, media: dict[Modality, EncoderInput] | None = None, **request: Any) -> SearchResponse:
    asked = SearchRequest.model_validate({"limit": 30, **request})
    return SEARCHER.search(shop, asked, encode(asked, LOADED, media or {}))


def found(answer: SearchResponse) -> list[str]:
    return [hit.id for hit in answer.hits]


def test_what_is_liked_and_its_group_are_no_matches_and_what_is_like_it_comes_first(shop: Version) -> None:
    answer = ask(shop, like=["p0"], facets=["color"])
    hits = found(answer)
    assert "p0" not in hits
    assert answer.total == len(hits) == 14
    nearest = max((each for each in hits), key=lambda each: cosine(shop, "p0", each))
    assert hits[0] == nearest
    groups = found(ask(shop, like=["v1"]))
    assert not {"v0", "v1", "v2"} & set(groups)
    assert len(groups) == 12


def cosine(shop: Version, one: str, other: str) -> float:
    rows = np.array([shop.row(one), shop.row(other)], np.int32)
    a, b = shop.fused.gather(rows)[0]
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_several_are_liked_by_their_mean_with_words_and_under_filters(shop: Version) -> None:
    hits = found(ask(shop, like=["p0", "p5"], text="chair"))
    assert hits[0] in ("p1", "p9")
    assert not {"p0", "p5"} & set(hits)
    assert set(found(ask(shop, like=["p0"], filters={"material": ["leather"]}))) == {"p3", "p6", "p9"}


def test_weights_say_what_likeness_counts(shop: Version) -> None:
    asked = {"like": ["p0"], "text": "blue table"}
    alone = ask(shop, **asked, weights={"like": 0})
    assert alone.hits[0].id == "p6"
    liked = ask(shop, **asked, weights={"text": 0})
    assert found(liked)[0] == found(ask(shop, like=["p0"]))[0]
    with pytest.raises(InvalidRequest) as refused:
        ask(shop, **asked, weights={"text": 0, "like": 0})
    assert refused.value.field == "weights"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"like": ["p0", "nobody"]}, "like[1]"),
        ({"text": "lamp", "not": {"like": ["nobody"]}}, "not.like[0]"),
        ({"not": {"text": "leather"}}, "not"),
        ({"not": {"like": ["p0"]}}, "not"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(shop: Version, request_: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        ask(shop, **request_)
    assert refused.value.field == field


def test_no_match_says_all_that_is_not_wanted(shop: Version) -> None:
    everything = set(found(ask(shop, text="red lamp")))
    without = ask(shop, text="red lamp", **{"not": {"text": "Leather chair"}}, facets=["material"])
    # p9 is a green leather chair; other chairs and other leather may be found.
    assert everything - set(found(without)) == {"p9"}
    assert without.total == len(without.hits)
    none = found(ask(shop, text="red lamp", **{"not": {"text": "leather"}}))
    assert not {"p0", "p3", "p6", "p9"} & set(none)
    assert set(found(ask(shop, text="red lamp", **{"not": {"text": "unheardof"}}))) == everything


def test_what_is_unlike_is_not_found_and_leant_away_from(shop: Version) -> None:
    grey: dict[Modality, EncoderInput] = {"image": np.full((4, 4, 3), 90, np.uint8)}
    plain, turned = (ask(shop, grey, **more) for more in ({}, {"not": {"like": ["p4"]}}))
    assert "p4" in found(plain)
    assert "p4" not in found(turned)


vectors = st.lists(st.floats(-1, 1, width=32), min_size=8, max_size=8).filter(
    lambda v: float(np.linalg.norm(v)) > 0.1
)


@given(asked=vectors, unwanted=vectors)
def test_a_query_turns_away_by_a_bounded_angle(asked: list[float], unwanted: list[float]) -> None:
    vector, away = (np.array(v, np.float32) / np.float32(np.linalg.norm(v)) for v in (asked, unwanted))
    query = EncodedQuery(vector=vector, modality_vectors={"image": vector}, away=away, away_alone=away)
    request = SearchRequest(unlike=Unlike(text="x"))
    found = aimed(request, query, Aims())
    assert found.vector is not None
    assert float(np.linalg.norm(found.vector)) == pytest.approx(1, abs=1e-5)
    assert float(found.vector @ vector) > 0.92
    assert float(found.vector @ away) <= float(vector @ away) + 1e-5
    assert found.modality_vectors["image"].tolist() == found.vector.tolist()


def test_a_second_picture_is_leant_away_from_as_well() -> None:
    one, other = np.eye(4, dtype=np.float32)[:2]
    query = EncodedQuery(text="x", vector=one, identity=b"a")
    picture = EncodedQuery(vector=other, modality_vectors={"image": one})
    both_ = less_like(less_like(query, picture), EncodedQuery(vector=one, modality_vectors={"image": other}))
    assert both_.away is not None
    assert both_.away_alone is not None
    assert both_.away[:2] == pytest.approx([0.5**0.5] * 2)
    assert both_.away_alone[:2] == pytest.approx([0.5**0.5] * 2)
    assert less_like(query, picture).away_alone.tolist() == one.tolist()
    assert len({query.identity, less_like(query, EncodedQuery(identity=b"b")).identity, both_.identity}) == 3


def test_queries_that_are_aimed_otherwise_are_other_queries() -> None:
    asked = [
        SearchRequest(text="lamp"),
        SearchRequest(text="lamp", like=["a"]),
        SearchRequest(text="lamp", like=["a", "b"]),
        SearchRequest(text="lamp", unlike=Unlike(like=["a"])),
        SearchRequest(text="lamp", unlike=Unlike(text="red")),
        SearchRequest(text="lamp", unlike=Unlike(text="blue")),
    ]
    assert len({encode(each, LOADED, {}).identity for each in asked}) == len(asked)


AIMED: list[dict[str, Any]] = [
    {"like": ["p0", "v1"]},
    {"like": ["p0"], "text": "chair", "weights": Weights(like=0.5)},
    {"text": "red lamp", "unlike": Unlike(text="leather", like=["p1"])},
]


@pytest.mark.parametrize("more", AIMED)
def test_shards_are_aimed_as_one_process_is_and_pages_go_on(tmp_path: Path, more: dict[str, Any]) -> None:
    products, images = shop_products(), {"p2": 40, "p7": 90}
    catalogues.create(tmp_path / "lance", catalogues.rows_of(products[:8], images))
    dataset = catalogues.append(tmp_path / "lance", catalogues.rows_of(products[8:], images))
    split = Split(dataset, tmp_path / "node", 2)
    request = SearchRequest(limit=3, facets=[Facet(field="material")], **more)
    query = encode(request, LOADED, {})
    whole, parts = (pages(each, request, query) for each in (split.ask_whole, split.ask_shards))
    assert parts == whole
    assert len(whole) > 1
    shown = ids(whole)
    assert len(set(shown)) == len(shown) == whole[0]["total"]


def test_later_pages_go_by_what_was_liked_on_the_first(tmp_path: Path) -> None:
    dataset = catalogues.create(tmp_path / "lance", catalogues.rows_of(shop_products()))
    before = catalogues.version(dataset)
    request = SearchRequest(limit=4, like=["p0", "v0"])
    query = encode(request, LOADED, {})
    all_of_it = found(SEARCHER.search(before, request.model_copy(update={"limit": 30}), query))
    first = SEARCHER.search(before, request, query)
    after = catalogues.version(catalogues.upsert(tmp_path / "lance", catalogues.tombstones(["p0", "v0"])))
    shown = found(first)
    while first.next_cursor is not None:
        first = SEARCHER.search(after, request.model_copy(update={"cursor": first.next_cursor}), query)
        shown += found(first)
    assert shown == all_of_it
    with pytest.raises(InvalidRequest):
        SEARCHER.search(after, request, query)
