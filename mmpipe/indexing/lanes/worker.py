"""What one worker process of the batch lane does, whoever starts it: Ray Data or a plain process pool."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmpipe.indexing.lanes import chunks
from mmpipe.indexing.lanes.chunks import Job
from mmpipe.indexing.pipeline.held import KnownRows, Lookup, lookup_in, nothing_known
from mmpipe.indexing.pipeline.pipeline import Pipeline, Ready
from mmpipe.indexing.pipeline.result import ChunkResult
from mmpipe.indexing.sources.stores import stores
from mmpipe.indexing.tables.following import models_for
from mmpipe.lake import open_lake

if TYPE_CHECKING:
    from mmpipe.encoders.base import Profile
    from mmpipe.encoders.registry import LoadedEncoders


class ChunkIndexer:
    """A packed chunk in, a packed result out: the whole pipeline in one process."""

    def __init__(self, job: Job, loaded: LoadedEncoders | None = None) -> None:
        self._pipeline = _pipeline(job, loaded)
        self._lookup = _lookup(job, self._pipeline.loaded.profile)

    def close(self) -> None:
        """End its threads."""
        self._pipeline.close()

    def __call__(self, chunk: bytes) -> bytes:
        told = ChunkResult()
        result = self._pipeline.process(chunks.unpack_rows(chunk, told), self._lookup)
        result.add(told)
        return chunks.pack_result(result, self._pipeline.loaded.profile)


class ChunkPreparer:
    """The part before the encoders: compare, fetch, decode. Yields packed parts of one chunk, each within the
    memory budget.
    """

    def __init__(self, job: Job) -> None:
        self._pipeline = _pipeline(job)
        self._lookup = _lookup(job, self._pipeline.loaded.profile)

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        result = ChunkResult()
        live, known = self._pipeline.compare(chunks.unpack_rows(chunk, result), self._lookup, result)
        slim = known.without_vectors()
        for batch in self._pipeline.prepare(live, known):
            yield pickle.dumps((batch, slim, ChunkResult()), protocol=5)
        yield pickle.dumps(([], KnownRows(None, self._pipeline.loaded.profile.dim), result), protocol=5)


class ChunkEncoder:
    """The encoders' part of a chunk that :class:`ChunkPreparer` made ready."""

    def __init__(self, job: Job) -> None:
        self._pipeline = _pipeline(job)

    def __call__(self, part: bytes) -> bytes:
        prepared: tuple[list[Ready], KnownRows, ChunkResult] = pickle.loads(part)  # noqa: S301  made above
        batch, known, result = prepared
        self._pipeline.finish(batch, known, result)
        return chunks.pack_result(result, self._pipeline.loaded.profile)


def _pipeline(job: Job, loaded: LoadedEncoders | None = None) -> Pipeline:
    models = models_for(job.settings, job.order.profile, job.profile, loaded, threads=job.threads)
    return Pipeline(job.settings, models, stores(job.settings))


def _lookup(job: Job, profile: Profile) -> Lookup:
    collection = open_lake(job.settings).collection(job.order.collection, create=True)
    table = collection.products(profile, create=True)
    # What this very run has committed by now need not be compared: its rows come once.
    if table.latest().count_rows() == 0:
        return nothing_known(profile.dim)
    return lookup_in(table, profile.dim)
