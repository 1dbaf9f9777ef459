"""What each type of event counts as, and how much."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.behaviour.kernels.layout import ACTED, BOUGHT, CODE, JUDGED, SHOWN, VIEWED
from mmpipe.schemas.interaction import EVENT_TYPES, EventType

TYPE_CODES: Final[dict[str, int]] = {name: code for code, name in enumerate(EVENT_TYPES)}
"""The number of each type, as in ``History.types``: its place in ``EVENT_TYPES``."""

# What is meant by one event, in units of a product page that was opened. Funnels of shops lose about nine in
# ten from page to cart and two in three from cart to order; weights grow with the logarithm of how rare an
# event is, because interest grows slower than rarity, and one order must not drown the pages of a hundred.
WEIGHTS: Final[dict[EventType, float]] = {
    "view": 1.0,
    # Followed by a view of the same page as a rule: more would count that page twice.
    "search-click": 1.0,
    # Said aloud, but costs nothing.
    "like": 2.0,
    "add-to-cart": 3.0,
    "purchase": 5.0,
    # As strong as a cart the other way.
    "dislike": -3.0,
    # From -3 for none to 3 for five stars; this entry is what its value is multiplied by, above 2.5.
    "rating": 1.2,
    # What the shop showed and what was typed say nothing of interest in a product.
    "impression": 0.0,
    "search": 0.0,
}
MIDDLE_RATING: Final = 2.5
UNIT: Final = 10
"""Weights are kept as whole tenths."""

# A rating's kind holds its value in half stars, above the types.
FIRST_RATING: Final = 16
_HALVES: Final = 10
_GROUPS: Final[dict[EventType, int]] = {
    "view": VIEWED | ACTED,
    "search-click": VIEWED | ACTED,
    "like": ACTED | JUDGED,
    "add-to-cart": ACTED,
    "purchase": BOUGHT | ACTED,
    "dislike": ACTED | JUDGED,
    "rating": ACTED,
    "impression": SHOWN,
    "search": 0,
}


def kind_weights() -> NDArray[np.int64]:
    """Weight of every kind, in tenths, int64 [32]."""
    weights = np.zeros(CODE + 1, np.int64)
    for name, code in TYPE_CODES.items():
        weights[code] = round(WEIGHTS[EVENT_TYPES[code]] * UNIT) if name != "rating" else 0
    for half in range(_HALVES + 1):
        weights[FIRST_RATING + half] = round((half / 2 - MIDDLE_RATING) * WEIGHTS["rating"] * UNIT)
    return weights


def kind_groups() -> NDArray[np.uint8]:
    """What every kind counts as, uint8 [32]."""
    groups = np.zeros(CODE + 1, np.uint8)
    for code, name in enumerate(EVENT_TYPES):
        groups[code] = _GROUPS[name]
    groups[FIRST_RATING : FIRST_RATING + _HALVES + 1] = _GROUPS["rating"]
    return groups


def kind_types() -> NDArray[np.uint8]:
    """The type's code of every kind, uint8 [32]."""
    kinds = np.arange(CODE + 1, dtype=np.uint8)
    kinds[FIRST_RATING:] = TYPE_CODES["rating"]
    return kinds


def rating_kinds(ratings: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The kind of ratings of 0 to 5, to the half star; one that is not finite is in the middle."""
    known = np.where(np.isfinite(ratings), ratings, MIDDLE_RATING)
    halves = np.rint(np.clip(known, 0.0, 5.0) * 2)
    kinds: NDArray[np.uint8] = (halves + FIRST_RATING).astype(np.uint8)
    return kinds
