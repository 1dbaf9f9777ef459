"""One catalogue twice: as a version that is whole, and split among shards in this process."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmpipe.encoders import registry
from mmpipe.encoders.base import EncoderInput, Modality
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import EncodedQuery, Searcher, encode
from mmpipe.search.columns.photos import Numbered, PhotoColumn, Photos
from mmpipe.search.shards import (
    Shard,
    ShardedSearcher,
    ShardedVersion,
    ShardMissing,
    VersionGone,
    VersionRef,
    assign,
    currency_of,
)
from mmpipe.search.versions.folder import NodeFolder
from mmpipe.search.versions.load import load
from mmpipe.search.versions.version import Version
from mmpipe.settings import ServeSettings
from tests.unit.search import catalogues

LOADED = registry.load("fake")
NOW = catalogues.NOW.timestamp()


def sent(value: Any) -> Any:
    """As it comes out of another process: its arrays read-only and anywhere, as Ray may give them."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(body, buffers=[memoryview(b"_" + bytes(each.raw()))[1:] for each in buffers])


class LocalTransport:
    """Shards of any number of versions; arguments and answers cross as bytes, as between processes.

    A shard in ``away`` does not answer, and ``before`` is called before each call.
    """

    def __init__(self) -> None:
        self.shards: dict[tuple[int, VersionRef], Shard] = {}
        self.away: set[int] = set()
        self.before: Callable[[int, str], None] = lambda shard, method: None
        self.calls: list[str] = []

    async def call(self, shard: int, method: str, *args: Any) -> Any:
        """See :class:`mmpipe.search.shards.Transport`."""
        self.before(shard, method)
        self.calls.append(method)
        await asyncio.sleep(0)
        if shard in self.away:
            raise ShardMissing(shard)
        ref, *others = sent(args)
        held = self.shards.get((shard, ref))
        if held is None:
            raise VersionGone(ref.label)
        if method == "load":
            return held.loaded()
        return sent(getattr(held, method)(*others))


class Split:
    """A version whole, and its shards behind a searcher."""

    def __init__(
        self,
        dataset: Any,
        folder: Path,
        shards: int,
        transport: LocalTransport | None = None,
        settings: ServeSettings | None = None,
        owner: Mapping[int, int] | None = None,
        photos: Photos | None = None,
    ) -> None:
        self.settings = settings or ServeSettings(candidates=10, relevance=0.3)
        self.transport = transport or LocalTransport()
        self.node = NodeFolder(folder)
        self.photos = photos
        self.whole = self._load(dataset, None)
        rows = {each.fragment_id: each.physical_rows for each in dataset.get_fragments()}
        shard_of = assign(rows, shards) if owner is None else owner
        ref = VersionRef("shop", "products", dataset.version)
        parts = []
        for number in range(shards):
            version = self._load(dataset, lambda fragment, n=number: shard_of[fragment] == n)  # type: ignore[misc]
            part = self.transport.shards[number, ref] = Shard(version)
            parts.append(part.loaded())
        self.version = ShardedVersion(
            ref, LOADED.profile, sum(part.products for part in parts), currency_of(parts), shards
        )
        self.plain = Searcher(LOADED.profile, self.settings)
        self.sharded = ShardedSearcher(self.settings, self.transport)

    def _load(self, dataset: Any, mine: Callable[[int], bool] | None) -> Version:
        version = load(
            dataset,
            collection="shop",
            table="products",
            folder=self.node,
            exact_rows=self.settings.exact_rows,
            mine=mine,
            moment=NOW,
        )
        if self.photos is None:
            return version
        numbered = Numbered(version.ids, version.alive, version.layout, tuple(version.fragments))
        return version.showing(PhotoColumn(self.photos, numbered))

    def ask_whole(self, request: SearchRequest, query: EncodedQuery) -> dict[str, Any]:
        """What the version that is whole answers."""
        return told(self.plain.search_json(self.whole, request, query))

    def ask_shards(self, request: SearchRequest, query: EncodedQuery, at: float = NOW) -> dict[str, Any]:
        """What the shards answer."""
        answer = self.sharded.answer(self.version, request, query, seconds=at)
        return told(asyncio.run(answer).body)


def told(answer: bytes) -> dict[str, Any]:
    """All that an answer says but how long it took."""
    page: dict[str, Any] = json.loads(answer)
    del page["took_ms"]
    # Its steps are timed too.
    page.pop("plan", None)
    return page


def encoded(request: SearchRequest, media: Mapping[Modality, EncoderInput] | None = None) -> EncodedQuery:
    """A request by the fake models."""
    return encode(request, LOADED, media or {})


def pages(
    ask: Callable[[SearchRequest, EncodedQuery], dict[str, Any]], request: SearchRequest, query: EncodedQuery
) -> list[dict[str, Any]]:
    """Every page of a search."""
    found = [ask(request, query)]
    while found[-1]["next_cursor"] is not None:
        found.append(ask(request.model_copy(update={"cursor": found[-1]["next_cursor"]}), query))
    return found


def ids(found: Sequence[dict[str, Any]]) -> list[str]:
    """The products of some pages, in order."""
    return [hit["id"] for page in found for hit in page["hits"]]
