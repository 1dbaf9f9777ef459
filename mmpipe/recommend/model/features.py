"""What a ranker is told of a product and a shopper; training and serving compute it here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.model.ids import NO_ITEM
from mmpipe.recommend.model.parts import NeighbourPart

if TYPE_CHECKING:
    from mmpipe.recommend.model.parts import Past
    from mmpipe.recommend.model.recommender import Bound
    from mmpipe.recommend.model.shelf import Rows, Vectors

Inputs = NDArray[np.float32]

FEATURES: Final = (
    "share",  # logarithm of the model's share of what comes next
    "behind",  # how far that is below the best product's
    "taste",  # cosine with the history's fused vectors, later events worth more
    "last",  # cosine with the latest product's
    "together",  # logarithm of the weight by which it stands near the history's products
    "popularity",  # logarithm of its events, 1 for the product with the most
    "known",  # whether the model has seen behaviour with it
    "dearer",  # logarithm of its price by the history's median one
    "apart",  # the same without the sign
    "available",  # whether it can be bought
    "history",  # logarithm of the number of different products in the history
    "pause",  # logarithm of the hours since the latest event
)
_LEAST_SHARE = 1e-12
_FADING = np.float32(0.8)
_EVENTS = 50
_APART = 3.0


def features(bound: Bound, past: Past, rows: Rows, shares: Inputs, pause_seconds: float) -> Inputs:
    """Float32 ``(len(rows), len(FEATURES))``, finite, of some rows of the shelf after a history.

    ``shares`` are :meth:`Bound.scores_after` of the same history, of all rows. What is not known of a product
    is 0 in its place.
    """
    found = np.zeros((len(rows), len(FEATURES)), np.float32)
    column = {name: found[:, place] for place, name in enumerate(FEATURES)}
    own = np.log(np.maximum(shares[rows], _LEAST_SHARE))
    column["share"][:] = own
    column["behind"][:] = own - np.log(max(float(shares.max(initial=0.0)), _LEAST_SHARE))
    _likeness(bound, past, rows, column["taste"], column["last"])
    items = bound.place.items[rows]
    known = items != NO_ITEM
    column["known"][:] = known
    column["popularity"][known] = _popularity(bound, items[known])
    together = _together(bound, past)
    if together is not None:
        column["together"][known] = np.log1p(1e3 * together[items[known]])
    _prices(bound, past, rows, column["dearer"], column["apart"])
    column["available"][:] = bound.place.shelf.available(rows)
    column["history"][:] = np.log1p(min(len(past.items), _EVENTS))
    column["pause"][:] = np.log1p(max(pause_seconds, 0.0) / 3600)
    return found


def _likeness(bound: Bound, past: Past, rows: Rows, taste: Inputs, last: Inputs) -> None:
    if not bound.place.readable:
        return
    latest = past.rows[-_EVENTS:]
    vectors, there = bound.place.shelf.vectors(latest[latest >= 0])
    if not there.any():
        return
    worth = _FADING ** np.arange(len(vectors) - 1, -1, -1, dtype=np.float32)
    summed = worth[there] @ vectors[there]
    length = np.float32(max(float(np.linalg.norm(summed)), 1e-9))
    theirs, present = bound.place.shelf.vectors(rows)
    taste[present] = theirs[present] @ (summed / length)
    last[present] = theirs[present] @ vectors[np.flatnonzero(there)[-1]]


def _popularity(bound: Bound, items: NDArray[np.int32]) -> Vectors:
    counts = bound.model.counts
    most = float(np.log1p(max(float(counts.max(initial=0.0)), 1.0)))
    popularity: Vectors = np.log1p(counts[items]).astype(np.float32) / np.float32(most)
    return popularity


def _together(bound: Bound, past: Past) -> NDArray[np.float64] | None:
    part = next((part for _, part in bound.model.parts if isinstance(part, NeighbourPart)), None)
    return None if part is None else part.by_item(past)


def _prices(bound: Bound, past: Past, rows: Rows, dearer: Inputs, apart: Inputs) -> None:
    usual = bound.place.shelf.prices(past.rows[past.rows >= 0])
    usual = usual[usual > 0]
    if not len(usual):
        return
    paid = bound.place.shelf.prices(rows)
    priced = paid > 0
    ratio = np.clip(np.log(paid[priced] / np.median(usual)), -_APART, _APART)
    dearer[priced], apart[priced] = ratio, np.abs(ratio)
