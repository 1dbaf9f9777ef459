"""The batch lane's workers without Ray: plain processes, for ``mmpipe index`` on one machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from mmpipe.errors import StorageUnavailable
from mmpipe.indexing.lanes.chunks import Job, read_packed
from mmpipe.indexing.lanes.worker import ChunkIndexer

_CHUNKS_PER_WORKER = 3
_worker: ChunkIndexer | None = None


def pool_chunks(job: Job, workers: int) -> Generator[bytes, None, None]:
    """Packed results of every chunk of the job's feed, in any order; ``workers`` 0 means one per CPU.

    At most three chunks a worker are in flight, so memory does not depend on the feed. Raises what the reader
    or a worker raised; a worker that died (out of memory) is a ``StorageUnavailable``, for the run can be
    repeated.
    """
    count = workers or len(os.sched_getaffinity(0))
    chunks = read_packed(job.pack())
    # Spawned, not forked: a fork of a process that runs torch or Lance threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_start, initargs=(job,)) as pool:
        running: set[Future[bytes]] = set()
        try:
            for chunk in chunks:
                running.add(pool.submit(_index, chunk))
                if len(running) >= _CHUNKS_PER_WORKER * count:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenProcessPool as error:
            raise StorageUnavailable(
                "an indexing worker died; index again, with fewer workers if memory ran out"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start(job: Job) -> None:
    global _worker
    # Ctrl-C reaches the whole process group; who waits for the chunks ends the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker = ChunkIndexer(job)


def _index(chunk: bytes) -> bytes:
    if _worker is None:
        raise RuntimeError("the worker's initialiser has not run")
    return _worker(chunk)
