"""What shoppers wrote: the reviews of a collection beside its tables, and what they add up to for a product.

* :class:`Reviews` (``Collection.reviews``): one row per review, the newest source of each stands;
  :meth:`~Reviews.of` and :meth:`~Reviews.sentences` are what others ask.
* :class:`ReviewPhotos` (``Collection.review_photos``): the photos of reviews as one image encoder has encoded
  them.
* ``records``: a review as it is held, and its key. ``adding``: rows to aspects, quotations and a summary.

Numbers alone go on, to the products' rows (:mod:`mmpipe.lake.reviewed`): what people wrote and showed is
nowhere but here, in no version that readers may go back to, so that erasing it is one step.
"""

from __future__ import annotations

from mmpipe.lake.reviews.photos import PHOTOS_PREFIX, HeldPhoto, ReviewPhotos, photos_table
from mmpipe.lake.reviews.records import HeldReview, held_review
from mmpipe.lake.reviews.store import Photo, PhotoNote, Reviews, Totals

__all__ = [
    "PHOTOS_PREFIX", "HeldPhoto", "HeldReview", "Photo", "PhotoNote", "ReviewPhotos", "Reviews", "Totals",
    "held_review", "photos_table",
]  # fmt: skip
