"""Products found by photos of their reviews: a bounded part that adds up, and takes nothing from anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pytest

from mmpipe.encoders import fake, registry
from mmpipe.fusion import WeightedMean
from mmpipe.schemas.search import Filters, SearchRequest, SearchResponse
from mmpipe.search import Searcher, Version, encode
from mmpipe.search.columns.photos import Numbered, PhotoColumn, Photos, build_photos
from mmpipe.search.find import photographed
from mmpipe.search.find.question import THING, Question
from mmpipe.search.find.scoring import VectorScale
from mmpipe.search.kernels.memory import words_of
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues

LOADED = registry.load("fake")
SETTINGS = ServeSettings(candidates=20)
# What the shop shows of its products; the photos of shoppers show other things.
IMAGES = {f"p{n}": 3 * n for n in range(30)}
LIKE_NOTHING = 250
MODES = ("hybrid", "early", "late")


def photos_of(*fragments: Sequence[tuple[str, int]], most: int = 1_000) -> Photos:
    """Of each fragment products and how light the photo is; one that is darker than black cannot be used."""
    parts = []
    for number, photos in enumerate(fragments):
        products = pa.array([product for product, _ in photos], pa.string())
        reviews = pa.array([f"r{number}-{n}" for n in range(len(photos))], pa.string())
        usable = pa.array([level >= 0 for _, level in photos])
        pictures = [catalogues.picture(max(level, 0)) for _, level in photos]
        vectors = fake.encoders()["image"].embed_documents(pictures)
        parts.append(build_photos(products, reviews, reviews, usable, vectors))
    undeleted = [words_of(np.ones(len(photos), np.bool_)) for photos in fragments]
    return Photos(parts, undeleted, catalogues.PROFILE.dim, most)


def showing(version: Version, *fragments: Sequence[tuple[str, int]], most: int = 1_000) -> Version:
    """The version with photos."""
    return version.showing(PhotoColumn(photos_of(*fragments, most=most), numbered(version)))


def numbered(version: Version) -> Numbered:
    return Numbered(version.ids, version.alive, version.layout, tuple(version.fragments))


@pytest.fixture
def plain(tmp_path: Path) -> Version:
    products = [
        catalogues.product(p, f"thing {p}", brand="Acme" if n % 2 else "Orbit", item_group_id=f"g{n // 3}")
        for n, p in enumerate([*IMAGES, "bare1", "bare2"])
    ]
    return catalogues.version(catalogues.create(tmp_path / "shop", catalogues.rows_of(products, IMAGES)))


def ask(version: Version, level: int = LIKE_NOTHING, **request: Any) -> SearchResponse:
    asked = SearchRequest(**{"limit": 100, **request})
    media: Mapping[Any, Any] = {"image": catalogues.picture(level)}
    return Searcher(LOADED.profile, SETTINGS).search(version, asked, encode(asked, LOADED, media))


def scores(answer: SearchResponse) -> dict[str, float]:
    return {hit.id: hit.score for hit in answer.hits}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("product", ["p0", "bare1"])
@pytest.mark.parametrize("text", [None, "thing"])
def test_a_product_is_found_by_a_shoppers_photo(
    plain: Version, product: str, text: str | None, mode: str
) -> None:
    version = showing(plain, [(product, LIKE_NOTHING)])
    answer = ask(version, text=text, fusion=mode)
    hit = next(hit for hit in answer.hits if hit.id == product)
    if mode == "early" and (product, text) == ("bare1", "thing"):
        assert scores(ask(plain, text=text, fusion=mode))[product] == hit.score == pytest.approx(1 + THING)
        return
    assert hit.review_photo is not None
    assert hit.review_photo.review_id == "r0-0"
    assert hit.scores is not None
    assert hit.scores.review_photo > 0
    if text is None:
        # In late fusion what its text says counts as before.
        assert mode == "late" or answer.hits[0].id == product
        assert scores(ask(plain, fusion=mode)).get(product, 0) < hit.score
        assert hit.score <= 1
    assert all(other.review_photo is None for other in answer.hits if other.id != product)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", [None, "thing"])
def test_parts_sum_to_the_score(plain: Version, text: str | None, mode: str) -> None:
    version = showing(plain, [("p0", LIKE_NOTHING), ("bare1", 240), ("p5", 100), ("p6", 30)])
    answer = ask(version, text=text, explain=True, level=200, fusion=mode)
    assert any(hit.review_photo for hit in answer.hits)
    for hit in answer.hits:
        assert hit.scores is not None
        assert sum(hit.scores.model_dump().values()) == pytest.approx(hit.score, abs=2e-4)
        assert sum(part.value for part in hit.explanation) == pytest.approx(hit.score, abs=2e-4)
        assert hit.scores.review_photo >= 0
        assert (hit.scores.review_photo > 0) == (hit.review_photo is not None)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("level", [0, 40, 100, LIKE_NOTHING])
@pytest.mark.parametrize("text", [None, "thing p3"])
def test_no_photo_takes_anything_from_any_product(
    plain: Version, level: int, text: str | None, mode: str
) -> None:
    """Unlike, unrelated, of other things: each product keeps what it earns by itself."""
    before = scores(ask(plain, level, text=text, fusion=mode))
    photos = [(product, light) for product in ("p3", "p8", "bare2") for light in (0, 90, 180, LIKE_NOTHING)]
    after = scores(ask(showing(plain, photos), level, text=text, fusion=mode))
    assert before.keys() <= after.keys()
    for product, score in before.items():
        assert after[product] >= score - 1e-6
        if product not in {"p3", "p8", "bare2"}:
            assert after[product] == score


@pytest.mark.parametrize("mode", MODES)
def test_the_shops_own_picture_counts_more_than_the_same_by_a_shopper(
    plain: Version, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    version = showing(plain, [("bare1", IMAGES["p4"])])
    by_shopper = scores(ask(version, IMAGES["p4"], fusion=mode))["bare1"]
    monkeypatch.setattr(photographed, "TRUST", 1.0)
    as_the_shops = scores(ask(version, IMAGES["p4"], fusion=mode))["bare1"]
    assert by_shopper < as_the_shops


@pytest.mark.parametrize("mode", MODES)
def test_many_photos_are_no_advantage(plain: Version, mode: str) -> None:
    one = scores(ask(showing(plain, [("p0", LIKE_NOTHING)]), fusion=mode))
    version = showing(plain, [("p0", LIKE_NOTHING)] * 5, [("p0", LIKE_NOTHING)] * 5)
    assert scores(ask(version, fusion=mode)) == one


def test_what_cannot_be_used_and_what_is_beyond_the_bound_does_not_count(plain: Version) -> None:
    before = scores(ask(plain))
    assert scores(ask(showing(plain, [("p0", -1), ("gone", LIKE_NOTHING)]))) == before
    assert scores(ask(showing(plain, [("p1", 0)], [("p0", LIKE_NOTHING)], most=1))) == before
    column = showing(plain, [("p1", 0), ("gone", 1)]).photos
    assert column is not None
    assert len(column) == 1


@pytest.mark.parametrize("mode", MODES)
def test_filters_facets_totals_pages_and_groups_agree(plain: Version, mode: str) -> None:
    version = showing(plain, [(f"p{n}", LIKE_NOTHING - n) for n in range(0, 30, 4)], [("bare2", 245)])
    whole = ask(version, fusion=mode, facets=["brand"])
    assert whole.total == len(whole.hits)
    counted = {count.value: count.count for count in whole.facets["brand"]}
    assert sum(counted.values()) == whole.total
    chosen = ask(version, fusion=mode, filters=Filters(brand=["Orbit"]), facets=["brand"])
    assert {hit.brand for hit in chosen.hits} == {"Orbit"}
    assert any(hit.review_photo for hit in chosen.hits)
    paged: list[str] = []
    cursor = None
    while True:
        page = ask(version, fusion=mode, limit=3, cursor=cursor)
        paged += [hit.id for hit in page.hits]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert paged == [hit.id for hit in whole.hits]
    groups = ask(version, fusion=mode, collapse=True)
    assert groups.total == len({hit.item_group_id for hit in whole.hits})
    first = {hit.item_group_id: hit.id for hit in reversed(whole.hits)}
    assert {hit.id for hit in groups.hits} == set(first.values())


def test_of_many_photos_the_likeliest_are_found(plain: Version) -> None:
    rng = np.random.default_rng(1)
    photos = [(f"p{rng.integers(30)}", int(rng.integers(0, 100))) for _ in range(3_000)]
    version = showing(plain, [*photos, ("p0", LIKE_NOTHING)], [("bare1", LIKE_NOTHING - 2)], most=9_999)
    assert [hit.id for hit in ask(version).hits[:2]] in (["p0", "bare1"], ["bare1", "p0"])


@pytest.mark.parametrize("mode", MODES)
def test_a_photo_like_nothing_that_is_asked_changes_no_answer(plain: Version, mode: Any) -> None:
    version = showing(plain, [("p29", LIKE_NOTHING)])
    assert scores(ask(version, 0, fusion=mode)) == scores(ask(plain, 0, fusion=mode))


@pytest.mark.parametrize("mode", MODES)
def test_words_alone_are_as_they_were(plain: Version, mode: Any) -> None:
    version = showing(plain, [("p0", LIKE_NOTHING), ("bare1", 10)])
    request = SearchRequest(text="thing p7", limit=100, fusion=mode)
    told = [
        Searcher(LOADED.profile, SETTINGS).search(each, request, encode(request, LOADED, {})).hits
        for each in (plain, version)
    ]
    assert told[0] == told[1]


def test_a_version_of_other_prices_shows_the_same(plain: Version) -> None:
    version = showing(plain, [("p0", LIKE_NOTHING)])
    assert version.at(2e9).photos is version.photos


def test_products_that_moved_are_found_where_they_are(plain: Version, tmp_path: Path) -> None:
    """Fragments that went, that came before others, rows that were written anew or died."""
    folder = tmp_path / "shop"
    names = [f"q{n}" for n in range(200)]
    first = catalogues.append(folder, catalogues.rows_of([catalogues.product(p) for p in names[:100]]))
    version = showing(catalogues.version(first), [(p, LIKE_NOTHING) for p in ("p0", "q3", "q150")])
    assert version.photos is not None
    catalogues.append(folder, catalogues.rows_of([catalogues.product(p) for p in names[100:]]))
    changed = catalogues.upsert(folder, catalogues.rows_of([catalogues.product("q3", "new")], order="2"))
    changed.delete("id = 'p0'")
    changed.optimize.compact_files(target_rows_per_fragment=100)
    later = catalogues.version(lance.dataset(str(folder)))
    taken = PhotoColumn(version.photos.photos, numbered(later), version.photos)
    afresh = PhotoColumn(version.photos.photos, numbered(later))
    assert taken._rows.tolist() == afresh._rows.tolist()
    assert len(taken) == 2


def test_where_products_have_no_pictures_a_photo_is_no_nearer_than_a_fused_vector_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photo is held against others' scores, which are of fused vectors."""
    products = [catalogues.product(f"bare{n}", f"thing {n}") for n in range(20)]
    plain = catalogues.version(catalogues.create(tmp_path / "shop", catalogues.rows_of(products)))
    version = showing(plain, [("bare1", LIKE_NOTHING)])
    request = SearchRequest(limit=100)
    question = Question.of(
        request, encode(request, LOADED, {"image": catalogues.picture(LIKE_NOTHING)}), SETTINGS
    )
    scale = VectorScale(0.1, 0.2)
    alive = words_of(np.ones(20, np.bool_))
    none = np.zeros(0, np.int32), np.zeros(0, np.float32)
    gained = []
    for near in (1.0, 0.5):
        monkeypatch.setattr(WeightedMean, "nearness", lambda _, modality, near=near: near)
        found = photographed.photographed(version, question, alive, scale, *none)
        assert len(found.rows) == 1
        gained.append(float(found.scores[0] + found.gained[0]))
    assert question.vector is not None
    own = float(version.fused.score(np.array([1], np.int32), question.vector)[0])
    part = question.photo_weight
    for near, score in zip((1.0, 0.5), gained, strict=True):
        counted = scale.floor + photographed.TRUST * (near - scale.floor)
        assert score == pytest.approx((1 - part) * own + part * counted, abs=1e-3)
