"""Photos of reviews on shards: what a version that is whole answers, to the last bit."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpipe.schemas.search import SearchRequest
from mmpipe.search.columns.photos import Numbered, PhotoColumn
from mmpipe.search.page import cursor
from mmpipe.search.shards import Shard
from tests.unit.search import catalogues
from tests.unit.search.find.test_photographed import photos_of
from tests.unit.search.shards.shops import Split, encoded, ids, pages
from tests.unit.search.shards.test_same_answers import FACETS, filters, fragments, queries, shop_of

# Products that are there, that are dead and that never were; darker than black cannot be used.
photographed = st.lists(
    st.lists(
        st.tuples(st.integers(0, 39).map(lambda n: f"p{n}"), st.integers(-1, 255)), min_size=1, max_size=8
    ),
    min_size=1,
    max_size=2,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    fragments,
    st.lists(st.integers(0, 39), max_size=6),
    photographed,
    st.lists(
        st.tuples(
            queries,
            st.integers(0, 255),
            filters,
            st.sampled_from(("hybrid", "early")),
            st.sampled_from(("relevance", "relevance", "price_asc")),
            st.integers(1, 7),
            st.booleans(),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_answers_with_photos_do_not_depend_on_how_a_collection_is_split(
    drawn: list[list[tuple[Any, ...]]],
    dead: list[int],
    photos: list[Sequence[tuple[str, int]]],
    asked: list[tuple[Any, ...]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = shop_of(drawn, dead, folder)
        for count in (1, 3):
            split = Split(dataset, folder / "parts", count, photos=photos_of(*photos))
            for text, level, chosen, fusion, sort, limit, explain in asked:
                request = SearchRequest(
                    text=text,
                    filters=chosen,
                    facets=FACETS,
                    fusion=fusion,
                    sort=sort,
                    limit=limit,
                    explain=explain,
                )
                query = encoded(request, {"image": catalogues.picture(level)})
                whole = pages(split.ask_whole, request, query)
                assert pages(split.ask_shards, request, query) == whole
                assert len(ids(whole)) == whole[0]["total"]


@pytest.fixture
def split(tmp_path: Path) -> Split:
    """30 products on three shards, whose pictures are dark; one of them was photographed in bright light."""
    products = [catalogues.product(f"p{n:02}", f"thing {n}") for n in range(30)]
    batches = [
        catalogues.rows_of(products[n : n + 5], {f"p{k:02}": k for k in range(n, n + 5)})
        for n in range(0, 30, 5)
    ]
    dataset = catalogues.create(tmp_path / "t.lance", *batches)
    owner = {f: f % 3 for f in range(6)}
    photos = photos_of([("p07", 250), ("p22", 100)])
    return Split(dataset, tmp_path / "parts", 3, owner=owner, photos=photos)


@pytest.mark.parametrize("fusion", ["hybrid", "early"])
def test_a_hit_says_by_which_photo_it_was_found(split: Split, fusion: Any) -> None:
    request = SearchRequest(fusion=fusion, explain=True)
    page = split.ask_shards(request, encoded(request, {"image": catalogues.picture(250)}))
    first = page["hits"][0]
    assert first["id"] == "p07"
    assert first["review_photo"] == {"review_id": "r0-0", "photo": "r0-0"}
    assert first["scores"]["review_photo"] > 0


def test_a_shard_that_has_no_photos_yet_answers_with_those_that_have(split: Split) -> None:
    """Photos come to one shard a moment before another."""
    request = SearchRequest()
    query = encoded(request, {"image": catalogues.picture(250)})
    for (number, ref), shard in list(split.transport.shards.items()):
        version = shard._version
        if number == 0:
            split.transport.shards[number, ref] = Shard(version.showing(None))
        elif number == 1:
            empty = Numbered(version.ids, np.zeros_like(version.alive), version.layout, ())
            none = PhotoColumn(photos_of([("gone", 1)]), empty)
            split.transport.shards[number, ref] = Shard(version.showing(none))
    page = split.ask_shards(request, query)
    assert page["total"] > 0
    assert all("review_photo" not in hit for hit in page["hits"] if hit["id"] == "p07")


@pytest.mark.parametrize("fusion", ["hybrid", "early"])
def test_a_cursor_that_leans_to_what_was_not_asked_is_taken_without_that(split: Split, fusion: Any) -> None:
    """Whoever changes one moves their own place, and breaks nothing."""
    request = SearchRequest(text="thing", fusion=fusion, limit=5, explain=True)
    query = encoded(request)
    given = cursor.decode(split.ask_whole(request, query)["next_cursor"])
    leans = (("audio", 0.5, 0.0, 1.0), ("image", 0.2, 0.0, 1.0), *given.leans)
    changed = given.model_copy(update={"leans": leans[:4], "vector": (0.0, 0.9)}).encode()
    forged = request.model_copy(update={"cursor": changed})
    page = split.ask_whole(forged, query)
    assert page["total"] > 0
    assert split.ask_shards(forged, query) == page
