"""Reviews into the lake, and what they come to onto the rows of their products.

The reviews are stored first; what they come to is then read from one version of them, whose number the
product rows carry, so that of two writers the one that saw more stands; who has written looks again. A
product that is not there yet is noted, and told once it is (:func:`settle_reviews`). Whoever stores looks
for erasures afterwards, and whoever erases notes that first: whichever comes second sees the other.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc

from mmpipe.errors import CommitConflict, MmpipeError
from mmpipe.indexing.writing.photographing import drop_photos, note_photos
from mmpipe.indexing.writing.publish import publish
from mmpipe.lake.checks import shows
from mmpipe.lake.interactions.erasing import ARCHIVE_AFTER
from mmpipe.lake.reviewed import Reviewed
from mmpipe.lake.reviews import HeldReview, Totals, held_review
from mmpipe.opinions import opinions_of

if TYPE_CHECKING:
    from mmpipe.indexing.sources.rows import UploadRow
    from mmpipe.lake import Collection, ProductTable
    from mmpipe.lake.interactions import Erasure, Pseudonyms
    from mmpipe.schemas.review import Review

logger = logging.getLogger(__name__)
# A product that comes after its reviews comes with the next feeds.
NOTES_LAST: Final = timedelta(days=30)
_AT_ONCE: Final = 8_192
_ROUNDS: Final = 8


@dataclass(slots=True)
class Stored:
    """How many of the reviews were news, and the products that they are of."""

    news: int = 0
    products: list[str] = field(default_factory=list)


def store_reviews(
    collection: Collection, rows: Sequence[tuple[UploadRow, Review]], pseudonyms: Pseudonyms
) -> Stored:
    """Hold reviews with what they say, by whom as a pseudonym; those of people who were erased since they
    were uploaded are left out."""
    held = [_held(row, review, collection.name, pseudonyms) for row, review in rows]
    # Reading takes a good part of a millisecond a sentence: what is held already was read before.
    fresh = [_read(review) for review in collection.reviews.news(held)]
    news = collection.reviews.put(fresh)
    # Of what is held already too: who stored it may have ended before.
    note_photos(collection, held, "+".join(dict.fromkeys(row.source.run_id for row, _ in rows)))
    authors = {review.author for review in held if review.author is not None}
    if authors:
        log = collection.interactions
        long_ago = min(row.source.modified_at for row, _ in rows) <= datetime.now(UTC) - ARCHIVE_AFTER
        for erasure in log.proofs() if long_ago else log.erasures():
            mine = sorted(authors.intersection(erasure.users))
            if mine and collection.reviews.erase(mine, erasure.at):
                _purge(collection)
                _drop_photos(collection)
    return Stored(news, list(dict.fromkeys(review.product_id for review in held)))


def _held(row: UploadRow, review: Review, collection: str, pseudonyms: Pseudonyms) -> HeldReview:
    return held_review(
        review,
        order=row.order,
        run_id=row.source.run_id,
        author=None if review.user_id is None else pseudonyms.user(collection, review.user_id),
        uploaded_at=row.source.modified_at,
        root=row.source.root,
    )


def _read(review: HeldReview) -> HeldReview:
    return review.model_copy(update={"opinions": tuple(opinions_of(review.text))}) if review.text else review


@dataclass(slots=True)
class Told:
    """Products that are not there (yet), and whether readers would see a difference."""

    absent: list[str] = field(default_factory=list)
    visible: bool = False


def tell_products(collection: Collection, table: ProductTable, product_ids: Sequence[str]) -> Told:
    """Give these products what their reviews come to now; those that are not there are noted."""
    told = _tell(collection, table, product_ids)
    if told.absent:
        collection.reviews.wait(told.absent)
        # Written, then looked: one may have come meanwhile, with nobody to see the note.
        again = _tell(collection, table, told.absent)
        told = Told(again.absent, told.visible or again.visible)
    return told


def settle_reviews(collection: Collection, table: ProductTable, *, thorough: bool = False) -> None:
    """Tell products that have come since their reviews did, and publish that; ``thorough`` looks at the
    products of all reviews, whatever was noted."""
    waiting = set(collection.reviews.waiting())
    due = sorted(waiting.union(collection.reviews.product_ids()) if thorough else waiting)
    if not due:
        return
    # Reviews may be of products that never come: only what is there is added up.
    there = sorted(table.fetch(due, ["id"]).column("id").to_pylist())
    if not there:
        return
    told = _tell(collection, table, there)
    publish_ratings(collection, table, "ratings of reviews", visible=told.visible)
    live = collection.live()
    if live is not None and live.table == table.name:
        # Of another table's products readers see nothing yet: the live one is told before the note goes.
        collection.reviews.waited(sorted(waiting.intersection(there).difference(told.absent)))


def drop_notes(collection: Collection, now: datetime | None = None) -> int:
    """Forget the notes of products that are not there, and of which nothing was uploaded for
    :data:`NOTES_LAST`: they may never come. Where they do, the next thorough look finds their reviews and
    photos. Gives how many products that were."""
    live = collection.live()
    if live is None:
        return 0
    reviews, table = collection.reviews, collection.table(live.table)
    photo_notes = reviews.photo_notes()
    waiting = set(reviews.waiting())
    noted = sorted(waiting.union(note.product_id for note in photo_notes))
    there: set[str] = set()
    for start in range(0, len(noted), _AT_ONCE):
        rows = table.fetch(noted[start : start + _AT_ONCE], ["id", "deleted"])
        there.update(rows.filter(pc.invert(rows.column("deleted"))).column("id").to_pylist())
    absent = [product_id for product_id in noted if product_id not in there]
    gone = set(absent) - reviews.uploaded_since(absent, (now or datetime.now(UTC)) - NOTES_LAST)
    reviews.waited(sorted(gone & waiting))
    reviews.photos_noted([note for note in photo_notes if note.product_id in gone])
    return len(gone)


def erase_reviews(collection: Collection, erasures: Iterable[Erasure]) -> int:
    """Remove what these erasures' people wrote before each, and take it out of their products' ratings; gives
    how many reviews went."""
    gone: list[HeldReview] = []
    everyone = list(erasures)
    for erasure in everyone:
        gone += collection.reviews.erase(erasure.users, erasure.at)
    if everyone:
        # Also where none is held any more: what was replaced, or taken back, is in files until then.
        _purge(collection)
        _drop_photos(collection)
    if gone:
        try:
            _tell_and_publish(collection, list(dict.fromkeys(review.product_id for review in gone)))
        except (MmpipeError, OSError) as error:
            logger.warning("ratings are mended by maintenance", extra={"reason": str(error)})
    return len(gone)


def finish_erasures(collection: Collection) -> None:
    """What erasures that are not settled yet left to others: those that broke off, and files that whoever
    erased may not remove. Before :meth:`~mmpipe.lake.interactions.log.InteractionLog.maintain`, which settles
    them."""
    erase_reviews(collection, [e for e in collection.interactions.erasures() if e.state != "settled"])


def _purge(collection: Collection) -> None:
    """Nobody reads what was erased any more; who may not remove objects leaves its files to maintenance."""
    try:
        collection.reviews.purge()
    except (MmpipeError, OSError) as error:
        logger.warning("erased reviews are purged by maintenance", extra={"reason": str(error)})


def _drop_photos(collection: Collection) -> None:
    """Their photos, too; who may not write there leaves them to maintenance."""
    try:
        drop_photos(collection, purge=True)
    except (MmpipeError, OSError) as error:
        logger.warning("photos of erased reviews are dropped by maintenance", extra={"reason": str(error)})


def _tell_and_publish(collection: Collection, product_ids: Sequence[str]) -> None:
    live = collection.live()
    if live is not None:
        table = collection.table(live.table)
        told = _tell(collection, table, product_ids)
        publish_ratings(collection, table, "ratings without an erased person's", visible=told.visible)


def publish_ratings(collection: Collection, table: ProductTable, reason: str, *, visible: bool) -> str:
    """Let readers have what was told, also what somebody told who ended before; says why they do not."""
    live = collection.live()
    if live is None or live.table != table.name:
        return ""
    if not visible and shows(table, live, table.version):
        return ""
    return publish(collection, table, reason)


def _tell(collection: Collection, table: ProductTable, product_ids: Sequence[str]) -> Told:
    told = Told()
    for start in range(0, len(product_ids), _AT_ONCE):
        block = product_ids[start : start + _AT_ONCE]
        for _ in range(_ROUNDS):
            applied = table.rerate(_reviewed(collection, block))
            told.visible |= "changed" in applied.rerated.values()
            if not applied.committed:
                break
            # Who saw more, and found nothing to change then, leaves it to us: look again.
        else:
            raise CommitConflict(f"{table.name}: reviews keep coming for the same products")
        told.absent += [product_id for product_id, what in applied.rerated.items() if what == "absent"]
    return told


def _reviewed(collection: Collection, product_ids: Sequence[str]) -> dict[str, Reviewed]:
    totals, version = collection.reviews.totals(product_ids)
    found = {product_id: totals.get(product_id, Totals()) for product_id in product_ids}
    return {product_id: Reviewed(version, of.rated, of.rating) for product_id, of in found.items()}
