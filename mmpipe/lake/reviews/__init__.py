"""What shoppers wrote: the reviews of a collection beside its tables, and what they add up to for a product.

* :class:`Reviews` (``Collection.reviews``): one row per review, the newest source of each stands;
  :meth:`~Reviews.of` and :meth:`~Reviews.sentences` are what others ask.
* ``records``: a review as it is held, and its key. ``adding``: rows to aspects, quotations and a summary.

Numbers alone go on, to the products' rows (:mod:`mmpipe.lake.reviewed`): what people wrote is nowhere but
here, so that erasing it is one step.
"""

from __future__ import annotations

from mmpipe.lake.reviews.records import HeldReview, held_review
from mmpipe.lake.reviews.store import Reviews, Totals

__all__ = ["HeldReview", "Reviews", "Totals", "held_review"]
