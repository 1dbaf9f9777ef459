"""What one worker process of the batch lane does, whoever starts it: Ray Data or a plain process pool."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmpipe.indexing.lanes import chunks
from mmpipe.indexing.pipeline.encoding import Encoding
from mmpipe.indexing.pipeline.held import Lookup, lookup_in, nothing_held
from mmpipe.indexing.pipeline.pipeline import Pipeline
from mmpipe.indexing.pipeline.preparation import Preparation
from mmpipe.indexing.pipeline.ready import Ready
from mmpipe.indexing.pipeline.result import ChunkResult
from mmpipe.indexing.sources.stores import stores
from mmpipe.indexing.tables.following import models_for
from mmpipe.lake import open_lake

if TYPE_CHECKING:
    from mmpipe.encoders.base import Profile
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.indexing.lanes.chunks import FeedJob
    from mmpipe.indexing.sources.rows import UploadRow

_PREPARED = b"P"


class ChunkIndexer:
    """A packed chunk in, a packed result out: the whole pipeline in one process. Results pass."""

    def __init__(self, job: FeedJob, loaded: LoadedEncoders | None = None) -> None:
        self._pipeline = Pipeline(job.settings, _models(job, loaded), stores(job.settings))
        self._lookup = _lookup(job, self._pipeline.loaded.profile)

    def close(self) -> None:
        """End its threads."""
        self._pipeline.close()

    def __call__(self, chunk: bytes) -> bytes:
        if chunks.is_result(chunk):
            return chunk
        rows = chunks.unpack_rows(chunk)
        result = self._pipeline.process(rows, self._lookup)
        result.rows = _numbers(rows)
        return chunks.pack_result(result, self._pipeline.loaded.profile)


class ChunkPreparer:
    """The part before the encoders: compare, fetch, decode. Yields packed parts of one chunk, each within the
    memory budget. Where the profile is known it loads no model.
    """

    def __init__(self, job: FeedJob) -> None:
        profile = job.profile or _models(job).profile
        self._preparation = Preparation(job.settings, profile, stores(job.settings))
        self._lookup = _lookup(job, profile)

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        if chunks.is_result(chunk):
            yield chunk
            return
        result = ChunkResult()
        rows = chunks.unpack_rows(chunk)
        due, held = self._preparation.compare(rows, self._lookup, result)
        left = set(_numbers(rows))
        for batch in self._preparation.prepare(due, held):
            # Parts come back in any order, and each must tell of its own rows alone that they are done with.
            part = _part(batch, result)
            left.difference_update(part.rows)
            yield _PREPARED + pickle.dumps((batch, part), protocol=5)
        result.rows = sorted(left)
        yield _PREPARED + pickle.dumps(([], result), protocol=5)


class ChunkEncoder:
    """The encoders' part of a chunk that :class:`ChunkPreparer` made ready."""

    def __init__(self, job: FeedJob) -> None:
        self._encoding = Encoding(job.settings, _models(job))

    def __call__(self, part: bytes) -> bytes:
        if chunks.is_result(part):
            return part
        prepared: tuple[list[Ready], ChunkResult] = pickle.loads(memoryview(part)[1:])  # noqa: S301  made above
        batch, result = prepared
        self._encoding.finish(batch, result)
        return chunks.pack_result(result, self._encoding.loaded.profile)


def _part(batch: list[Ready], whole: ChunkResult) -> ChunkResult:
    """What is said of a batch's rows, taken out of what is said of the whole chunk."""
    part = ChunkResult(rows=[ready.work.row.row for ready in batch])
    for ready in batch:
        run_id = ready.work.row.source.run_id
        part.of_run(run_id).read += 1
        whole.of_run(run_id).read -= 1
        part.named.setdefault(run_id, set()).add(ready.work.product.id)
    return part


def _numbers(rows: list[UploadRow]) -> list[int]:
    return sorted({row.row for row in rows})


def _models(job: FeedJob, loaded: LoadedEncoders | None = None) -> LoadedEncoders:
    return models_for(job.settings, job.settings.indexing.profile, job.profile, loaded, threads=job.threads)


def _lookup(job: FeedJob, profile: Profile) -> Lookup:
    collection = open_lake(job.settings).collection(job.order.collection, create=True)
    table = collection.products(profile, create=True)
    if table.latest().count_rows() == 0:
        return nothing_held(profile.dim)
    return lookup_in(table, profile.dim)
