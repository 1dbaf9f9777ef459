"""Fusion of candidate lists, cursors, query composition, facets' and filters' edges."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.encoders import registry
from mmpipe.encoders.base import AudioClip, Encoder, EncoderInput, Vectors, VideoFrames
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.errors import InvalidRequest, ProfileMismatch
from mmpipe.schemas.search import Filters, SearchRequest, Weights
from mmpipe.search import EncodedQuery, Searcher, Snapshot, TextCache, cursor, encode, facets, filters
from mmpipe.search.present import money
from mmpipe.search.rank_fusion import Candidates, fuse
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues


def candidates(rows: list[int], scores: dict[int, float], weight: float = 1.0) -> Candidates:
    """A list over rows 0..20 that scores every row, also those it does not propose."""
    everywhere = np.array([scores.get(row, 0.0) for row in range(21)], np.float32)
    best_first = np.array(sorted(rows, key=lambda row: -everywhere[row]), np.int64)
    found = everywhere[best_first]
    floor, ceiling = (float(found[-1]), float(found[0])) if len(found) else (0.0, 1.0)
    return Candidates(best_first, found, lambda asked: everywhere[asked], floor, ceiling, weight)


def test_fusion_by_a_worked_example() -> None:
    text = candidates([1, 2], {1: 4.0, 2: 3.0}, weight=3.0)
    vector = candidates([2, 3], {1: 0.5, 2: 0.9, 3: 0.5}, weight=1.0)
    fused = fuse([text, vector], np.arange(21, dtype=np.int32))
    # 1: 3/4 · 1 + 1/4 · 0;  2: 3/4 · 0 + 1/4 · 1;  3: nothing, at the floor of both
    assert fused.rows.tolist() == [1, 2, 3]
    assert fused.scores.tolist() == pytest.approx([0.75, 0.25, 0.0])


def test_a_row_of_one_list_gets_its_score_from_the_other() -> None:
    text = candidates([1], {1: 4.0, 2: 4.0})  # row 2 was cut off among ties
    vector = candidates([2, 3], {2: 0.9, 3: 0.5})
    fused = fuse([text, vector], np.arange(21, dtype=np.int32))
    assert fused.rows[0] == 2
    assert fused.scores[0] == pytest.approx(1.0)


def test_rows_with_equal_vectors_are_not_told_apart_by_rounding() -> None:
    text = candidates([1, 2, 3], {1: 4.0, 2: 4.0, 3: 4.0})
    vector = replace(candidates([1, 2, 3], {1: 0.5, 2: 0.5000001, 3: 0.4999999}), noise=1e-5)
    fused = fuse([text, vector], np.arange(21, dtype=np.int32))
    assert fused.rows.tolist() == [1, 2, 3]
    assert fused.scores.tolist() == pytest.approx([1.0, 1.0, 1.0])


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 20), min_size=1, unique=True),
            st.dictionaries(st.integers(0, 20), st.floats(0, 10, width=32)),
            st.sampled_from([0.3, 1.0]),
        ),
        min_size=2,
        max_size=3,
    )
)
def test_shares_sum_to_scores_in_order(lists: list[tuple[list[int], dict[int, float], float]]) -> None:
    id_rank = np.arange(21, dtype=np.int32)[::-1].copy()
    fused = fuse([candidates(*each) for each in lists], id_rank)
    assert set(fused.rows.tolist()) == {row for rows, _, _ in lists for row in rows}
    assert np.sum(fused.shares, axis=0) == pytest.approx(fused.scores)
    assert all(0 <= score <= 1 + 1e-9 for score in fused.scores.tolist())
    order = list(zip((-fused.scores).tolist(), id_rank[fused.rows].tolist(), strict=True))
    assert order == sorted(order)


def test_no_list_and_one_list() -> None:
    assert len(fuse([], np.zeros(0, np.int32)).rows) == 0
    one = fuse([candidates([3, 1], {3: 1.0, 1: 0.0})], np.zeros(21, np.int32))
    assert one.rows.tolist() == [3, 1]
    assert one.scores.tolist() == [1.0, 0.0]


def test_a_cursor_reads_back() -> None:
    written = cursor.Cursor("products_fake_12345678@7", "ab", 40)
    assert cursor.decode(written.encode()) == written
    assert cursor.pinned_version(None) is None


def _raw(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        *("", "?", "nonsense", "é", "AAAA", "W" * 500),
        *(_raw(value) for value in ({}, "[" * 200, [2, "v", "d", 1], [1, 2, 3, 4], [1, "v", "d", 1, 5])),
        *(_raw([1, "v", "d", offset]) for offset in (-1, 1.5, 2**60, None, True)),
    ],
)
def test_foreign_cursors_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor: is no cursor"):
        cursor.decode(text)


@pytest.fixture(scope="module")
def loaded() -> LoadedEncoders:
    return registry.load("fake")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    products = [
        catalogues.product("a", "red shirt", brand="Acme", product_type="Clothing > Shirts", price="5.00"),
        catalogues.product("b", "blue shirt", brand="acme", product_type="clothing>shirts", price="7.50"),
        catalogues.product(
            "c", "green lamp", brand="ACME", attributes={"Watt": "40"}, price="900", currency="JPY"
        ),
        catalogues.product("d", "lamp", price=None, attributes={"watt": "60", "a=b": "c"}),
    ]
    folder: Path = tmp_path_factory.mktemp("shop") / "t"
    return catalogues.snapshot(catalogues.create(folder, catalogues.rows_of(products)))


def ids(shop: Snapshot, **wanted: object) -> list[str | None]:
    found = filters.mask(shop, Filters(**wanted))  # type: ignore[arg-type]
    rows = shop.id_order if found is None else shop.id_order[found[shop.id_order]]
    return [shop.text("id", int(row)) for row in rows]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, "abcd"),
        ({"brand": ["aCmE "]}, "abc"),
        ({"brand": ["Acme", "nobody"], "category": ["shirts"]}, "ab"),
        ({"category": ["CLOTHING > shirts"]}, "ab"),
        ({"category": ["> >"]}, ""),
        ({"category": ["Shirts > Clothing"]}, ""),
        ({"attributes": {"WATT": ["40", "60"]}}, "cd"),
        ({"attributes": {"watt": ["40"], "nothing": ["x"]}}, ""),
        ({"attributes": {"": ["40"]}}, ""),
        ({"attributes": {"watt=40' OR 1=1 --": ["x"]}}, ""),
        ({"price": {"gte": 0}}, "ab"),
        ({"price": {"lte": "7.49"}}, "a"),
        ({"price": {}}, "abcd"),
        ({"color": ["red"]}, ""),
    ],
)
def test_filters(shop: Snapshot, wanted: dict[str, object], expected: str) -> None:
    assert ids(shop, **wanted) == list(expected)


def test_facets_name_the_commonest_spelling_and_refuse_the_unknown(shop: Snapshot) -> None:
    rows = shop.live_rows
    counted = facets.count(
        shop, rows, ["brand", "category", "attributes.Watt", "attributes.none", "price", "gender"]
    )
    assert counted == {
        "brand": [("ACME", 3)],
        "category": [("Clothing", 2), ("Clothing > Shirts", 2)],
        "attributes.Watt": [("40", 1), ("60", 1)],
        "attributes.none": [],
        "price": [("5..5", 1), ("7.5..7.5", 1)],
        "gender": [],
    }
    with pytest.raises(InvalidRequest, match="no facet 'colour'; known are brand, category"):
        facets.check(["brand", "colour"])
    with pytest.raises(InvalidRequest):
        facets.check(["attributes."])


def test_at_most_fifty_values(tmp_path: Path) -> None:
    products = [catalogues.product(f"p{n:03d}", brand=f"brand {n:03d}") for n in range(60)]
    found = catalogues.snapshot(catalogues.create(tmp_path / "t", catalogues.rows_of(products)))
    counted = facets.count(found, found.live_rows, ["brand"])["brand"]
    assert counted == [(f"brand {n:03d}", 1) for n in range(50)]


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (19.99, "USD", "19.99 USD"),
        (20.0, "USD", "20.00 USD"),
        (1500.0, "JPY", "1500 JPY"),
        (1.5, "KWD", "1.500 KWD"),
        (0.125, "USD", "0.125 USD"),
        (5.0, None, "5.00"),
        (float("nan"), "USD", None),
        (1e11, "USD", "100000000000.00 USD"),
    ],
)
def test_prices_read_as_money(amount: float, currency: str | None, text: str | None) -> None:
    assert money(amount, currency) == text


def test_text_and_picture_are_fused_by_the_requests_weights(loaded: LoadedEncoders) -> None:
    picture = np.full((4, 4, 3), 9, np.uint8)
    request = SearchRequest(text="red lamp", weights=Weights(text=3, image=1))
    query = encode(request, loaded, {"image": picture})
    text, image = query.modality_vectors["text"], query.modality_vectors["image"]
    expected = 3 * text + image
    assert query.vector == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)
    assert query.text_share == 0.75
    only = encode(SearchRequest(text="red lamp", weights=Weights(text=0)), loaded, {"image": picture})
    assert only.vector == pytest.approx(image)
    assert only.text_share == 0
    with pytest.raises(InvalidRequest, match="weights: at least one of text, image"):
        encode(SearchRequest(text="x", weights=Weights(text=0, image=0)), loaded, {"image": picture})
    imageless = LoadedEncoders(loaded.profile, {"text": loaded.encoders["text"]})
    with pytest.raises(InvalidRequest, match=r"image: .*cannot encode image"):
        encode(request, imageless, {"image": picture})
    assert encode(SearchRequest(), loaded, {}).asks_nothing


def test_different_media_are_different_queries(loaded: LoadedEncoders) -> None:
    clips = [AudioClip(np.full(8, value, np.float32), 16_000) for value in (0.1, 0.2)]
    frames = [VideoFrames((np.full((2, 2, 3), value, np.uint8),), (0.0,)) for value in (1, 2)]
    queries = [encode(SearchRequest(), loaded, {"audio": clip}) for clip in clips]
    queries += [encode(SearchRequest(), loaded, {"video": clip}) for clip in frames]
    queries += [encode(SearchRequest(text=text), loaded, {}) for text in ("a", "b")]
    assert len({query.identity for query in queries}) == len(queries)


def test_a_repeated_text_is_encoded_once() -> None:
    loaded = registry.load("fake")
    cache = TextCache(size=2)
    for text in ("a", "b", "a", "c", "b"):
        encode(SearchRequest(text=text), loaded, {}, cache)
    assert loaded.encoders["text"].queries == 4  # type: ignore[attr-defined]


def test_an_unsure_vector_counts_less(shop: Snapshot, loaded: LoadedEncoders) -> None:
    searcher = Searcher(loaded.profile, ServeSettings())
    request = SearchRequest(text="lamp")
    vector = catalogues.text_vector("red shirt . Acme . Clothing > Shirts")
    sure = searcher.search(shop, request, EncodedQuery(text="lamp", vector=vector))
    unsure = searcher.search(shop, request, EncodedQuery(text="lamp", vector=vector, confidence=0.1))
    blind = searcher.search(shop, request, EncodedQuery(text="lamp", vector=vector, confidence=0.0))
    assert unsure.total == sure.total == 4
    assert unsure.hits[0].scores.text < sure.hits[0].scores.text  # type: ignore[union-attr]
    assert {hit.id for hit in unsure.hits[:2]} == {hit.id for hit in blind.hits} == {"c", "d"}


def test_a_query_that_matches_nothing_gives_an_empty_page(shop: Snapshot, loaded: LoadedEncoders) -> None:
    searcher = Searcher(loaded.profile, ServeSettings())
    for text in ("!!!", "unheard-of"):
        page = searcher.search(shop, SearchRequest(text=text, facets=["brand"]), EncodedQuery(text=text))
        assert (page.total, page.hits, page.facets, page.next_cursor) == (0, [], {"brand": []}, None)


def test_a_cursor_of_another_search_is_refused(shop: Snapshot, loaded: LoadedEncoders) -> None:
    searcher = Searcher(loaded.profile, ServeSettings())
    request = SearchRequest(text="shirt", limit=1)
    first = searcher.search(shop, request, encode(request, loaded, {}))
    assert first.next_cursor is not None
    for change in ({"text": "lamp"}, {"filters": Filters(brand=["Acme"])}, {"weights": Weights(text=2)}):
        other = request.model_copy(update={**change, "cursor": first.next_cursor})
        with pytest.raises(InvalidRequest, match="belongs to another search"):
            searcher.search(shop, other, encode(other, loaded, {}))
    more = request.model_copy(
        update={"cursor": first.next_cursor, "limit": 3, "facets": ["brand"], "explain": False}
    )
    page = searcher.search(shop, more, encode(more, loaded, {}))
    assert len(page.hits) == 3
    assert page.hits[0].scores is None
    stale = cursor.Cursor("products@999", cursor.decode(first.next_cursor).digest, 1).encode()
    with pytest.raises(InvalidRequest, match="expired"):
        searcher.search(shop, request.model_copy(update={"cursor": stale}), encode(request, loaded, {}))


def test_other_models_may_not_search_the_table(shop: Snapshot, loaded: LoadedEncoders) -> None:
    from dataclasses import replace

    other = Searcher(replace(loaded.profile, name="other"), ServeSettings())
    with pytest.raises(ProfileMismatch, match="encoded by profile fake"):
        other.search(shop, SearchRequest(), EncodedQuery())


class HalfKnown:
    """A text encoder that knows half of everything, counting its calls."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder, self.info, self.calls = encoder, encoder.info, 0

    def embed_documents(self, inputs: Sequence[EncoderInput]) -> Vectors:
        return self.encoder.embed_documents(inputs)

    def embed_query(self, query: EncoderInput) -> Vectors:
        self.calls += 1
        return self.encoder.embed_query(query)

    def confidence(self, query: str) -> float:
        return 0.5


def test_half_known_words_lean_on_full_text() -> None:
    fake = registry.load("fake")
    text = HalfKnown(fake.encoders["text"])
    loaded = LoadedEncoders(fake.profile, {**fake.encoders, "text": text})
    cache = TextCache()
    request = SearchRequest(text="zorblax shoes")
    assert [encode(request, loaded, {}, cache).confidence for _ in range(2)] == [0.5, 0.5]
    assert text.calls == 1
    picture = np.zeros((4, 4, 3), np.uint8)
    assert encode(request, loaded, {"image": picture}).confidence == 1.0
    assert encode(request, fake, {}).confidence == 1.0
