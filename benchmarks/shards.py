"""What splitting a collection costs: the same searches by one process that holds everything, and by shards.

    python benchmarks/shards.py --lake LAKE [--shards 2] [--questions 100] [--fragments N] [--no-serve]

Asked in this process (``in_process``: the shards one after the other, no bytes in between) and over Serve
(``serve``: a replica each for the ingress and every shard, one client and eight at once). Before anything is
timed, every answer of the shards is compared with the whole's: ``same`` counts those that are equal to the
last bit, and ``near`` the share of the whole's hits that the others have. ``--fragments`` takes the first of
the table's only. ``bytes_per_product`` are of one shard's part: ``mapped`` files, and ``private`` memory of a
version beside them. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.probe.resident import resident
from benchmarks.questions import Sample, live_table, only_collection
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import EncodedQuery, Searcher, Version
from mmpipe.search.shards import (
    Shard,
    ShardedSearcher,
    ShardedVersion,
    Transport,
    VersionRef,
    assign,
    currency_of,
)
from mmpipe.search.versions.folder import NodeFolder
from mmpipe.search.versions.load import load
from mmpipe.settings import ServeSettings

_NOW = 1.8e9
_CLIENTS = 8
_WARM = 20
Case = tuple[SearchRequest, EncodedQuery]
SETTINGS = ServeSettings()


class Parts:
    """Versions of a table, or of some of its fragments, over one folder of packs."""

    def __init__(self, lake: str, folder: str, fragments: int, shards: int) -> None:
        self._table = live_table(Path(lake), only_collection(Path(lake)))
        self._node = NodeFolder(folder)
        rows = {f.fragment_id: f.physical_rows for f in self._table.get_fragments()[:fragments]}
        self._owner = assign(rows, shards)
        self.ref = VersionRef("bench", "products", self._table.version)

    def version(self, shard: int | None) -> Version:
        """One shard's part, or all."""

        def mine(fragment: int) -> bool:
            return fragment in self._owner and shard in (None, self._owner[fragment])

        return load(
            self._table,
            collection=self.ref.collection,
            table=self.ref.table,
            folder=self._node,
            exact_rows=SETTINGS.exact_rows,
            mine=mine,
            moment=_NOW,
        )


class InProcess:
    """Shards of this process. ``packed``: as bytes, as between processes."""

    def __init__(self, shards: Sequence[Shard], *, packed: bool) -> None:
        self._shards = shards
        self._packed = packed

    async def call(self, shard: int, method: str, *args: Any) -> Any:
        """As :class:`Transport` has it."""
        if self._packed:
            args = pickle.loads(pickle.dumps(args))
        found = getattr(self._shards[shard], method)(*args[1:])
        return pickle.loads(pickle.dumps(found)) if self._packed else found


class ShardReplica:
    """One shard behind a handle."""

    def __init__(self, number: int, *where: Any) -> None:
        self._shard = Shard(Parts(*where).version(number))

    async def ask(self, method: str, *args: Any) -> Any:
        """A method of :class:`Shard`."""
        return getattr(self._shard, method)(*args[1:])

    async def loaded(self) -> Any:
        """See :meth:`Shard.loaded`."""
        return self._shard.loaded()


class Front:
    """The ingress: it holds everything, and asks the shards."""

    def __init__(self, shards: int, *where_and_handles: Any) -> None:
        where, self._handles = where_and_handles[:-shards], where_and_handles[-shards:]
        parts = Parts(*where)
        self._ref = parts.ref
        self._whole = parts.version(None)
        self._plain = Searcher(self._whole.profile, SETTINGS)
        self._sharded = ShardedSearcher(SETTINGS, self)
        self._version: ShardedVersion | None = None

    async def call(self, shard: int, method: str, *args: Any) -> Any:
        """As :class:`Transport` has it."""
        return await self._handles[shard].ask.remote(method, *args)

    async def measure(self, cases: list[Case], clients: int, whole: bool) -> dict[str, float]:
        """Seconds of each search as this process sees them."""
        if self._version is None:
            loaded = [await handle.loaded.remote() for handle in self._handles]
            self._version = _version(self._ref, loaded)

        async def search(case: Case) -> bytes:
            if whole:
                return self._plain.search_json(self._whole, *case)
            assert self._version is not None
            answer = await self._sharded.answer(self._version, *case, seconds=_NOW)
            return answer.body

        return await timed(search, cases, clients)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--lake", type=Path, required=True)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--fragments", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="for the packs; unset: a temporary one")
    parser.add_argument("--no-serve", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        where = (
            str(options.lake.resolve()),
            str(options.folder or temporary),
            options.fragments,
            options.shards,
        )
        cases = _cases(options.lake, options.questions)
        report = {"shards": options.shards, **_in_process(where, options.shards, cases)}
        if not options.no_serve:
            report["serve"] = _over_serve(where, options.shards, cases)
    print(json.dumps(report))


def _cases(lake: Path, count: int) -> list[Case]:
    questions = Sample(live_table(lake, only_collection(lake))).hybrid(count)
    found = []
    for body, vector in zip(questions.requests, questions.vectors, strict=True):
        request = SearchRequest.model_validate(body)
        found.append(
            (request, EncodedQuery(text=request.text, vector=vector, identity=json.dumps(body).encode()))
        )
    return found


def _in_process(where: tuple[Any, ...], shards: int, cases: list[Case]) -> dict[str, Any]:
    parts = Parts(*where)
    parts.version(0)  # builds its packs, and brings in what every version needs
    before = resident(os.getpid())["private_dirty"]
    started = time.perf_counter()
    first = parts.version(0)
    opened = time.perf_counter() - started
    private = resident(os.getpid())["private_dirty"] - before
    held = [Shard(first), *(Shard(parts.version(number)) for number in range(1, shards))]
    version = _version(parts.ref, [shard.loaded() for shard in held])
    whole = parts.version(None)
    plain = Searcher(whole.profile, SETTINGS)

    async def by_whole(case: Case) -> bytes:
        return plain.search_json(whole, *case)

    def by(transport: Transport) -> Callable[[Case], Awaitable[bytes]]:
        searcher = ShardedSearcher(SETTINGS, transport)

        async def body(case: Case) -> bytes:
            return (await searcher.answer(version, *case, seconds=_NOW)).body

        return body

    same, near = asyncio.run(_compared(by_whole, by(InProcess(held, packed=False)), cases))
    report: dict[str, Any] = {
        "products": len(whole),
        "same": f"{same} of {len(cases)}",
        "near": near,
        "open_seconds": round(opened, 3),
        "bytes_per_product": {
            "mapped": round(first.nbytes / len(first)),
            "private": round(private / len(first)),
            **{name: round(size / len(first)) for name, size in sorted(_by_part(first).items())},
        },
    }
    for name, search in (
        ("whole", by_whole),
        ("shards", by(InProcess(held, packed=False))),
        ("shards_as_bytes", by(InProcess(held, packed=True))),
    ):
        report[name] = asyncio.run(timed(search, cases, 1))
    return report


def _by_part(version: Version) -> dict[str, int]:
    found: dict[str, int] = {}
    for fragment in version.fragments.values():
        for name in fragment.parts:
            found[name] = found.get(name, 0) + fragment.part_bytes(name)
    return found


async def _compared(
    whole: Callable[[Case], Awaitable[bytes]], split: Callable[[Case], Awaitable[bytes]], cases: list[Case]
) -> tuple[int, float]:
    same, found, wanted = 0, 0, 0
    for case in cases:
        pages = [json.loads(await search(case)) for search in (whole, split)]
        for page in pages:
            del page["took_ms"]
        same += pages[0] == pages[1]
        ids = [{hit["id"] for hit in page["hits"]} for page in pages]
        found, wanted = found + len(ids[0] & ids[1]), wanted + len(ids[0])
    return same, round(found / max(wanted, 1), 4)


def _over_serve(where: tuple[Any, ...], shards: int, cases: list[Case]) -> dict[str, Any]:
    from mmpipe.serve.ray.run import ray_cluster
    from mmpipe.settings import Settings

    with ray_cluster(Settings()), asyncio.Runner() as runner:
        from ray import serve

        deployed = partial(serve.deployment, num_replicas=1, max_ongoing_requests=64)
        options = {"ray_actor_options": {"num_cpus": 0.1}}
        bound = [
            deployed(ShardReplica, name=f"Shard-{number}", **options).bind(number, *where)
            for number in range(shards)
        ]
        front = deployed(Front, name="Front", **options).bind(shards, *where, *bound)
        handle = serve.run(front, name="bench", route_prefix=None)

        async def ask(clients: int, whole: bool) -> Any:
            return await handle.measure.remote(cases, clients, whole)

        found = {
            f"{name}_{clients}": runner.run(ask(clients, name == "whole"))
            for clients in (1, _CLIENTS)
            for name in ("whole", "shards")
        }
        serve.shutdown()
    return found


def _version(ref: VersionRef, loaded: Sequence[Any]) -> ShardedVersion:
    products = sum(part.products for part in loaded)
    return ShardedVersion(ref, loaded[0].profile, products, currency_of(loaded), len(loaded))


async def timed(
    search: Callable[[Case], Awaitable[bytes]], cases: list[Case], clients: int
) -> dict[str, float]:
    """Milliseconds a search, searches a second and this process's CPU, by so many at once."""
    for case in cases[:_WARM]:
        await search(case)
    took: list[float] = []
    waiting = iter(cases)

    async def client() -> None:
        for case in waiting:
            started = time.perf_counter()
            await search(case)
            took.append((time.perf_counter() - started) * 1e3)

    cpu, started = time.process_time(), time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    seconds = time.perf_counter() - started
    return {
        "p50_ms": round(float(np.percentile(took, 50)), 3),
        "p95_ms": round(float(np.percentile(took, 95)), 3),
        "cpu_ms": round((time.process_time() - cpu) * 1e3 / len(cases), 3),
        "a_second": round(len(cases) / seconds, 1),
    }


if __name__ == "__main__":
    main()
