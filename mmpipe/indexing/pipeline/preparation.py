"""Before the encoders: rows compared with the table, media asked about, fetched and decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from mmpipe import media
from mmpipe.errors import InvalidMedia, RetryableError
from mmpipe.indexing.pipeline.due import Work, contenders, due, write_tombstones
from mmpipe.indexing.pipeline.held import HeldRows, Lookup
from mmpipe.indexing.pipeline.media import Gathered, MediaPlan, gather
from mmpipe.indexing.pipeline.ready import Ready, ready_of, take_over
from mmpipe.indexing.pipeline.seen import words_of
from mmpipe.indexing.pipeline.sift import Sieve
from mmpipe.indexing.pipeline.speech import ClipListener
from mmpipe.media.https import HttpsClient

if TYPE_CHECKING:
    from mmpipe.encoders.base import Profile
    from mmpipe.errors import MmpipeError
    from mmpipe.indexing.pipeline.result import ChunkResult
    from mmpipe.indexing.sources.rows import UploadRow
    from mmpipe.media import MediaBytes, MediaRef
    from mmpipe.objects import ObjectStore
    from mmpipe.settings import Settings

FETCH_THREADS = 8
# Decoded photos, frames and samples held at once: large ones are encoded in smaller batches.
DECODED_BYTES = 128_000_000


class Preparation:
    """Prepares products for the encoders of a profile, without them. Safe to share between threads."""

    def __init__(self, settings: Settings, profile: Profile, store_for: Callable[[str], ObjectStore]) -> None:
        # One client, so that asking and fetching share their connections.
        https = HttpsClient(settings.media.allowed_hosts, settings.media.timeout_seconds)
        self.sieve = Sieve(settings, profile, store_for, https)
        self._settings = settings
        self._dim = profile.dim
        self._fetcher = media.Fetcher(settings.media, store_for, https=https)
        self._listener = ClipListener(settings)
        self._threads = ThreadPoolExecutor(FETCH_THREADS, thread_name_prefix="mmpipe-fetch")

    def close(self) -> None:
        """End the fetching threads."""
        self._threads.shutdown(cancel_futures=True)

    def compare(
        self, rows: Sequence[UploadRow], lookup: Lookup, result: ChunkResult
    ) -> tuple[list[Work], HeldRows]:
        """The products that have to be written, beside what the table holds of them; what is as it was,
        deletions, stock and rejects go to ``result``.
        """
        newest = contenders(rows, result)
        held = lookup(list(newest))
        live, deletions = due(newest, held, result)
        write_tombstones(deletions, self._dim, result)
        return self.sieve.sift(live, held, result), held

    def prepare(self, works: Sequence[Work], held: HeldRows) -> Iterator[list[Ready]]:
        """Fetch and decode, in batches whose decoded inputs stay within :data:`DECODED_BYTES`."""
        batch: list[Ready] = []
        size = 0
        listening = self._listener.of(works)
        for work, gathered in self._gathered(works, held):
            listening.settle(gathered, held, work.known_row)
            ready = ready_of(work, gathered, held, text="text" in self.sieve.encodable)
            size += ready.gathered.nbytes
            batch.append(ready)
            if size >= DECODED_BYTES:
                take_over(batch, held)
                yield batch
                batch, size = [], 0
        if batch:
            take_over(batch, held)
            yield batch

    def fetch(self, refs: Sequence[MediaRef]) -> list[MediaBytes | MmpipeError]:
        """Media by themselves, each or why not, a few at a time. Raises ``RetryableError`` where the object
        store fails; of a host that fails for now it is the medium's own fault."""
        return list(self._threads.map(self._fetched, refs))

    def _fetched(self, ref: MediaRef) -> MediaBytes | MmpipeError:
        try:
            return self._fetcher.fetch(ref)
        except InvalidMedia as error:
            return error
        except RetryableError as error:
            if not ref.uri.startswith("https://"):
                raise
            return error

    def _gathered(self, works: Sequence[Work], held: HeldRows) -> Iterator[tuple[Work, Gathered]]:
        waiting: deque[tuple[Work, Future[Gathered] | Gathered]] = deque()
        for work in works:
            plan = self._plan(work)
            known = work.known_row
            hashes, words = {}, {}
            if known is not None:
                hashes, words = held.hashes(known), words_of(held.media_uris(known), held.media_seen(known))
            read = partial(
                gather,
                plan,
                hashes,
                self._fetcher,
                self._settings.media,
                words=words,
                same=frozenset() if work.asked is None else work.asked.same,
                only=work.only,
                listen_again="audio" in hashes and self._listener.would_listen_again(held, known),
            )
            waiting.append((work, self._threads.submit(read) if plan.remote else read()))
            if len(waiting) > 2 * FETCH_THREADS:
                yield _resolved(*waiting.popleft())
        while waiting:
            yield _resolved(*waiting.popleft())

    def _plan(self, work: Work) -> MediaPlan:
        plan = self.sieve.plan(work)
        # A refresh reads media again; the links that were refused before have their rejects already.
        return MediaPlan(plan.refs, {}, ()) if work.keep_uris else plan


def _resolved(work: Work, job: Future[Gathered] | Gathered) -> tuple[Work, Gathered]:
    return work, job.result() if isinstance(job, Future) else job
