"""What the reviews of a product add up to, as a replica answers it: read from the lake, kept for seconds."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from mmpipe.errors import NotReady

if TYPE_CHECKING:
    from mmpipe.lake import Lake
    from mmpipe.schemas.review import ReviewSentence

# Many shoppers look at one product: its reviews are read once in so many seconds.
KEPT_SECONDS: Final = 5.0
_KEPT: Final = 4_096
_THREADS: Final = 4
# A look-up takes milliseconds, of object storage tens of them: who would wait behind so many need not.
_MOST_WAITING: Final = 256
_Key = tuple[str, str]


class ReviewAnswers:
    """For one event loop, but for :meth:`forget`."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="reviews")
        self._kept: dict[_Key, tuple[float, bytes]] = {}
        self._waiting: dict[_Key, asyncio.Future[bytes]] = {}
        self._read_now = 0

    async def answer(self, collection: str, product_id: str) -> bytes:
        """A :class:`~mmpipe.schemas.review.ProductReviews` as JSON, of now or as it was up to five seconds
        ago. Raises ``NotReady`` where too many others are being read, ``StorageUnavailable``."""
        key = collection, product_id
        held = self._kept.get(key)
        if held is not None and time.monotonic() - held[0] < KEPT_SECONDS:
            return held[1]
        waiting = self._waiting.get(key)
        if waiting is None:
            if len(self._waiting) >= _MOST_WAITING:
                raise NotReady("the reviews of many other products are being read: ask again")
            loop = asyncio.get_running_loop()
            waiting = asyncio.ensure_future(loop.run_in_executor(self._threads, self._read, key))
            self._waiting[key] = waiting
            waiting.add_done_callback(lambda done: self._keep(key, done))
        # Who goes away must not end it for the others.
        return await asyncio.shield(waiting)

    async def sentences(self, collection: str, product_id: str, most: int) -> list[ReviewSentence]:
        """Sentences of a product's reviews, the newest review first. Raises as :meth:`answer` does."""
        if self._read_now >= _MOST_WAITING:
            raise NotReady("the reviews of many other products are being read: ask again")
        self._read_now += 1
        try:
            reviews = self._lake.collection(collection).reviews
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, reviews.sentences, product_id, most)
        finally:
            self._read_now -= 1

    def forget(self, collection: str) -> None:
        """Read those of a collection again: somebody was erased."""
        for key in [key for key in self._kept if key[0] == collection]:
            self._kept.pop(key, None)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _read(self, key: _Key) -> bytes:
        collection, product_id = key
        return self._lake.collection(collection).reviews.of(product_id).model_dump_json().encode()

    def _keep(self, key: _Key, done: asyncio.Future[bytes]) -> None:
        del self._waiting[key]
        if done.cancelled() or done.exception() is not None:
            return
        self._kept.pop(key, None)
        self._kept[key] = time.monotonic(), done.result()
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
