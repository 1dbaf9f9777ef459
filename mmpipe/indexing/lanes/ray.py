"""The batch lane's workers on Ray Data: one streaming reader → a pool of encoder actors → results as they
come.

One row of the dataset is one packed chunk, and one block holds one row, so that back-pressure counts chunks:
a reader that is ahead waits, and memory stays the same however long the feed is. Without a GPU one actor
fetches, decodes and encodes; with GPUs, CPU actors prepare and GPU actors only encode.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mmpipe.errors import MmpipeError
from mmpipe.indexing.lanes.chunks import is_result, read_packed
from mmpipe.indexing.lanes.collector import collect_seldom
from mmpipe.indexing.lanes.worker import ChunkEncoder, ChunkIndexer, ChunkPreparer

if TYPE_CHECKING:
    from ray.data import Dataset

    from mmpipe.indexing.lanes.chunks import FeedJob
    from mmpipe.settings import IndexingSettings

# Chunks on their way between the stages, for each worker: keeps every worker busy and bounds memory.
_BYTES_PER_WORKER = 96_000_000
_READER_CPUS = 0.1
_READER_BYTES = 200_000_000
Worker = Callable[[bytes], bytes | Iterator[bytes]]
_ARROW: dict[str, Any] = {"batch_size": 1, "batch_format": "pyarrow"}


@dataclass(frozen=True)
class Pools:
    """How many actors of each kind a job gets, and the CPUs that each of them asks for."""

    preparers: int  # 0: no GPU, the encoders prepare for themselves
    encoders: int
    reader_cpus: float
    actor_cpus: float


def pools(resources: Mapping[str, float], free_cpus: float, indexing: IndexingSettings) -> Pools:
    """The pools for a cluster that has ``resources`` in all, ``free_cpus`` of them free, under the settings.

    A cluster that grows is asked for whole CPUs and for the GPUs of the settings, which nodes are then added
    for; any other is asked only for what it has.
    """
    there, cpus = int(resources.get("GPU", 0)), float(resources.get("CPU", 1))
    gpus = there if indexing.gpus is None else indexing.gpus
    count = indexing.workers or gpus or max(1, int(cpus))
    if indexing.gpus:
        preparers, encoders = indexing.workers or max(1, int(cpus) - 1), gpus
    elif gpus:
        preparers, encoders = max(1, int(cpus) - 1), min(count, gpus)
    else:
        preparers, encoders = 0, count
    if indexing.autoscaled:
        return Pools(preparers, encoders, _READER_CPUS, 1.0)
    return Pools(preparers, encoders, *_shares(cpus, free_cpus, preparers or encoders))


def ray_chunks(job: FeedJob, indexing: IndexingSettings) -> Generator[bytes, None, None]:
    """Packed results of every chunk of the job's feed, in any order, by as many actors as :func:`pools` says.

    Ray must be initialised. Raises the reader's or a worker's own :class:`MmpipeError`.
    """
    import ray
    from ray.data import ActorPoolStrategy
    from ray.exceptions import RayError

    sizes = pools(ray.cluster_resources(), float(ray.available_resources().get("CPU", 0)), indexing)
    with _data_context(_BYTES_PER_WORKER * (1 + sizes.encoders + sizes.preparers)):
        chunks = ray.data.from_items([{"bytes": job.pack()}]).map_batches(
            # Asking for memory too keeps the reader a stage of its own: with equal demands Ray would run it
            # inside one of the actors, and the others would wait.
            _read,
            num_cpus=sizes.reader_cpus,
            memory=_READER_BYTES,
            **_ARROW,
        )

        def stage(
            source: Dataset, worker: Callable[[FeedJob], Worker], actors: int, **resources: float
        ) -> Dataset:
            pool = ActorPoolStrategy(size=actors)
            return source.map_batches(
                _Stage, fn_constructor_args=(job, worker), compute=pool, **resources, **_ARROW
            )

        if sizes.preparers:
            prepared = stage(chunks, ChunkPreparer, sizes.preparers, num_cpus=sizes.actor_cpus)
            results = stage(prepared, ChunkEncoder, sizes.encoders, num_cpus=0, num_gpus=1)
        else:
            results = stage(chunks, ChunkIndexer, sizes.encoders, num_cpus=sizes.actor_cpus)
    try:
        for batch in results.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1):
            for value in batch.column("bytes"):
                yield value.as_py()
    except RayError as error:
        ours = _our_error(error)
        if ours is None:
            raise
        raise ours from error


def _shares(cpus: float, free: float, actors: int) -> tuple[float, float]:
    """CPUs that the reader and each actor ask for.

    Where a warm service holds the CPUs of a small machine for good, asking for any would wait for ever; the
    operating system shares them well. A cluster without any CPU node yet is asked for whole ones, so that it
    grows.
    """
    if cpus < 1:
        return _READER_CPUS, 1.0
    if free < 0.5:
        return 0.0, 0.0
    return _READER_CPUS, max(0.01, min(1.0, (free - _READER_CPUS) / (actors + 1)))


def _read(batch: pa.Table) -> Iterator[pa.Table]:
    collect_seldom()
    for value in batch.column("bytes"):
        for chunk in read_packed(value.as_py()):
            yield _one(chunk)


class _Stage:
    """An actor of one stage.

    Where readers follow a table already most rows of a feed are as they were, and have been settled by the
    reader: models are loaded then when a chunk comes that needs them. Of a first feed every chunk does, so
    they are loaded while it is being read.
    """

    def __init__(self, job: FeedJob, worker: Callable[[FeedJob], Worker]) -> None:
        collect_seldom()
        self._make = partial(worker, job)
        self._worker = self._make() if job.profile is None else None

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        for value in batch.column("bytes"):
            data = value.as_py()
            if is_result(data):
                yield _one(data)
                continue
            if self._worker is None:
                self._worker = self._make()
            made = self._worker(data)
            for part in (made,) if isinstance(made, bytes) else made:
                yield _one(part)


def _one(data: bytes) -> pa.Table:
    return pa.table({"bytes": pa.array([data], pa.large_binary())})


@contextmanager
def _data_context(bytes_in_flight: int) -> Iterator[None]:
    # A dataset copies the current context when it is made; the caller's is put back.
    from ray.data import DataContext, ExecutionResources

    context = DataContext.get_current()
    names = ("enable_progress_bars", "target_max_block_size", "target_min_block_size")
    before = {name: getattr(context, name) for name in names}
    limits = context.execution_options.resource_limits
    context.enable_progress_bars = False
    context.target_max_block_size = 1  # one chunk, one block
    context.target_min_block_size = 1
    context.execution_options.resource_limits = ExecutionResources(object_store_memory=bytes_in_flight)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(context, name, value)
        context.execution_options.resource_limits = limits


def _our_error(error: BaseException | None) -> MmpipeError | None:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        cause = getattr(error, "cause", None)
        if isinstance(cause, MmpipeError):
            return cause
        if isinstance(error, MmpipeError) and cause is None:
            return error
        error = cause if isinstance(cause, BaseException) else error.__cause__
    return None
