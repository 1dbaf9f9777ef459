"""The photos of reviews, brought in line with the reviews that stand.

What is held follows from the reviews alone, whoever looks and in whatever order uploads came: a photo is held
while its review stands and is among the newest of its product. Whoever stores reviews notes their products
(:meth:`~mmpipe.lake.reviews.Reviews.note_photos`); who looks, in passes of bounded work behind the uploads,
first sees what is held and then which reviews stand, writes, and sees once more which stand: so a review that
is taken back meanwhile takes its photos with it, and no photo that another writer has just added goes.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc

from mmpipe.errors import MmpipeError, RetryableError
from mmpipe.indexing.pipeline.photos import PhotoReader, ReadPhoto
from mmpipe.schemas.run import Reject

if TYPE_CHECKING:
    from mmpipe.encoders.base import Profile
    from mmpipe.indexing.pipeline.pipeline import Pipeline
    from mmpipe.lake import Collection, ProductTable
    from mmpipe.lake.reviews import HeldReview, Photo, ReviewPhotos

logger = logging.getLogger(__name__)
# Photos that one pass fetches at most: what waits behind it waits for so many.
PASS: Final = 128
_AT_ONCE: Final = 1_000


def note_photos(collection: Collection, reviews: Sequence[HeldReview], told_by: str) -> None:
    """Note the products of reviews that were just stored, where their photos may be other ones now."""
    if not collection.settings.indexing.review_photos:
        return
    live = collection.live()
    # Of what was told without photos, an earlier telling may have had some.
    every = live is not None and bool(live.photos)
    products = dict.fromkeys(review.product_id for review in reviews if every or review.photos)
    if products:
        collection.reviews.note_photos([(product_id, "") for product_id in products], told_by)


def note_media(collection: Collection, addresses: Sequence[str], told_by: str) -> None:
    """Note the photos that lead to media which were stored, replaced or removed, so that they are read
    again."""
    live = collection.live()
    if live is None or not live.photos:
        return
    photos = collection.review_photos(collection.table(live.table).profile)
    found = {} if photos is None else photos.at(addresses)
    if found:
        collection.reviews.note_photos([(found[key], key) for key in sorted(found)], told_by)


def settle_photos(
    collection: Collection,
    table: ProductTable,
    profile: Profile,
    pipeline: Callable[[], Pipeline],
    *,
    thorough: bool = False,
    most: int = PASS,
) -> bool:
    """See to what was noted: encode by ``profile`` the photos of reviews of ``table``'s products that are not
    held yet, at most ``most``, forget those that are not to be held any more, and let readers follow.
    ``thorough`` looks once at all products with reviews or photos instead, commits ``most`` photos at a time
    until none is left, and leaves the notes: they may be for another table's photos, too. Gives whether more
    is left to do.

    ``pipeline`` encodes by ``profile``, and is asked for where something is to be encoded. What a photo lacks
    is a reject of its own. Raises ``RetryableError``; what was noted is seen to by the next call then.
    """
    photos = collection.review_photos(profile)
    if photos is None or not collection.settings.indexing.review_photos:
        return False
    notes = [] if thorough else collection.reviews.photo_notes()
    again = {note.photo for note in notes if note.photo}
    ids = {note.product_id for note in notes}
    if thorough:
        ids = photos.product_ids() | set(collection.reviews.product_ids())
    if not ids:
        return False
    pass_ = _Pass(collection, table, photos, pipeline, again, most, whole=thorough)
    ordered = sorted(ids)
    for start in range(0, len(ordered), _AT_ONCE):
        try:
            pass_.look(ordered[start : start + _AT_ONCE])
        finally:
            # What is held already is no change to the next look: readers would never be told of it.
            pass_.follow()
    collection.reviews.photos_noted([note for note in notes if note.product_id in pass_.done])
    return pass_.left


def drop_photos(collection: Collection, *, purge: bool = False) -> int:
    """Forget the photos of reviews that do not stand any more, by whichever encoder, with what was wrong with
    them, and with ``purge`` in the files, too; gives how many. Raises ``RetryableError``."""
    dropped = 0
    for photos in collection.all_review_photos():
        keys = photos.review_keys()
        standing = collection.reviews.standing(keys)
        gone = sorted(photos.of_reviews([key for key in keys if key not in standing]))
        if gone:
            dropped += photos.delete(gone)
            collection.rejects.delete(gone)
            # First readers, so that none is led to what the next step removes.
            collection.follow_photos(photos)
        if purge:
            photos.purge()
            collection.follow_photos(photos)
    return dropped


class _Pass:
    """One look at products; of those that are ``whole`` no photo is left. ``done`` are those that nothing is
    left to do of."""

    def __init__(
        self,
        collection: Collection,
        table: ProductTable,
        photos: ReviewPhotos,
        pipeline: Callable[[], Pipeline],
        again: set[str],
        most: int,
        *,
        whole: bool,
    ) -> None:
        self._collection = collection
        self._table = table
        self._photos = photos
        self._pipeline = pipeline
        self._again = again
        self._commit = self._most = most
        self._whole = whole
        self._room = -1
        self._changed = False
        self.done: set[str] = set()
        self.left = False

    def follow(self) -> None:
        """Let readers follow what has changed since the last time."""
        if self._changed:
            self._collection.follow_photos(self._photos)
            self._changed = False

    def look(self, ids: Sequence[str]) -> None:
        """See to some products."""
        held = self._photos.held(ids)
        rows = self._table.fetch(ids, ["id", "deleted"])
        there = set(rows.filter(pc.invert(rows.column("deleted"))).column("id").to_pylist())
        wanted = self._wanted(there)
        self._forget(held.keys() - wanted.keys())
        again = [p for key, p in wanted.items() if key in held and key in self._again]
        due = [*again, *self._within([p for key, p in wanted.items() if key not in held])]
        now = due if self._whole else due[: self._most]
        left = due[len(now) :]
        self._most -= len(now)
        self._room -= sum(photo.key not in held for photo in now)
        self.left |= bool(left)
        # Of what is not there a note stays: it may come.
        self.done |= there - {photo.review.product_id for photo in left}
        for start in range(0, len(now), self._commit):
            self._read(now[start : start + self._commit])

    def _wanted(self, ids: Iterable[str]) -> dict[str, Photo]:
        most = self._collection.settings.indexing.review_photos_per_product
        return {photo.key: photo for photo in self._collection.reviews.photos(sorted(ids), most)}

    def _forget(self, keys: Iterable[str]) -> None:
        if gone := sorted(keys):
            self._photos.delete(gone)
            self._collection.rejects.delete(gone)
            self._changed = True

    def _within(self, new: list[Photo]) -> list[Photo]:
        """Of photos that are not held those that there is room for."""
        if not new:
            return []
        if self._room < 0:
            most = self._collection.settings.indexing.review_photos_in_all
            self._room = max(0, most - self._photos.count())
        if len(new) > self._room:
            logger.warning(
                "review photos wait: as many are encoded as may be (MMPIPE_INDEXING__REVIEW_PHOTOS_IN_ALL)",
                extra={"collection": self._collection.name, "waiting": len(new) - self._room},
            )
        return new[: max(0, self._room)]

    def _read(self, due: Sequence[Photo]) -> None:
        pipeline = self._pipeline()
        reader = PhotoReader(pipeline, self._collection.settings.media, self._photos.vectors)

        def read(photos: Sequence[Photo]) -> list[ReadPhoto]:
            found = [photo for part in reader.read(photos) for photo in part]
            # One commit, so that readers see all of the pass or nothing.
            self._photos.put([photo.held(pipeline.loaded.profile.dim) for photo in found])
            self._changed = True
            return found

        found = {each.photo.key: each for each in read(due)}
        # Announced while it was read: whoever announced it looked before it was held.
        recorded = self._collection.media.lookup(sorted({f.address for f in found.values() if f.address}))
        late = [f for f in found.values() if f.address in recorded and recorded[f.address].etag != f.etag]
        if late:
            found |= {each.photo.key: each for each in read([each.photo for each in late])}
        self._tell(list(found.values()))
        standing = self._wanted({photo.review.product_id for photo in due})
        self._forget(found.keys() - standing.keys())

    def _tell(self, read: Sequence[ReadPhoto]) -> None:
        """The rejects of what could not be used; those of what could be, go."""
        rejects = self._collection.rejects
        rejects.delete([photo.photo.key for photo in read if photo.photo.key in self._again])
        faults = [(photo, photo.error) for photo in read if photo.error is not None]
        if faults:
            runs = self._collection.runs.get_many(sorted({p.photo.review.run_id for p, _ in faults}))
            files = {run_id: record.source_uri for run_id, record in runs.items()}
            rejects.put([_reject(photo.photo, photo.address, error, files) for photo, error in faults])


def _reject(photo: Photo, address: str, error: MmpipeError, files: dict[str, str]) -> Reject:
    review = photo.review
    # Whose photo it is is somebody's business: where it lies stands nowhere but with the review.
    reason = str(error)
    for place in (address, photo.link):
        reason = reason.replace(place[:300], "its link").replace(place[:200], "its link") if place else reason
    return Reject(
        reject_id=photo.key,
        scope="photo",
        product_id=review.product_id,
        field=f"photos[{photo.number}]",
        reason=reason,
        error=type(error).__name__,
        retryable=isinstance(error, RetryableError),
        source_uri=files.get(review.run_id, review.root),
        source_order=review.source_order,
        row=0,
        raw=json.dumps({"review_id": review.review_id, "photos": photo.number}),
        run_id=review.run_id,
        created_at=datetime.now(UTC),
    )
