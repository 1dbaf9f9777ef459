"""What is held of a person, everywhere: erased together, with one proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.indexing.writing.reviewing import erase_reviews

if TYPE_CHECKING:
    from mmpipe.lake import Collection, Lake
    from mmpipe.schemas.people import Erasure


def erase_person(lake: Lake, collection: Collection, user: str) -> Erasure:
    """Remove what ``user`` (a pseudonym) did and wrote; see
    :meth:`~mmpipe.lake.interactions.InteractionLog.erase` and :meth:`~mmpipe.lake.reviews.Reviews.erase`.

    Ratings of the products concerned are published without theirs. Breaks it off, maintenance finishes it.
    """
    models = [f"{model.name} {model.revision}" for model in lake.models.recommenders(collection.name)]
    return collection.interactions.erase(
        [user], models=models, also=lambda begun: erase_reviews(collection, [begun])
    )
