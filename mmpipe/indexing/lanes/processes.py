"""The batch lane's workers without Ray: plain processes, for ``mmpipe index`` on one machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext, SpawnProcess

from mmpipe.errors import StorageUnavailable
from mmpipe.indexing.lanes.chunks import FeedJob, is_result, read_packed
from mmpipe.indexing.lanes.collector import collect_seldom
from mmpipe.indexing.lanes.worker import ChunkIndexer

_CHUNKS_PER_WORKER = 3
_CHUNKS_HERE = 4
# What BLAS and OpenMP go by.
_THREADS = "OMP_NUM_THREADS"
_worker: ChunkIndexer | None = None


def pool_chunks(job: FeedJob, workers: int) -> Generator[bytes, None, None]:
    """Packed results of every chunk of the job's feed, in any order; ``workers`` 0 means one per CPU.

    At most three chunks a worker are in flight, so memory does not depend on the feed. Raises what the reader
    or a worker raised; a worker that died (out of memory) is a ``StorageUnavailable``, for the run can be
    repeated.
    """
    count = workers or len(os.sched_getaffinity(0))
    # Processes load their models for as long as a few chunks take here, and an unchanged feed has none.
    few: list[bytes] = []
    running: set[Future[bytes]] = set()
    pool: ProcessPoolExecutor | None = None
    try:
        for chunk in read_packed(job.pack()):
            if is_result(chunk):
                yield chunk
                continue
            few.append(chunk)
            if pool is None and len(few) <= _CHUNKS_HERE:
                continue
            pool = pool or _pool(job, count)
            running.update(pool.submit(_index, each) for each in few)
            few = []
            while len(running) >= _CHUNKS_PER_WORKER * count:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        if few:
            yield from _here(job, few)
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise StorageUnavailable(
            "an indexing worker died; index again, with fewer workers if memory ran out"
        ) from error
    finally:
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)


def _here(job: FeedJob, few: list[bytes]) -> Generator[bytes, None, None]:
    indexer = ChunkIndexer(job)
    try:
        for chunk in few:
            yield indexer(chunk)
    finally:
        indexer.close()


class _Process(SpawnProcess):
    def start(self) -> None:
        # Libraries read the number when they are loaded, which is before any of our code runs there. There
        # is a process for each CPU: a library's second thread would wait for the first one's work, spinning.
        before = os.environ.get(_THREADS)
        os.environ[_THREADS] = "1"
        try:
            super().start()
        finally:
            if before is None:
                del os.environ[_THREADS]
            else:
                os.environ[_THREADS] = before


class _OneThreadEach(SpawnContext):
    Process = _Process


def _pool(job: FeedJob, count: int) -> ProcessPoolExecutor:
    # Spawned, not forked: a fork of a process that runs torch or Lance threads may hang.
    return ProcessPoolExecutor(count, mp_context=_OneThreadEach(), initializer=_start, initargs=(job,))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # killed outright it could not end its workers, which hold models


def _start(job: FeedJob) -> None:
    global _worker
    threading.Thread(target=_end_with_parent, name="mmpipe-parent", daemon=True).start()
    # Ctrl-C reaches the whole process group; who waits for the chunks ends the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collect_seldom()
    _worker = ChunkIndexer(job)


def _index(chunk: bytes) -> bytes:
    if _worker is None:
        raise RuntimeError("the worker's initialiser has not run")
    return _worker(chunk)
