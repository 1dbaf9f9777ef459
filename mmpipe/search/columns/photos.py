"""Photos of reviews, by the rows of the products that they show.

Photos have a numbering of their own: those of the fragments of their table, as products have. A version knows
them by which of its rows each is of; the rest is shared by all versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic_core import to_json

from mmpipe.search.columns.layout import Layout
from mmpipe.search.columns.vectors import EXACT_ROWS, VectorColumn, build_vectors
from mmpipe.search.kernels.memory import has, set_rows

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.search.columns.ids import IdColumn

Arrays = Mapping[str, NDArray[Any]]
Words = NDArray[np.uint64]
Rows = NDArray[np.int32]
Scores = NDArray[np.float32]


def build_photos(
    products: pa.Array, reviews: pa.Array, keys: pa.Array, usable: pa.Array, vectors: Vectors
) -> dict[str, NDArray[Any]]:
    """The part of one fragment: what :func:`~mmpipe.search.columns.vectors.build_vectors` makes of the
    ``vectors`` ``(n, dim)`` of ``usable`` photos, and as texts, joined, with where each begins (int64
    ``(n + 1,)``), the ids of the products (``product``) and what an answer says of a photo as JSON
    (``told``)."""
    there = usable.fill_null(False).to_numpy(zero_copy_only=False).astype(np.bool_)
    named = zip(reviews.to_pylist(), keys.to_pylist(), strict=True)
    told = [to_json({"review_id": review, "photo": key}) for review, key in named]
    part = build_vectors(vectors, there, searched=True)
    ids = [str(each or "").encode() for each in products.to_pylist()]
    for name, texts in (("product", ids), ("told", told)):
        part[f"{name}_bytes"] = np.frombuffer(b"".join(texts), np.uint8)
        part[f"{name}_start"] = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    return part


class Photos:
    """All photos of one version of their table, whatever products there are. ``parts`` are the fragments'
    (:func:`build_photos`) and ``undeleted`` their rows that stand; of them the first ``most`` count. Safe to
    share between threads; not for changing."""

    def __init__(self, parts: Sequence[Arrays], undeleted: Sequence[Words], dim: int, most: int) -> None:
        self.parts = parts
        self.dim = dim
        self.layout = Layout([len(part["place"]) for part in parts])
        found = [words & part["present"] for words, part in zip(undeleted, parts, strict=True)]
        alive = np.concatenate([np.zeros(0, np.uint64), *found])
        numbers = np.flatnonzero(np.unpackbits(alive.view(np.uint8), bitorder="little")).astype(np.int32)
        self.numbers: Rows = numbers[:most]
        self.products = [self._text(number, "product").decode() for number in self.numbers.tolist()]

    def told(self, number: int) -> bytes:
        """What an answer says of a photo, as JSON."""
        return self._text(number, "told")

    def _text(self, number: int, name: str) -> bytes:
        owner, offset = self.layout.locate(np.array([number], np.int32))
        part, place = self.parts[int(owner[0])], int(offset[0])
        start = part[f"{name}_start"]
        return part[f"{name}_bytes"][start[place] : start[place + 1]].tobytes()


@dataclass(frozen=True)
class Numbered:
    """How a version numbers products: its fragments by the ``numbers`` that their table knows them by, in the
    order of ``layout``, the ``ids`` of their rows, and which are ``alive``."""

    ids: IdColumn
    alive: Words
    layout: Layout
    numbers: tuple[int, ...]

    def after(self, rows: Rows, former: Numbered) -> Rows:
        """Where living rows of another version of the table are in this one; -1 for those that are not alive
        in their place any more."""
        place = {number: at for at, number in enumerate(self.numbers)}
        came = np.array([place.get(number, -1) for number in former.numbers], np.int64)
        owner, offset = former.layout.locate(rows)
        stands = came[owner] >= 0
        found = (self.layout.bases[came[owner]] + offset).astype(np.int32)
        stands[stands] = has(self.alive, found[stands])
        return np.where(stands, found, np.int32(-1))


class PhotoColumn:
    """The photos of the products of one version. ``photos`` may outlive it. Of ``former``, what another
    version of the same table has or had, the places of products are taken over."""

    def __init__(
        self,
        photos: Photos,
        numbered: Numbered,
        former: PhotoColumn | None = None,
        *,
        exact_rows: int = EXACT_ROWS,
    ) -> None:
        self.photos = photos
        self._numbered = numbered
        self._row_of = {} if former is None else former._after(numbered)
        for product_id in photos.products:
            if product_id not in self._row_of:
                row = numbered.ids.find(product_id, numbered.alive)
                self._row_of[product_id] = -1 if row is None else row
        rows = np.array([self._row_of[each] for each in photos.products], np.int32)
        self._rows: Rows = np.full(photos.layout.rows, -1, np.int32)
        self._rows[photos.numbers] = rows
        self._there: Rows = np.flatnonzero(self._rows >= 0).astype(np.int32)
        self._shown: Rows = np.ascontiguousarray(self._rows[self._there])
        there = set_rows(self._there, photos.layout.rows)
        self._column = VectorColumn(photos.parts, photos.layout, there, photos.dim, exact_rows=exact_rows)
        # By product, so that those of some products are found without looking at all.
        self._order: Rows = np.argsort(self._rows, kind="stable").astype(np.int32)
        self._sorted: Rows = self._rows[self._order]

    def __len__(self) -> int:
        """Photos of products that can be found."""
        return len(self._there)

    def _after(self, numbered: Numbered) -> dict[str, int]:
        """The rows of the products that stand where they stood."""
        rows = np.fromiter(self._row_of.values(), np.int32, len(self._row_of))
        there = rows >= 0
        moved = rows.copy()
        moved[there] = numbered.after(rows[there], self._numbered)
        return {each: row for each, row in zip(self._row_of, moved.tolist(), strict=True) if row >= 0}

    def above(self, query: Vectors, mask: Words, floor: float, k: int) -> tuple[Rows, Scores]:
        """The products under ``mask`` with a photo that scores ``floor`` or more, ascending, each with the
        score of its best: of more photos than are compared one by one those among the likeliest, see
        :meth:`VectorColumn.above`."""
        shown = set_rows(self._there[has(mask, self._shown)], len(self._rows))
        numbers, scores = self._column.above(query, shown, floor, k)
        return _best_of_each(self._rows[numbers], scores)

    def best(self, rows: Rows, query: Vectors) -> tuple[Scores, Rows]:
        """Of each of some products the score of its best photo, and which that is; NaN and -1 where it has
        none."""
        scores, numbers = np.full(len(rows), np.nan, np.float32), np.full(len(rows), -1, np.int32)
        first = np.searchsorted(self._sorted, rows, side="left")
        last = np.searchsorted(self._sorted, rows, side="right")
        for place in np.flatnonzero(last > first).tolist():
            mine = np.sort(self._order[first[place] : last[place]])
            found = self._column.score(mine, query)
            at = int(np.argmax(found))
            scores[place], numbers[place] = found[at], mine[at]
        return scores, numbers


def _best_of_each(rows: Rows, scores: Scores) -> tuple[Rows, Scores]:
    order = np.lexsort((-scores, rows))
    rows, scores = rows[order], scores[order]
    first = np.ones(len(rows), np.bool_)
    first[1:] = rows[1:] != rows[:-1]
    return rows[first], scores[first]
