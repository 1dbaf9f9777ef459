"""Which second of a hit's clip matched."""

from __future__ import annotations

from pathlib import Path

import lance
import numpy as np
import pytest

from mmpipe.encoders import fake
from mmpipe.encoders.base import Vectors, VideoFrames
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.recommend import similar
from mmpipe.schemas.search import SearchRequest, Weights
from mmpipe.search import EncodedQuery, Searcher, Version, encode
from mmpipe.search.kernels.memory import rows_of
from mmpipe.search.page import moments
from mmpipe.search.versions.frame_cache import FrameCache
from mmpipe.settings import ServeSettings
from tests.unit.search.catalogues import (
    PROFILE,
    append,
    clips_of,
    create,
    picture,
    tombstones,
    upsert,
    version,
)

DARK, LIGHT, GREY = 5, 250, 120
LOADED = LoadedEncoders(PROFILE, fake.encoders())


def seconds_by_id(shop: Version, vector: Vectors | None) -> dict[str, float | None]:
    rows = rows_of(shop.alive)
    return dict(zip(shop.ids.ids(rows), moments.seconds(shop, rows, vector), strict=True))


def look(level: int) -> Vectors:
    return LOADED.encoders["image"].embed_query(picture(level))


def test_the_nearest_frame_of_each_clip_across_fragments_and_deletions(tmp_path: Path) -> None:
    create(tmp_path / "t", clips_of({"gone": [LIGHT, DARK], "a": [LIGHT, DARK], "plain": None}),
           clips_of({"b": [DARK, GREY, LIGHT], "late": [GREY, DARK]}))  # fmt: skip
    upsert(tmp_path / "t", clips_of({"late": [DARK, DARK, LIGHT]}))
    dataset = append(tmp_path / "t", tombstones(["dead"]))
    dataset.delete("id = 'gone'")
    shop = version(lance.dataset(str(tmp_path / "t")))
    assert seconds_by_id(shop, look(LIGHT)) == {"a": 0.0, "b": 2.0, "late": 2.0, "plain": None}
    assert seconds_by_id(shop, look(DARK)) == {"a": 1.0, "b": 0.0, "late": 0.0, "plain": None}
    assert seconds_by_id(shop, None) == {"a": None, "b": None, "late": None, "plain": None}


def test_a_version_whose_files_are_gone_tells_no_second(tmp_path: Path) -> None:
    shop = version(create(tmp_path / "t", clips_of({"a": [LIGHT, DARK]})))
    for file in (tmp_path / "t" / "data").iterdir():
        file.unlink()
    assert seconds_by_id(shop, look(LIGHT)) == {"a": None}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Version:
    clips = clips_of({"a": [DARK, LIGHT], "b": [LIGHT, DARK], "c": None})
    return version(create(tmp_path_factory.mktemp("clips") / "t", clips))


def page(shop: Version, request: SearchRequest, query: EncodedQuery) -> dict[str, float | None]:
    found = Searcher(PROFILE, ServeSettings()).search(shop, request, query)
    return {hit.id: hit.video_second for hit in found.hits}


def test_a_page_says_it_for_photo_and_clip_queries_alike(shop: Version) -> None:
    expected = {"a": 1.0, "b": 0.0, "c": None}
    request = SearchRequest()
    photo = encode(request, LOADED, {"image": picture(LIGHT)})
    clip = encode(request, LOADED, {"video": VideoFrames((picture(LIGHT), picture(LIGHT)), (0.0, 1.0))})
    assert page(shop, request, photo) == page(shop, request, clip) == expected
    assert page(shop, SearchRequest(explain=False), photo) == expected


def test_weights_decide_which_part_of_a_mixed_query_is_looked_for(shop: Version) -> None:
    media = {"image": picture(LIGHT), "video": VideoFrames((picture(DARK),), (0.0,))}
    for image, video, expected in ((1.0, 0.0, 1.0), (0.0, 1.0, 0.0)):
        request = SearchRequest(weights=Weights(image=image, video=video))
        assert page(shop, request, encode(request, LOADED, media))["a"] == expected


def test_nothing_is_said_where_the_query_has_no_vector_worth_it(shop: Version) -> None:
    nothing = {"a": None, "b": None, "c": None}
    request = SearchRequest(text="thing")
    sure = encode(request, LOADED, {})
    assert page(shop, SearchRequest(), encode(SearchRequest(), LOADED, {})) == nothing
    unsure = EncodedQuery("thing", sure.vector, sure.modality_vectors, sure.modality_weights, confidence=0.4)
    assert page(shop, request, unsure) == nothing
    assert page(shop, request, EncodedQuery("thing", confidence=1.0)) == nothing
    assert page(shop, request, sure)["a"] is not None


def test_similar_products_are_looked_at_for_the_product_itself(tmp_path: Path) -> None:
    shop = version(
        create(tmp_path / "t", clips_of({"a": [LIGHT], "b": [DARK, LIGHT], "c": [LIGHT, DARK, DARK]}))
    )
    assert {hit.id: hit.video_second for hit in similar(shop, "a").hits} == {"b": 1.0, "c": 0.0}


def test_the_cache_is_bounded_and_lets_the_oldest_go() -> None:
    frames = (np.zeros(2, np.float32), np.zeros((2, 4), np.float32))
    cache = FrameCache(max_bytes=3 * 40)
    for name in "abc":
        cache.put(name, frames)
    assert [f is None for f in cache.get(["a", "b", "c", "d"])] == [False, False, False, True]
    cache.get(["a"])
    cache.put("d", frames)
    assert [f is None for f in cache.get(["a", "b", "c", "d"])] == [False, True, False, False]
