"""What the reviews of a product add up to, as a replica answers it: read from the lake, kept for seconds."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

from mmpipe.errors import NotFound, NotReady
from mmpipe.serve.answer.kept import KeptAnswers

if TYPE_CHECKING:
    from mmpipe.lake import Collection, Lake
    from mmpipe.lake.reviews import HeldPhoto, ReviewPhotos
    from mmpipe.schemas.review import ReviewSentence

# Many shoppers look at one product: its reviews are read once in so many seconds.
KEPT_SECONDS: Final = 5.0
MOST_PHOTOS: Final = 20
_KEPT: Final = 4_096
_THREADS: Final = 4
# A look-up takes milliseconds, of object storage tens of them: who would wait behind so many need not.
_MOST_WAITING: Final = 256
_BUSY: Final = "the reviews of many other products are being read: ask again"
_Key = tuple[str, str]


class ReviewAnswers:
    """For one event loop, but for :meth:`forget`."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="reviews")
        self._answers: KeptAnswers[_Key, bytes] = KeptAnswers(
            self._threads, most=_KEPT, waiting=_MOST_WAITING, busy=_BUSY
        )
        self._read_now = 0

    async def answer(self, collection: str, product_id: str) -> bytes:
        """A :class:`~mmpipe.schemas.review.ProductReviews` as JSON, of now or as it was up to five seconds
        ago. Raises ``NotReady`` where too many others are being read, ``StorageUnavailable``."""
        key = collection, product_id
        return await self._answers.get(key, partial(self._read, key), seconds=KEPT_SECONDS)

    async def sentences(self, collection: str, product_id: str, most: int) -> list[ReviewSentence]:
        """Sentences of a product's reviews, the newest review first. Raises as :meth:`answer` does."""
        if self._read_now >= _MOST_WAITING:
            raise NotReady(_BUSY)
        self._read_now += 1
        try:
            reviews = self._lake.collection(collection).reviews
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, reviews.sentences, product_id, most)
        finally:
            self._read_now -= 1

    def forget(self, collection: str) -> None:
        """Read those of a collection again: somebody was erased."""
        self._answers.forget(lambda key: key[0] == collection)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def photo(self, collection: str, product_id: str, photo: str) -> HeldPhoto:
        """A photo of a product's reviews. Blocks. Raises ``NotFound``, ``StorageUnavailable``."""
        photos = _photos(self._lake.collection(collection))
        if photos is None:
            raise NotFound("this product has no such photo")
        return photos.get(product_id, photo)

    def _read(self, key: _Key) -> bytes:
        collection, product_id = self._lake.collection(key[0]), key[1]
        found = collection.reviews.of(product_id)
        photos = _photos(collection) if found.count else None
        if photos is not None:
            found = found.model_copy(update={"photos": photos.newest(product_id, MOST_PHOTOS)})
        return found.model_dump_json().encode()


def _photos(collection: Collection) -> ReviewPhotos | None:
    """Those that readers follow; None where there are none."""
    live = collection.live()
    if live is None or not live.photos:
        return None
    return collection.review_photos(collection.table(live.table).profile)
