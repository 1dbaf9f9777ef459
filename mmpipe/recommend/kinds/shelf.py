"""What lists know of a version's products beyond its columns, worked out when it is first asked for."""

from __future__ import annotations

import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from mmpipe.lexical import CJK
from mmpipe.recommend.kinds.categories import Categories
from mmpipe.recommend.kinds.neighbours import Neighbours
from mmpipe.search.kernels.memory import has, rows_of

if TYPE_CHECKING:
    from mmpipe.schemas.recommend import Language
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Values = NDArray[np.float64]

# Products that the middle of the catalogue, and of each of its categories, is judged by.
_SAMPLE = 4_096
_HAN = re.compile(f"[{CJK}]")
_CATEGORIES = 24
_PER_CATEGORY = 6
_REMEMBERED = 65_536
_MASKS = 8


@dataclass(frozen=True)
class Shown:
    """What texts need of a product, and whether it has a picture."""

    id: str
    title: str
    image: bool


class Shelf:
    """The products of one version; making one takes a few milliseconds for fifty thousand. Safe for many
    threads."""

    def __init__(self, version: Version) -> None:
        self._version = version
        self.categories = Categories(version)
        self.neighbours = Neighbours(version, self.categories)
        self._shown: dict[int, Shown] = {}
        self._translated: dict[tuple[int, Language], str] = {}
        # In the order of :meth:`newest`, and when those were added of which it is known.
        self._by_age = _by_age(version)
        self._typical: OrderedDict[bytes, tuple[Rows, Values]] = OrderedDict()
        self._lock = threading.Lock()

    def shown(self, row: int) -> Shown:
        """Of one product."""
        found = self._shown.get(row)
        return self.see([row])[row] if found is None else found

    def see(self, rows: Collection[int]) -> Mapping[int, Shown]:
        """What :meth:`shown` gives of some rows, looked up at once."""
        shown = self._shown
        missing = [row for row in rows if row not in shown]
        if missing:
            if len(shown) >= _REMEMBERED:
                # Others may be reading the former one.
                shown = self._shown = {row: shown[row] for row in rows if row in shown}
            for row, members in zip(
                missing, self._version.page.members(np.array(missing, np.int32)), strict=True
            ):
                static = from_json(b"{%b}" % members)
                shown[row] = Shown(static["id"], static["title"] or "", bool(static["image_link"]))
        return shown

    def titles(self, rows: Collection[int], language: Language) -> Mapping[int, str]:
        """The names of products in a language, where they have one in it. Documents are read of those alone
        whose own is of another script, once each."""
        shown, held = self.see(rows), self._translated
        missing = [
            row
            for row in rows
            if (row, language) not in held and (_HAN.search(shown[row].title) is None) == (language == "zh")
        ]
        if missing:
            if len(held) >= _REMEMBERED:
                held = self._translated = {}
            for row, product in zip(
                missing, self._version.products(np.array(missing, np.int32)), strict=True
            ):
                told = (
                    each.title
                    for tag, each in product.translations.items()
                    if each.title and tag.lower().startswith(language)
                )
                held[row, language] = next(told, shown[row].title)
        return {row: held.get((row, language), shown[row].title) for row in rows}

    def typical(self, mask: Words) -> tuple[Rows, Values]:
        """Products that stand for those of a bit set, ascending, and how well each does, in (0, 1].

        They are the ones nearest to the middle of each of the largest categories, whose share of the products
        counts too, those with a picture first. So a shop that nobody visited yet shows what it has most of.
        """
        key = mask.tobytes()
        with self._lock:
            found = self._typical.get(key)
            if found is not None:
                self._typical.move_to_end(key)
                return found
        found = self._middle(mask)
        with self._lock:
            self._typical[key] = found
            while len(self._typical) > _MASKS:
                self._typical.popitem(last=False)
        return found

    def _middle(self, mask: Words) -> tuple[Rows, Values]:
        version = self._version
        rows = rows_of(mask)
        if not len(rows):
            return rows, np.zeros(0)
        sample = rows[:: max(1, len(rows) // _SAMPLE)]
        vectors, there = version.fused.gather(sample)
        names = version.coded["category"].values(sample)
        counted = Counter(name for name, has_one in zip(names, there.tolist(), strict=True) if has_one)
        best: dict[int, float] = {}
        for name, count in sorted(counted.items(), key=lambda each: (-each[1], each[0] or ""))[:_CATEGORIES]:
            own = np.array([each == name for each in names]) & there
            centre = vectors[own].mean(axis=0)
            length = float(np.linalg.norm(centre))
            if length <= 1e-6:
                continue
            within = mask if name is None else mask & self.categories.of(name)
            found, cosines = version.fused.nearest(
                (centre / length).astype(np.float32), within, _PER_CATEGORY, version.ids.rank
            )
            share = count / counted.total()
            for place, (row, cosine) in enumerate(zip(found.tolist(), cosines.tolist(), strict=True)):
                # The first of each category, then the second of each: a shop window, not one shelf.
                worth = (0.5 * max(cosine, 0.0) + 0.5 * share**0.5) / (1 + place)
                worth *= 1.0 if self.shown(row).image else 0.5
                best[row] = max(best.get(row, 0.0), worth)
        if not best:
            # Nothing has a vector: the first by id.
            first = rows[np.argsort(version.ids.rank[rows])][: _CATEGORIES * _PER_CATEGORY]
            order = np.argsort(first)
            return first[order], (1.0 / (1 + np.arange(len(first))))[order]
        chosen = np.array(sorted(best), np.int32)
        return chosen, np.array([max(best[row], 1e-6) for row in chosen.tolist()])

    def newest(self, mask: Words, count: int, since: float = -np.inf) -> Rows:
        """Up to ``count`` rows of a bit set, the latest first: by when they were added to the collection,
        equals by id, then those of which that is not known, as the table got them. Without those that were
        added before ``since``, in Unix seconds."""
        order, moments = self._by_age
        known = len(moments)
        new = known - int(np.searchsorted(moments[::-1], since, side="left"))
        found: list[Rows] = []
        have, step = 0, 4 * count
        for first, last in ((0, new), (known, len(order))):
            while have < count and first < last:
                rows = order[first : min(first + step, last)]
                rows = rows[has(mask, rows)]
                found.append(rows)
                have, first, step = have + len(rows), first + step, 4 * step
        return np.concatenate(found)[:count] if found else np.zeros(0, np.int32)


def _by_age(version: Version) -> tuple[Rows, Values]:
    rows = version.ids.order[has(version.alive, version.ids.order)]
    added = version.numbers["added"].of(rows)
    # Stable, so that equals stay in the order of their ids; what is not a number comes last.
    order = np.argsort(-added, kind="stable")
    known = len(rows) - int(np.count_nonzero(np.isnan(added)))
    unknown = np.sort(rows[order[known:]])[::-1]
    return np.concatenate([rows[order[:known]], unknown]), added[order[:known]]
