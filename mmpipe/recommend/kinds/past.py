"""What a shopper did, as lists weigh it.

Every event weighs what its type says (:data:`mmpipe.recommend.behaviour.events.WEIGHTS`), halved with every
:data:`HALF_LIFE_DAYS` that passed, and less for every event that came after it (:data:`FADING`): a shopper of
today is not the one of last winter, and of a long visit the end says most. A product's weight is the sum of
its events', capped, so that a page that is opened again and again does not drown the others.

The taste is ``u = Σ weight · vector`` over products, of unit length. What it earns a product is ``u · v``, a
sum over the history, so that each part of it names the product that it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.kernels.history import heaviest
from mmpipe.schemas.interaction import EVENT_TYPES
from mmpipe.search.kernels.memory import own

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.recommend.behaviour import History, Shopper
    from mmpipe.recommend.items import ItemRows
    from mmpipe.recommend.signals import Actions
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Weights = NDArray[np.float64]
Types = NDArray[np.uint8]

HALF_LIFE_DAYS = 30.0
# Of n events after it an event weighs (1 + n) ** -FADING: the latest say most, and none is forgotten, as an
# exponential would. Of the session at hand the latest say more.
FADING = 1.5
SESSION_FADING = 2.0
# Without an event for so long a visit is over.
SESSION_GAP_SECONDS = 1_800.0
# So many times its strongest event a product weighs at most.
_CAP = 2.0
# Products that a taste is made of.
_MOST = 50
_DAY = 86_400.0

_VIEWED = np.array([name in ("view", "search-click", "add-to-cart") for name in EVENT_TYPES])
_REASONS = {
    "purchase": "purchased",
    "add-to-cart": "in-cart",
    "like": "liked",
    "dislike": "disliked",
    "rating": "rated",
}
# By the place of an event's type.
_REASON_OF = [_REASONS.get(name, "viewed") for name in EVENT_TYPES]
_PURCHASE = EVENT_TYPES.index("purchase")
_CART = EVENT_TYPES.index("add-to-cart")


@dataclass(frozen=True)
class Past:
    """The events of a shopper whose products are in the version: parallel arrays, oldest first. ``times`` are
    Unix seconds, ``worth`` what each event says of a liking."""

    rows: Rows
    types: Types
    times: Weights
    worth: Weights
    _weighed: dict[tuple[float, float], tuple[Rows, Weights]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, history: History, items: ItemRows) -> Past:
        """What of a history is still in the version."""
        rows = items.rows(history.items)
        kept = rows >= 0
        worth = history.weights[kept].astype(np.float64)
        return cls(rows[kept], history.types[kept], history.times[kept], worth)

    @classmethod
    def nothing(cls) -> Past:
        """Of nobody."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.uint8), np.zeros(0), np.zeros(0))

    def latest_visit(self, now: float) -> Past:
        """The events since the last pause of :data:`SESSION_GAP_SECONDS`; none where it goes on now."""
        if len(self) and now - self.times[-1] > SESSION_GAP_SECONDS:
            return Past.nothing()
        return self.last_part(now)

    def last_part(self, now: float) -> Past:
        """The events since the last pause of :data:`SESSION_GAP_SECONDS`."""
        # A clock that is ahead makes no pause: what it says of later happened by now.
        pauses = np.flatnonzero(np.diff(np.minimum(self.times, now)) > SESSION_GAP_SECONDS)
        begin = int(pauses[-1]) + 1 if len(pauses) else 0
        return Past(self.rows[begin:], self.types[begin:], self.times[begin:], self.worth[begin:])

    def viewed(self) -> tuple[Rows, Weights]:
        """Products that were looked at, the latest first, and when each was last."""
        marked = _VIEWED[self.types]
        return _latest_first(self.rows[marked], self.times[marked])

    def cart(self) -> Rows:
        """Products that went into the cart and were not bought since, the latest first."""
        inside: dict[int, None] = {}
        for row, kind in zip(self.rows.tolist(), self.types.tolist(), strict=True):
            if kind in (_CART, _PURCHASE):
                inside.pop(row, None)
            if kind == _CART:
                inside[row] = None
        return np.array(list(inside)[::-1], np.int32)

    @cached_property
    def reasons(self) -> Mapping[int, str]:
        """By product what its strongest event was, as a reason; of equal events the latest."""
        strongest: dict[int, tuple[float, int]] = {}
        for row, kind, worth in zip(
            self.rows.tolist(), self.types.tolist(), np.abs(self.worth).tolist(), strict=True
        ):
            if row not in strongest or worth >= strongest[row][0]:
                strongest[row] = worth, kind
        return {row: _REASON_OF[kind] for row, (_, kind) in strongest.items()}

    def weights(self, now: float, fading: float = FADING) -> tuple[Rows, Weights]:
        """The products that say most of the shopper, with their weights, the strongest first; of equals the
        lowest row. A disliked one weighs less than 0. Not for changing."""
        found = self._weighed.get((now, fading))
        if found is None:
            found = self._weighed[now, fading] = self._weights(now, fading)
        return found

    def _weights(self, now: float, fading: float) -> tuple[Rows, Weights]:
        age = np.maximum(now - self.times, 0.0) / _DAY
        each = self.worth * np.exp2(-age / HALF_LIFE_DAYS) * _faded(len(self), fading)
        found: tuple[Rows, Weights] = heaviest(own(self.rows, np.int32), each, _CAP, _MOST)
        return found


class Did:
    """What one shopper did, None for nobody, by ``now`` (Unix seconds), looked up when it is asked for."""

    def __init__(self, actions: Actions | None, items: ItemRows | None, shopper: Shopper | None, now: float):
        self._actions, self._items, self._shopper, self._now = actions, items, shopper, now

    @cached_property
    def past(self) -> Past:
        """All of it."""
        return self._of(self._shopper)

    @cached_property
    def visit(self) -> Past:
        """What of it is of this visit: of the session that is named, else the latest."""
        who = self._shopper
        if who is None or who.session is None:
            return self.past.latest_visit(self._now)
        own = self.past if who.user is None else self._of(replace(who, user=None))
        return own.last_part(self._now)

    def _of(self, shopper: Shopper | None) -> Past:
        if self._actions is None or self._items is None or shopper is None:
            return Past.nothing()
        return Past.of(self._actions.history(shopper), self._items)


@dataclass(frozen=True)
class Liking:
    """What a shopper likes: ``vector`` float32 of unit length, ``Σ weights · vectors`` over ``rows``, the
    products that it is made of; ``past`` is what it follows from."""

    vector: Vectors
    rows: Rows
    weights: Weights
    vectors: Vectors
    past: Past


def liking(version: Version, past: Past, now: float, fading: float) -> Liking | None:
    """From what a shopper did; None where it says nothing."""
    rows, weights = past.weights(now, fading)
    vectors, has = version.fused.gather(rows)
    rows, weights, vectors = rows[has], weights[has], vectors[has]
    if not len(rows) or weights.max() <= 0:
        return None
    total = weights @ vectors.astype(np.float64)
    length = float(np.linalg.norm(total))
    if length <= 1e-9:
        return None
    vector = (total / length).astype(np.float32)
    return Liking(vector, rows, weights / length, vectors, past)


@lru_cache(maxsize=1_024)
def _faded(count: int, fading: float) -> Weights:
    """What each of so many events weighs, oldest first, by how many came after it. Not for changing."""
    after = np.arange(count - 1, -1, -1, dtype=np.float64)
    found: Weights = np.power(1.0 + after, -fading)
    return found


def _latest_first(rows: Rows, times: Weights) -> tuple[Rows, Weights]:
    last = dict(zip(rows.tolist(), times.tolist(), strict=True))
    order = sorted(last.items(), key=lambda each: (-each[1], each[0]))
    return (
        np.array([row for row, _ in order], np.int32),
        np.array([moment for _, moment in order], np.float64),
    )
