"""The reviews of one collection."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Unpack

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from mmpipe.lake.record_table import RecordTable, When, all_of, in_list
from mmpipe.lake.reviews.adding import add_up, choose, quotes, told
from mmpipe.lake.reviews.records import HeldReview
from mmpipe.lake.storage import sql_text
from mmpipe.schemas.order import SourceOrder
from mmpipe.schemas.review import ProductReviews, ReviewSentence

if TYPE_CHECKING:
    from lance import Session

    from mmpipe.settings import StorageSettings

_COLUMNS: Final = {
    "product_id": pa.string(),
    "source_order": pa.string(),
    "deleted": pa.bool_(),
    "author": pa.string(),
    "rating": pa.float64(),
    "written_at": pa.timestamp("us", tz="UTC"),
    "said": pa.string(),
}
_LOOKUPS: Final = ("key", "product_id", "author")
_NEWER: Final = "source.source_order > target.source_order"
# Of a product with more reviews, the newest are looked at for what they say; all of them are counted.
MOST_READ: Final = 10_000
_ERASED: Final = "erased"


@dataclass(frozen=True, slots=True)
class Totals:
    """How many reviews a product has, how many give a rating, and the mean of those."""

    count: int = 0
    rated: int = 0
    rating: float | None = None


class Waiting(BaseModel):
    """A product that reviews are of, and that was not there."""

    product_id: str


class PhotoNote(BaseModel):
    """That the photos of a product's reviews are to be looked at, as an upload told; with ``photo``, that
    this one is to be read again, held or not."""

    key: str
    product_id: str
    photo: str = ""


@dataclass(frozen=True, slots=True)
class Photo:
    """A link of a review. ``key`` names it: the same link of the same review is the same photo. ``number`` is
    its place in the review, from 0 on."""

    key: str
    review: HeldReview
    link: str
    number: int


class Reviews:
    """One row per review, by product and review id; the newest source of each stands, a review that was taken
    back included. Safe to share between threads and processes.

    Every method may raise ``StorageUnavailable``.
    """

    def __init__(self, uri: str, storage: StorageSettings, session: Session | None = None) -> None:
        self._table = RecordTable(
            uri, HeldReview, "key", _COLUMNS, storage, lookups=_LOOKUPS, session=session
        )
        waiting = f"{uri.removesuffix('.lance')}_waiting.lance"
        self._waiting = RecordTable(waiting, Waiting, "product_id", {}, storage, session=session)
        noted = f"{uri.removesuffix('.lance')}_photographed.lance"
        self._photographed = RecordTable(noted, PhotoNote, "key", {}, storage, session=session)

    def put(self, reviews: Sequence[HeldReview]) -> int:
        """Hold them, in one commit; gives how many were news (:meth:`news`)."""
        news = self.news(reviews)
        # A merge that changes nothing is a version all the same.
        return self._table.put(news, condition=_NEWER) if news else 0

    def news(self, reviews: Sequence[HeldReview]) -> list[HeldReview]:
        """Those of a newer source than what is held; of several of one key the newest."""
        newest: dict[str, HeldReview] = {}
        for review in reviews:
            held = newest.get(review.key)
            if held is None or held.source_order < review.source_order:
                newest[review.key] = review
        orders = self._orders(list(newest))
        return [review for key, review in newest.items() if orders.get(key, "") < review.source_order]

    def totals(self, product_ids: Sequence[str]) -> tuple[dict[str, Totals], int]:
        """What the reviews of each of these products come to, of those that have any, and the version that
        says so: of two the greater one is newer."""
        wheres = [f"deleted = false AND {where}" for where in in_list("product_id", product_ids)]
        rows, version = self._table.versioned(["product_id", "rating"], wheres)
        grouped = rows.group_by("product_id").aggregate(
            [("product_id", "count"), ("rating", "count"), ("rating", "mean")]
        )
        names = ("product_id", "product_id_count", "rating_count", "rating_mean")
        columns = [grouped.column(name).to_pylist() for name in names]
        return {
            product_id: Totals(count, rated, None if mean is None else round(mean, 2))
            for product_id, count, rated, mean in zip(*columns, strict=True)
        }, version

    def of(self, product_id: str) -> ProductReviews:
        """What the reviews of a product add up to; nothing at all of one that has none."""
        rows = self._newest(product_id, ["key", "rating", "written_at", "said"])
        if not rows.num_rows:
            return ProductReviews(product_id=product_id)
        rated = rows.num_rows - rows.column("rating").null_count
        mean = pc.mean(rows.column("rating")).as_py()
        read = rows.slice(0, MOST_READ)
        added = add_up(zip(read.column("key").to_pylist(), read.column("said").to_pylist(), strict=True))
        chosen = choose(added)
        texts = {r.key: (r.review_id, r.text) for r in self._table.by_key(chosen.keys) if not r.deleted}
        return ProductReviews(
            product_id=product_id,
            count=rows.num_rows,
            rating_count=rated,
            rating=None if mean is None else round(mean, 2),
            aspects=told(added, chosen, texts),
            summary=quotes(chosen.summary, texts),
        )

    def sentences(self, product_id: str, limit: int = 200) -> list[ReviewSentence]:
        """Sentences of a product's reviews, the newest review first, at most ``limit``."""
        from mmpipe.opinions import sentences

        rows = self._newest(product_id, ["key", "written_at"]).slice(0, max(0, limit))
        order = {key: place for place, key in enumerate(rows.column("key").to_pylist())}
        held = sorted(self._table.by_key(list(order)), key=lambda review: order[review.key])
        found: list[ReviewSentence] = []
        for review in held:
            for span in sentences(review.text):
                inside = [o for o in review.opinions if span.start <= o.start and o.end <= span.end]
                found.append(
                    ReviewSentence(
                        text=review.text[span.start : span.end],
                        review_id=review.review_id,
                        rating=review.rating,
                        language=review.language,
                        opinions={o.aspect: o.positive for o in inside},
                    )
                )
                if len(found) >= limit:
                    return found
        return found

    def by_author(self, author: str) -> list[HeldReview]:
        """What a person (pseudonym of a user) wrote, oldest first."""
        held = self._table.select(f"author = {sql_text(author)}")
        return sorted(held, key=lambda review: (review.written_at, review.key))

    def erase(self, authors: Sequence[str], before: datetime) -> list[HeldReview]:
        """Remove what these people wrote in uploads of up to ``before``; gives what it was. A mark without
        words or person stays of each, so that no upload of before brings it back. Readers see none of it from
        now on; :meth:`purge` removes it from the files."""
        latest = SourceOrder(before, "z", 0, "").encode()
        old = f"source_order <= {sql_text(latest)}"
        gone = [
            review
            for where in in_list("author", authors)
            for review in self._table.select(all_of([where, old]))
        ]
        if gone:
            self._table.put([r.taken_back(latest, _ERASED) for r in gone], condition=_NEWER)
        return gone

    def purge(self) -> None:
        """Write anew what holds anything of reviews that were erased, replaced or taken back. When this
        returns no file of the table does, former versions of a versioned bucket apart."""
        self._table.purge()

    def product_ids(self) -> Iterator[str]:
        """The products that any review names, each once."""
        yield from pc.unique(self._table.columns(["product_id"]).column("product_id")).to_pylist()

    def wait(self, product_ids: Sequence[str]) -> None:
        """Note products that are not there yet."""
        self._waiting.put([Waiting(product_id=product_id) for product_id in product_ids], replace=False)

    def waiting(self) -> list[str]:
        """The products that were noted."""
        return [str(i) for i in self._waiting.columns(["product_id"]).column("product_id").to_pylist()]

    def waited(self, product_ids: Sequence[str]) -> None:
        """Forget the notes of these."""
        if product_ids:
            self._waiting.delete(product_ids)

    def note_photos(self, products: Iterable[tuple[str, str]], told_by: str) -> None:
        """Note products whose reviews' photos are to be looked at, each with the key of a photo that is to be
        read again, or none. ``told_by`` tells one note from others, so that who has seen to one forgets no
        later one."""
        notes = [
            PhotoNote(key=_digest(told_by, product_id, photo), product_id=product_id, photo=photo)
            for product_id, photo in products
        ]
        self._photographed.put(notes, replace=False)

    def photo_notes(self) -> list[PhotoNote]:
        """What was noted."""
        return self._photographed.select()

    def photos_noted(self, notes: Sequence[PhotoNote]) -> None:
        """Forget these notes."""
        if notes:
            self._photographed.delete([note.key for note in notes])

    def standing(self, keys: Sequence[str]) -> set[str]:
        """Of these reviews those that stand: neither taken back nor erased."""
        wheres = [f"deleted = false AND {where}" for where in in_list("key", keys)]
        return set(self._table.versioned(["key"], wheres)[0].column("key").to_pylist())

    def uploaded_since(self, product_ids: Sequence[str], moment: datetime) -> set[str]:
        """Of these products those that a review, or that one is taken back, was uploaded of since."""
        newer = f"source_order > {sql_text(SourceOrder(moment, 'z', 0, '').encode())}"
        wheres = [f"{newer} AND {where}" for where in in_list("product_id", product_ids)]
        return set(self._table.versioned(["product_id"], wheres)[0].column("product_id").to_pylist())

    def photos(self, product_ids: Sequence[str], most: int) -> list[Photo]:
        """Of each of these products the ``most`` photos of its newest reviews, in the order of the ids."""
        wheres = [f"deleted = false AND {where}" for where in in_list("product_id", product_ids)]
        held = [review for where in wheres for review in self._table.select(where) if review.photos]
        held.sort(key=lambda review: (-review.written_at.timestamp(), review.key))
        found: dict[str, list[Photo]] = {product_id: [] for product_id in product_ids}
        for review in held:
            mine = found[review.product_id]
            for number, link in enumerate(review.photos[: most - len(mine)]):
                mine.append(Photo(_digest(review.key, link), review, link, number))
        return [photo for mine in found.values() for photo in mine]

    def count(self) -> int:
        """How many reviews there are."""
        return self._table.count("deleted = false")

    def maintain(self, **when: Unpack[When]) -> None:
        """Keep the table quick; see :meth:`RecordTable.maintain`."""
        self._table.maintain(**when)
        self._waiting.maintain(**when)
        self._photographed.maintain(**when)

    def _orders(self, keys: Sequence[str]) -> dict[str, str]:
        rows, _ = self._table.versioned(["key", "source_order"], in_list("key", keys))
        names = ("key", "source_order")
        return dict(zip(*(rows.column(name).to_pylist() for name in names), strict=True))

    def _newest(self, product_id: str, names: Sequence[str]) -> pa.Table:
        rows = self._table.columns(names, f"product_id = {sql_text(product_id)} AND deleted = false")
        return rows.sort_by([("written_at", "descending"), ("key", "ascending")])


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
