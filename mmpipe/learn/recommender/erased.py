"""Which recommenders may still hold somebody who was erased, and taking them away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmpipe.lake.recommenders import may_hold_erased

if TYPE_CHECKING:
    from mmpipe.lake import Collection
    from mmpipe.lake.models import ModelRegistry, RegisteredModel


@dataclass(frozen=True, slots=True)
class Held:
    """A recommender, whether readers follow it, and the erasures that came after it was trained."""

    model: RegisteredModel
    live: bool
    erasures: list[str]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        card = self.model.card
        return {
            "name": self.model.name,
            "revision": self.model.revision,
            "live": self.live,
            "trained_through": None if card is None else card.trained_through.isoformat(),
            "erasures": self.erasures,
        }


def check(collection: Collection, models: ModelRegistry) -> list[Held]:
    """Every recommender of a collection, newest first, with the erasures whose people it may know of: those
    of events that were in the log when it was read for its training. None means that it is shown to hold
    nobody who was erased. Raises ``StorageUnavailable``."""
    content = collection.recommender.read()
    followed = None if content is None else content.live.revision
    proofs = collection.interactions.proofs()
    return [
        Held(model, model.revision == followed, may_hold_erased(model.card, proofs))
        for model in models.recommenders(collection.name)
        if model.card is not None
    ]


def remove_holding(collection: Collection, models: ModelRegistry) -> list[str]:
    """Remove the recommenders that :func:`check` names erasures for, but what readers follow, from the
    registry and from what a rollback could go back to; gives their revisions. Raises also
    ``CommitConflict``."""
    gone = [each.model for each in check(collection, models) if each.erasures and not each.live]
    if gone:
        collection.recommender.forget({model.revision for model in gone})
        for model in gone:
            models.remove(model)
    return [model.revision for model in gone]
