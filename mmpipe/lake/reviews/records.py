"""A review as it is held."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from mmpipe.schemas.review import ASPECTS, Opinion, Review


class HeldReview(BaseModel):
    """One review, or with ``deleted`` the mark of one that was taken back or erased: it keeps the order, so
    that no older upload revives it, and nothing else of what was written. ``author`` is a pseudonym;
    ``root`` is what relative links among its ``photos`` start from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    product_id: str
    review_id: str
    source_order: str
    run_id: str
    deleted: bool = False
    author: str | None = None
    rating: float | None = None
    written_at: datetime
    language: str | None = None
    text: str = ""
    photos: tuple[str, ...] = ()
    root: str = ""
    opinions: tuple[Opinion, ...] = ()

    @property
    def said(self) -> str | None:
        """The opinions as one short text, which adding up reads in place of all else."""
        if not self.opinions:
            return None
        packed = [[ASPECTS.index(o.aspect), int(o.positive), o.start, o.end] for o in self.opinions]
        return json.dumps(packed, separators=(",", ":"))

    def taken_back(self, order: str, run_id: str) -> HeldReview:
        """The mark that stays of it."""
        return HeldReview(
            key=self.key,
            product_id=self.product_id,
            review_id=self.review_id,
            source_order=order,
            run_id=run_id,
            deleted=True,
            written_at=datetime.fromtimestamp(0, UTC),
        )


def held_review(
    review: Review,
    *,
    order: str,
    run_id: str,
    author: str | None,
    uploaded_at: datetime,
    root: str = "",
) -> HeldReview:
    """A review of a source of ``order``, whose relative links start from ``root``. One that was given no id
    gets one of what it says and by whom: the same again is the same review."""
    review_id = review.review_id
    if review_id is None:
        moment = "" if review.time is None else review.time.isoformat()
        said = _digest(review.product_id, author or "", moment, str(review.rating), review.text)
        review_id = f"r-{said[:24]}"
    held = HeldReview(
        key=_digest(review.product_id, review_id)[:32],
        product_id=review.product_id,
        review_id=review_id,
        source_order=order,
        run_id=run_id,
        author=author,
        rating=review.rating,
        written_at=review.time or uploaded_at,
        language=review.language,
        text=review.text,
        photos=review.photos,
        root=root if review.photos else "",
    )
    return held.taken_back(order, run_id) if review.deleted else held


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
