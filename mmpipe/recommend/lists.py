"""Lists over versions, of what is known beside these: who makes calls, and what they keep between them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic_core import to_json

from mmpipe.recommend.associations import AssociationsOfCollections
from mmpipe.recommend.call import Call
from mmpipe.recommend.items import ItemsOfVersions
from mmpipe.recommend.kinds.asked import Behaviour, Learnt
from mmpipe.recommend.kinds.pairs import Pairs
from mmpipe.recommend.kinds.past import FADING, Did, liking
from mmpipe.recommend.kinds.shelf import Shelf
from mmpipe.recommend.popularity import PopularityOfCollections
from mmpipe.recommend.versions import OfVersions
from mmpipe.search.find.taste import Taste

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmpipe.recommend.behaviour import Shopper
    from mmpipe.recommend.signals import Actions, Recommender
    from mmpipe.recommend.sponsored import Sponsored
    from mmpipe.schemas.recommend import RecommendationsRequest
    from mmpipe.search.versions.version import Version

# A list of so many about so many products is short.
_SHORT, _FEW = 24, 3
_LEARNT = frozenset({"for_you", "session"})


@dataclass(frozen=True)
class Knowledge:
    """What is known beside the version: the events of the collection, None where there are none, the learnt
    model, None where none was trained, the moment, in Unix seconds, and who sells places, None where nobody
    does."""

    actions: Actions | None
    model: Recommender | None
    now: float
    sponsored: Sponsored | None = None


class Lists:
    """Makes lists over versions. Keeps what it worked out of the versions asked lately; safe for many
    threads.

    A call costs a millisecond or two at fifty thousand products, and tens the first time after many of them
    changed.
    """

    def __init__(self) -> None:
        self._shelves: OfVersions[Shelf] = OfVersions()
        self._items = ItemsOfVersions()
        self._pairs: OfVersions[Pairs] = OfVersions()
        self._associations = AssociationsOfCollections()
        self._popularity = PopularityOfCollections()

    def answer_json(
        self, version: Version, request: RecommendationsRequest, shopper: Shopper | None, known: Knowledge
    ) -> bytes:
        """The :class:`~mmpipe.schemas.recommend.RecommendationsResponse` as JSON. The same request at the
        same state of everything gives the same lists for an hour, which is how long a draw of exploration
        holds.

        Raises :class:`UnknownProduct` for a product that a list is about and that is not in the version, and
        :class:`InvalidRequest` for a list that is about products where none is named and none is known.
        """
        started = time.perf_counter()
        call = Call(
            version=version,
            shelf=self._shelves.get(version, lambda _: Shelf(version)),
            behaviour=self._behaviour(version, known.actions),
            model=known.model,
            sponsored=known.sponsored,
            request=request,
            shopper=shopper,
            now=known.now,
        )
        lists = [call.answer(place, wanted) for place, wanted in enumerate(request.wanted)]
        model = call.learnt.model if call.learnt.took_part else None
        head = {
            "collection": version.collection,
            "version": version.label,
            "model": None if model is None else f"{model.name} {model.revision}",
            "took_ms": round((time.perf_counter() - started) * 1e3, 3),
        }
        return b"".join((to_json(head)[:-1], b',"lists":[', b",".join(lists), b"]}"))

    def quick(self, version: Version, request: RecommendationsRequest, known: Knowledge) -> bool:
        """Whether a call takes a millisecond or two: one short list about few products that asks no
        learnt model, and nothing is to be worked out first."""
        wanted = request.wanted
        if len(wanted) > 1 or wanted[0].limit > _SHORT or len(wanted[0].product_ids or ()) > _FEW:
            return False
        if known.model is not None and wanted[0].kind in _LEARNT:
            return False
        return self._shelves.find(version) is not None and self.ready(version, known)

    def ready(self, version: Version, known: Knowledge) -> bool:
        """Whether a call for a version finds everything worked out that takes long."""
        actions = known.actions
        return actions is None or not actions.event_count or self._items.known(version, actions)

    def taste(self, version: Version, shopper: Shopper, known: Knowledge, weight: float) -> Taste | None:
        """What a search leans to for a shopper; None where nothing is known of them."""
        behaviour = self._behaviour(version, known.actions)
        if behaviour is None or weight <= 0:
            return None
        past = Did(behaviour.actions, behaviour.items, shopper, known.now).past
        found = liking(version, past, known.now, FADING)
        return None if found is None else Taste.of(found.vector, weight)

    def interest(
        self, version: Version, shopper: Shopper, known: Knowledge, rows: NDArray[np.int32]
    ) -> NDArray[np.float64] | None:
        """How probably a shopper is interested in some rows, as the learnt model says, calibrated; None where
        nothing is known of them, and where no model can tell. Takes as long as a list of the model."""
        behaviour = self._behaviour(version, known.actions)
        if behaviour is None:
            return None
        did = Did(behaviour.actions, behaviour.items, shopper, known.now)
        return Learnt(version, known.model, did, known.now).interest(rows)

    def popularity(self, version: Version, known: Knowledge) -> NDArray[np.float64] | None:
        """See :func:`~mmpipe.recommend.popularity.popularity`; None where nobody did anything yet."""
        behaviour = self._behaviour(version, known.actions)
        if behaviour is None:
            return None
        return self._popularity.of(behaviour.items, behaviour.actions, known.now)

    def _behaviour(self, version: Version, actions: Actions | None) -> Behaviour | None:
        if actions is None or not actions.event_count:
            return None
        items = self._items.of(version, actions)
        pairs = self._pairs.get(version, lambda _: Pairs(version, actions))
        if pairs.actions is not actions:
            pairs = Pairs(version, actions)
        return Behaviour(actions, items, self._associations.of(actions), pairs)
