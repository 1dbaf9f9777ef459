"""One list as its kind sees it: the version, the shopper, what shoppers did, and who may be recommended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from mmpipe.errors import ModelUnavailable
from mmpipe.recommend.kernels.strongest import strongest
from mmpipe.recommend.kinds.past import (
    FADING,
    SESSION_FADING,
    Did,
    Liking,
    Past,
    liking,
)
from mmpipe.search.find.likeness import fused_vector
from mmpipe.search.kernels.memory import has, own

if TYPE_CHECKING:
    from mmpipe.recommend.associations import Associations
    from mmpipe.recommend.items import ItemRows
    from mmpipe.recommend.kinds.pairs import Pairs
    from mmpipe.recommend.kinds.shelf import Shelf
    from mmpipe.recommend.signals import Actions, Recommender
    from mmpipe.schemas.search import Filters
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Values = NDArray[np.float64]

# Of a product the latest so many shoppers are asked what else they did.
SHOPPERS = 2_000


@dataclass(frozen=True)
class Behaviour:
    """What shoppers of the collection did, and which rows of the version it was done with."""

    actions: Actions
    items: ItemRows
    associations: Associations
    pairs: Pairs

    def associated(
        self,
        row: int,
        kind: Literal["bought", "viewed"],
        words: Words,
        count: int | None = None,
        shoppers: int = SHOPPERS,
    ) -> tuple[Rows, Values]:
        """Products of a bit set that the latest ``shoppers`` of ``row`` also bought or viewed, and how
        strongly each goes with it, in (0, 1]; see :func:`~mmpipe.recommend.kinds.strength.strengths`. The
        ``count`` strongest, all unless given, ascending by row; of equals at the edge the lowest rows."""
        code = int(self.items.codes(np.array([row], np.int32))[0])
        if code < 0:
            return np.zeros(0, np.int32), np.zeros(0)
        return self._first(*self.associations.of(code, kind, shoppers), words, count)[:2]

    def beside(self, category: str) -> Mapping[str, float]:
        """The categories of what is bought with the products of a category that most is done with, and how
        strongly they go with it in all, the strongest first. Not for changing."""
        return self.pairs.beside(self, category)

    def trending(
        self, now: float, half_life_seconds: float, words: Words, count: int
    ) -> tuple[Rows, Values, bool]:
        """The ``count`` products of a bit set with the highest decayed counts, ascending by row, these
        counts, and whether there may be more."""
        return self._first(*self.associations.trending(now, half_life_seconds), words, count)

    def popular(self, words: Words, count: int) -> tuple[Rows, Values, bool]:
        """The same by all events, whenever they were."""
        return self._first(*self.associations.popular(), words, count)

    def exposures(self, rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How often each of some rows was shown, and how often it was clicked."""
        return self.actions.exposures(self.items.codes(rows))

    def exposures_of_ids(self, product_ids: Sequence[str]) -> tuple[list[float], list[float]]:
        """The same of products by their ids."""
        codes = [self.actions.code(each) for each in product_ids]
        found = np.array([-1 if code is None else code for code in codes], np.int32)
        shown, clicked = self.actions.exposures(found)
        return shown.astype(np.float64).tolist(), clicked.astype(np.float64).tolist()

    def _first(
        self, codes: NDArray[np.int32], values: Values, words: Words, count: int | None
    ) -> tuple[Rows, Values, bool]:
        """Of items by falling value the first of a bit set, ascending by row, and whether there are more."""
        found: tuple[Rows, Values, bool] = strongest(
            codes, values, self.items.every, own(words, np.uint64), count or max(len(codes), 1)
        )
        return found


class Learnt:
    """What the learnt model says after a shopper's history, asked when it is needed."""

    def __init__(self, version: Version, model: Recommender | None, did: Did, now: float) -> None:
        self.model = model
        self._version, self._did, self._now = version, did, now

    @cached_property
    def shares(self) -> NDArray[np.float32] | None:
        """Of every row its share of what comes next; None without a model, or where it cannot be used with
        this version, of which whoever follows models tells, or knows nothing of the history."""
        if self.model is None or not len(self._past):
            return None
        try:
            found = self.model.scores(self._version, self._ids, self._past.types, self._past.times)
        except ModelUnavailable:
            return None
        return found if np.isfinite(found).any() else None

    @property
    def took_part(self) -> bool:
        """Whether it was asked, and said something."""
        return self.__dict__.get("shares") is not None

    def likely(self, mask: Words) -> tuple[Rows, Values] | None:
        """The rows of a bit set that it gives a share, ascending, and the shares' logarithms."""
        shares = self.shares
        if shares is None:
            return None
        rows = np.flatnonzero(np.isfinite(shares) & (shares > 0)).astype(np.int32)
        rows = rows[has(mask, rows)]
        return (rows, np.log(shares[rows].astype(np.float64))) if len(rows) else None

    def interest(self, rows: Rows) -> Values | None:
        """How probably the shopper is interested in some rows; None where nobody can tell."""
        if self.model is None or self.shares is None or not len(rows):
            return None
        past = self._past
        return self.model.interest(
            self._version, rows, self._ids, past.types, past.times, now=self._now, scores=self.shares
        )

    @property
    def _past(self) -> Past:
        return self._did.past

    @cached_property
    def _ids(self) -> list[str]:
        return self._version.ids.ids(self._past.rows)


@dataclass(frozen=True)
class Asked:
    """``base`` are the products under the filters that are not sold out (where that is asked for), ``mask``
    those of them that may be recommended. ``sources`` are the rows that the list is about; ``implied`` says
    that these are the shopper's latest ones, since none was named. ``named`` says that a shopper was. Without
    any event ``behaviour`` is None. ``now`` is in Unix seconds."""

    version: Version
    shelf: Shelf
    behaviour: Behaviour | None
    learnt: Learnt
    did: Did
    filters: Filters
    base: Words
    mask: Words
    sources: tuple[int, ...]
    now: float

    @property
    def past(self) -> Past:
        """All that the shopper did."""
        return self.did.past

    @property
    def visit(self) -> Past:
        """What of it is of this visit."""
        return self.did.visit

    @cached_property
    def taste(self) -> Liking | None:
        """What the shopper likes."""
        return liking(self.version, self.past, self.now, FADING)

    @cached_property
    def mood(self) -> Liking | None:
        """What the shopper likes in this visit."""
        return liking(self.version, self.visit, self.now, SESSION_FADING)

    def vector(self, row: int) -> NDArray[np.float32] | None:
        """A product's fused vector, of unit length; None where it has none."""
        return fused_vector(self.version, row)

    def near(self, vector: NDArray[np.float32], mask: Words, count: int) -> Rows:
        """The products of a bit set nearest to a unit vector."""
        return self.version.fused.nearest(vector, mask, count, self.version.ids.rank)[0]

    def like(
        self,
        row: int,
        vector: NDArray[np.float32],
        count: int,
        mask: Words,
        within: str | None = None,
        without: tuple[str, ...] = (),
    ) -> Rows:
        """The products of ``mask`` nearest to the one in ``row``, whose unit vector is given. ``mask`` is
        what the list may show of the category ``within``, all unless given, and of none of ``without``."""
        return self.shelf.neighbours.of(row, vector, count, mask, self.base, within, without)

    def cosines(self, rows: Rows, vector: NDArray[np.float32]) -> Values:
        """Of some rows, float64; 0 without a vector."""
        return self.version.fused.score(rows, vector).astype(np.float64)

    def categories(self, rows: Rows) -> list[str | None]:
        """The whole category path of some rows, None where there is none."""
        return self.version.coded["category"].values(rows)

    def category(self, row: int) -> str | None:
        """Of one row."""
        return self.categories(np.array([row], np.int32))[0]

    @cached_property
    def source_categories(self) -> tuple[str, ...]:
        """Of the rows that the list is about, once each; rows without one have no part in it."""
        named = self.categories(np.array(self.sources, np.int32))
        return tuple(dict.fromkeys(name for name in named if name is not None))

    def in_category(self, category: str) -> Words:
        """The products of a category path and those below it."""
        return self.shelf.categories.of(category)

    def main_category(self) -> str | None:
        """The category that most of the shopper's weight is in, None where nothing says so."""
        rows, weights = self.past.weights(self.now)
        total: dict[str, float] = {}
        for category, weight in zip(self.categories(rows), weights.tolist(), strict=True):
            if category is not None:
                total[category] = total.get(category, 0.0) + weight
        best = min(total.items(), key=lambda each: (-each[1], each[0]), default=None)
        return best[0] if best is not None and best[1] > 0 else None
