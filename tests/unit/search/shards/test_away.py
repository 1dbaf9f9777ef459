"""Shards that do not answer, and versions that change between pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.search import Facet, SearchRequest
from mmpipe.search.shards import ShardMissing, VersionGone
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues
from tests.unit.search.shards.shops import LocalTransport, Split, encoded, ids, pages

RED = SearchRequest(text="red lamp", facets=["brand"], limit=4)


def products(first: int, last: int, *, title: str = "red lamp") -> Any:
    made = [
        catalogues.product(f"l{n:02}", f"{title} {n % 4}", price=f"{n}.00", brand=f"brand {n % 3}")
        for n in range(first, last)
    ]
    return catalogues.rows_of(made)


def split_of(folder: Path, dataset: Any, transport: LocalTransport | None = None, **settings: Any) -> Split:
    """Fragments to shards in turn."""
    owner = {each.fragment_id: each.fragment_id % 3 for each in dataset.get_fragments()}
    chosen = ServeSettings(candidates=10, relevance=0.3, **settings)
    return Split(dataset, folder / "parts", 3, transport, chosen, owner)


@pytest.fixture
def table(tmp_path: Path) -> Any:
    """Three fragments of six products."""
    return catalogues.create(tmp_path / "t.lance", *(products(n, n + 6) for n in (0, 6, 12)))


@pytest.mark.parametrize("request_", [RED, SearchRequest(limit=4), SearchRequest(sort="price_asc", limit=4)])
def test_a_shard_that_is_away_fails_the_search_and_is_named(
    tmp_path: Path, table: Any, request_: SearchRequest
) -> None:
    split = split_of(tmp_path, table)
    split.transport.away = {1}
    with pytest.raises(ShardMissing, match="shard 1") as caught:
        split.ask_shards(request_, encoded(request_))
    assert caught.value.shard == 1


@pytest.mark.parametrize("request_", [RED, SearchRequest(limit=4), SearchRequest(sort="price_asc", limit=4)])
def test_the_others_answer_alone_where_that_is_wanted(
    tmp_path: Path, table: Any, request_: SearchRequest
) -> None:
    split = split_of(tmp_path, table, partial_answers=True)
    query = encoded(request_)
    assert "partial" not in split.ask_shards(request_, query)
    split.transport.away = {1}
    found = split.ask_shards(request_, query)
    assert found["partial"] is True
    assert found["total"] == 12
    # As if the collection were those two thirds.
    alone = catalogues.create(tmp_path / "two.lance", products(0, 6), products(12, 18))
    whole = Split(alone, tmp_path / "others", 1, settings=split.settings)
    expected = whole.ask_whole(request_, query)
    for name in ("total", "hits", "facets", "words"):
        assert found[name] == expected[name]
    split.transport.away = {0, 1, 2}
    with pytest.raises(ShardMissing):
        split.ask_shards(request_, query)


@pytest.mark.parametrize("method", ["survey", "find", "hits"])
def test_a_shard_that_goes_away_during_a_search_is_left_out_of_all_of_it(
    tmp_path: Path, table: Any, method: str
) -> None:
    split = split_of(tmp_path, table, partial_answers=True)

    def goes(shard: int, asked: str) -> None:
        if (shard, asked) == (1, method):
            split.transport.away = {1}

    request = RED.model_copy(update={"limit": 18})  # hits of every shard
    query = encoded(request)
    split.transport.away = {1}
    expected = split.ask_shards(request, query)
    split.transport.away = set()
    split.transport.before = goes
    assert split.ask_shards(request, query) == expected


def test_pages_after_an_outage_go_on_where_they_were(tmp_path: Path, table: Any) -> None:
    split = split_of(tmp_path, table)
    query = encoded(RED)
    whole = pages(split.ask_whole, RED, query)
    first = split.ask_shards(RED, query)
    following = RED.model_copy(update={"cursor": first["next_cursor"]})
    split.transport.away = {2}
    with pytest.raises(ShardMissing):
        split.ask_shards(following, query)
    split.transport.away = set()
    assert split.ask_shards(following, query) == whole[1]


@pytest.mark.parametrize("sort", ["relevance", "price_desc"])
def test_pages_go_on_in_another_version(tmp_path: Path, table: Any, sort: str) -> None:
    request = RED.model_copy(update={"sort": sort})
    query = encoded(request)
    split = split_of(tmp_path, table)
    before = ids(pages(split.ask_shards, request, query))
    first = split.ask_shards(request, query)
    gone = before[6]
    table.delete(f"id = '{gone}'")
    catalogues.append(tmp_path / "t.lance", products(30, 34, title="blue chair"))
    later = split_of(tmp_path, catalogues.append(tmp_path / "t.lance", products(40, 43)), split.transport)

    found, page = [first], first
    while page["next_cursor"] is not None:
        following = request.model_copy(update={"cursor": page["next_cursor"]})
        page = later.ask_shards(following, query)
        assert page == later.ask_whole(following, query)
        assert page["version_changed"] is (len(found) == 1)
        found.append(page)
    told = ids(found)
    assert len(told) == len(set(told))
    old = set(before) - {gone}
    assert [i for i in told if i in old] == [i for i in before if i in old]
    # What did not change earns the same, to the last bit.
    scores = {hit["id"]: hit["score"] for hit in found[1]["hits"]}
    unchanged = [
        hit for page in pages(split.ask_shards, request, query) for hit in page["hits"] if hit["id"] in scores
    ]
    assert unchanged
    assert all(scores[hit["id"]] == hit["score"] for hit in unchanged)


def test_a_version_that_no_shard_holds_is_gone(tmp_path: Path, table: Any) -> None:
    split = split_of(tmp_path, table)
    split.transport.shards.clear()
    with pytest.raises(VersionGone):
        split.ask_shards(RED, encoded(RED))


def test_what_is_wrong_with_a_request_is_said_before_any_shard_is_asked(tmp_path: Path, table: Any) -> None:
    split = split_of(tmp_path, table)
    query = encoded(RED)
    cursor = split.ask_shards(RED, query)["next_cursor"]
    split.transport.calls.clear()
    for field, wrong in (
        ("facets", RED.model_copy(update={"facets": [Facet(field="nonsense")]})),
        ("fusion", RED.model_copy(update={"fusion": "late"})),
        ("collapse", RED.model_copy(update={"collapse": True})),
        ("diversity", RED.model_copy(update={"diversity": 0.5})),
        ("sort", RED.model_copy(update={"sort": "popularity"})),
        ("cursor", SearchRequest(text="blue", cursor=cursor)),
        ("cursor", RED.model_copy(update={"cursor": "nonsense"})),
    ):
        with pytest.raises(InvalidRequest) as caught:
            split.ask_shards(wrong, encoded(wrong))
        assert caught.value.field == field
    assert split.transport.calls == []


def test_rounds_are_as_few_as_the_search_allows(tmp_path: Path, table: Any) -> None:
    split = split_of(tmp_path, table)
    calls = split.transport.calls
    first = split.ask_shards(RED, encoded(RED))
    assert [calls.count(name) for name in ("survey", "find")] == [3, 3]
    calls.clear()
    # A cursor and a request without a query need no survey; who has no hit on the page is not asked for any.
    split.ask_shards(RED.model_copy(update={"cursor": first["next_cursor"]}), encoded(RED))
    assert [calls.count(name) for name in ("survey", "find")] == [0, 3]
    calls.clear()
    browse = SearchRequest(limit=4)
    split.ask_shards(browse, encoded(browse))
    assert [calls.count(name) for name in ("survey", "find", "hits")] == [0, 3, 1]


def test_late_fusion_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="fusion_mode"):
        ServeSettings(shards=2, fusion_mode="late")
    assert ServeSettings(shards=1, fusion_mode="late").fusion_mode == "late"
