"""What a recommender is made of: each part gives every row of a shelf a logit or a weight after a history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from mmpipe.errors import ModelUnavailable
from mmpipe.recommend.model.ids import NO_ITEM

if TYPE_CHECKING:
    from mmpipe.recommend.model.ids import Codes
    from mmpipe.recommend.model.sequence import SequenceNet
    from mmpipe.recommend.model.shelf import Rows, Shelf

Scores = NDArray[np.float32]
Vectors = NDArray[np.float32]
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Past:
    """A history, oldest first: each event's item (``NO_ITEM`` for a product that the model does not know) and
    row (-1 for a product that the shelf does not have), int32 ``(n,)``."""

    items: Codes
    rows: Rows

    @property
    def known(self) -> Codes:
        """The events of items that the model knows."""
        known: Codes = self.items[self.items != NO_ITEM]
        return known

    def latest(self, count: int) -> Past:
        """Its last events."""
        return Past(self.items[-count:], self.rows[-count:])


class Place:
    """A shelf as parts see it. ``items`` is each row's item, int32 ``(rows,)``; ``cold`` are the rows of no
    item that have a fused vector the model can read, none where it reads others' (``readable``)."""

    def __init__(self, shelf: Shelf, items: Codes, cold: Rows, *, readable: bool) -> None:
        self.shelf, self.items, self.cold, self.readable = shelf, items, cold, readable
        # NO_ITEM is -1, the last; numpy takes by numbers of this type without a copy.
        self._taken = items.astype(np.intp)

    def spread(self, by_item: NDArray[Any], none: float = -np.inf) -> Scores:
        """Scores by item as scores by row, ``none`` for rows of no item."""
        with_none = np.empty(len(by_item) + 1, np.float32)
        with_none[:-1] = by_item
        with_none[-1] = none
        return with_none.take(self._taken, mode="wrap")


class LogitPart(Protocol):
    """A part that gives rows logits. ``needs_vectors``: it says nothing of products but by their fused
    vectors."""

    needs_vectors: bool

    def scores(self, past: Past, place: Place) -> Scores | None:
        """A new array, float32 ``(rows,)``, -inf for a row it says nothing of; None for a history it says
        nothing of."""
        ...


class WeightPart(Protocol):
    """A part that gives items weights, at least 0."""

    def by_item(self, past: Past) -> NDArray[np.float64] | None:
        """Float64 ``(items,)``, not for changing; None for a history it says nothing of."""
        ...


Part = LogitPart | WeightPart


class SequencePart:
    """The sequence model: logits. ``embedding`` float32 ``(items, dim)``."""

    needs_vectors = False

    def __init__(self, net: SequenceNet, embedding: Vectors) -> None:
        if embedding.ndim != 2 or embedding.shape[1] != net.dim or embedding.dtype != np.float32:
            raise ModelUnavailable("the sequence model's item embeddings are of another width")
        _finite("item embeddings", embedding)
        self.net, self._embedding = net, embedding

    def scores(self, past: Past, place: Place) -> Scores | None:
        vectors = self._vectors(past, place)
        if not len(vectors):
            return None
        state = self.net.state(vectors)
        found = place.spread(self._embedding @ state)
        if len(place.cold) and self.net.features:
            query, offset = self.net.back(state)
            found[place.cold] = place.shelf.dot(place.cold, query) + np.float32(offset)
        return found

    def _vectors(self, past: Past, place: Place) -> Vectors:
        past = past.latest(2 * self.net.max_len)
        vectors = np.zeros((len(past.items), self.net.dim), np.float32)
        known = past.items != NO_ITEM
        vectors[known] = self._embedding[past.items[known]]
        if self.net.features and place.readable and not known.all():
            others = np.flatnonzero(~known & (past.rows >= 0))
            if len(others):
                features, there = place.shelf.vectors(past.rows[others])
                vectors[others[there]] = self.net.project(features[there])
                known[others[there]] = True
        found: Vectors = vectors[known]
        return found


class NeighbourPart:
    """Items near items: weights. Item ``j``'s neighbours are ``items[starts[j] : starts[j + 1]]``; each event
    of the history counts ``fading`` times the one after it."""

    _EVENTS = 200

    def __init__(self, arrays: Arrays, items: int, fading: float) -> None:
        self._starts, self._items, self._weights = (arrays[n] for n in ("starts", "items", "weights"))
        starts, neighbours = self._starts, self._items
        sound = (
            starts.shape == (items + 1,)
            and neighbours.shape == self._weights.shape == (int(starts[-1]),)
            and starts[0] == 0
            and bool((np.diff(starts) >= 0).all())
            and (not len(neighbours) or (int(neighbours.min()) >= 0 and int(neighbours.max()) < items))
        )
        if not sound or not 0 < fading <= 1:
            raise ModelUnavailable("the model's neighbours are damaged")
        _finite("neighbours", self._weights)
        self._count, self._fading = items, fading

    def by_item(self, past: Past) -> NDArray[np.float64] | None:
        events = past.latest(self._EVENTS).known
        if not len(events):
            return None
        worth = self._fading ** np.arange(len(events) - 1, -1, -1, dtype=np.float64)
        first, counts = self._starts[events], self._starts[events + 1] - self._starts[events]
        ends = np.cumsum(counts)
        places = np.arange(int(ends[-1])) + np.repeat(first - (ends - counts), counts)
        weights = self._weights[places] * np.repeat(worth, counts)
        return np.bincount(self._items[places], weights, self._count).astype(np.float64, copy=False)


class PopularPart:
    """The same for everybody: weights. ``counts`` float32 ``(items,)``, events an item has."""

    def __init__(self, counts: NDArray[np.float32]) -> None:
        _finite("counts", counts)
        self._counts = np.maximum(counts, 0).astype(np.float64)

    def by_item(self, past: Past) -> NDArray[np.float64] | None:
        return self._counts


class ContentPart:
    """What is alike: cosines between whitened fused vectors, ``(vector - mean) @ matrix``, those of the
    latest events of a history, each worth ``fading`` times the one after it, and every product's. ``mean``
    ``(f,)`` and ``matrix`` ``(f, f)`` are float32."""

    needs_vectors = True
    _EVENTS = 50
    _CHUNK = 8_192
    # Lengths are about 1: what is so much shorter is the mean, and like nothing.
    _SHORTEST = np.float32(1e-3)

    def __init__(self, mean: Vectors, matrix: Vectors, fading: float) -> None:
        _finite("mean", mean)
        _finite("whitening", matrix)
        if mean.ndim != 1 or matrix.shape != (len(mean), len(mean)) or not 0 < fading <= 1:
            raise ModelUnavailable("the model's content part is damaged")
        self._mean, self._matrix, self._fading = mean, matrix, fading
        self._held: WeakKeyDictionary[Place, tuple[Rows, Vectors]] = WeakKeyDictionary()
        # By what is stored together, which stays when versions change; with it, so that no other gets its
        # address.
        self._known: dict[int, tuple[object, Vectors]] = {}

    def prepare(self, place: Place) -> None:
        """Work out what takes long of a place, the lengths of all whitened vectors: those of fragments that
        the place before had are taken over. One thread at a time."""
        known: dict[int, tuple[object, Vectors]] = {}
        every = np.zeros(place.shelf.rows, np.float32)
        for key, rows in place.shelf.stored():
            held = self._known.get(id(key))
            lengths = self._lengths(place, rows) if held is None else held[1]
            known[id(key)] = key, lengths
            every[rows] = lengths
        self._known = known
        rows = place.shelf.described()
        self._held[place] = rows, np.maximum(every[rows], self._SHORTEST).astype(np.float32)

    def scores(self, past: Past, place: Place) -> Scores | None:
        if not place.readable or (taste := self._taste(past, place)) is None:
            return None
        rows, lengths = self._held[place]
        query = self._matrix @ taste
        found = np.full(place.shelf.rows, -np.inf, np.float32)
        found[rows] = (place.shelf.dot(rows, query) - query @ self._mean) / lengths
        return found

    def _taste(self, past: Past, place: Place) -> Vectors | None:
        """The unit vector of a history; None where none of its products has a vector."""
        past = past.latest(self._EVENTS)
        worth = np.power(np.float32(self._fading), np.arange(len(past.rows) - 1, -1, -1, dtype=np.float32))
        here = past.rows >= 0
        vectors, there = place.shelf.vectors(past.rows[here])
        if not there.any():
            return None
        made = (vectors[there] - self._mean) @ self._matrix
        made = made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), self._SHORTEST)
        taste: Vectors = (worth[here][there] @ made).astype(np.float32)
        length = float(np.linalg.norm(taste))
        return taste / np.float32(length) if length > 0 else None

    def _lengths(self, place: Place, rows: Rows) -> Vectors:
        parts = [np.zeros(0, np.float32)]
        for first in range(0, len(rows), self._CHUNK):
            vectors, _ = place.shelf.vectors(rows[first : first + self._CHUNK])
            parts.append(np.linalg.norm((vectors - self._mean) @ self._matrix, axis=1).astype(np.float32))
        return np.concatenate(parts)


class FactorPart:
    """Factors of alternating least squares: logits of a shopper whose factors are solved anew from the
    history. ``factors`` float32 ``(items, k)``."""

    needs_vectors = False
    _EVENTS = 200

    def __init__(self, factors: Vectors, regularization: float, confidence: float) -> None:
        if factors.ndim != 2 or regularization <= 0 or confidence <= 0:
            raise ModelUnavailable("the model's factors are damaged")
        _finite("factors", factors)
        self._factors, self._confidence = factors, confidence
        self._gram = factors.T.astype(np.float64) @ factors + regularization * np.eye(factors.shape[1])

    def scores(self, past: Past, place: Place) -> Scores | None:
        events, counts = np.unique(past.latest(self._EVENTS).known, return_counts=True)
        if not len(events):
            return None
        mine = self._factors[events].astype(np.float64)
        confidence = self._confidence * counts
        left = self._gram + (mine.T * (confidence - 1)) @ mine
        shopper = np.linalg.solve(left, mine.T @ confidence).astype(np.float32)
        return place.spread(self._factors @ shopper)


def _finite(name: str, array: NDArray[Any]) -> None:
    if not np.isfinite(array).all():
        raise ModelUnavailable(f"the model's {name} hold what is no number")
