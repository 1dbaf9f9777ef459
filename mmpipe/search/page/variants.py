"""The variants that a hit stands for: what :class:`mmpipe.schemas.search.Variants` describes, as JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from mmpipe.search.columns.dictionaries import fold
from mmpipe.search.kernels.memory import has
from mmpipe.search.page.present import money

if TYPE_CHECKING:
    from mmpipe.search.find.groups import Groups
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
MAX_SWATCHES = 12
_IN_STOCK = "in_stock"


def variants(version: Version, groups: Groups, rows: Rows, words: Words) -> list[bytes | None]:
    """Of each shown row the living variants, ``words`` being all matches; None for a row without a group. Of
    each colour the shown row, else a match, else what is in stock, else the first by id."""
    found: list[bytes | None] = [None] * len(rows)
    shown = groups.of[rows]
    if not (shown >= 0).any():
        return found
    every = groups.members(version.alive, rows)
    every = every[np.argsort(groups.of[every], kind="stable")]
    own = groups.of[every]
    first = np.searchsorted(own, shown).tolist()
    last = np.searchsorted(own, shown, side="right").tolist()
    made = _Made(version, every, words)
    for place, group in enumerate(shown.tolist()):
        if group >= 0:
            found[place] = made.variants(int(rows[place]), range(first[place], last[place]))
    return found


class _Made:
    """Some variants with what is told of them."""

    def __init__(self, version: Version, rows: Rows, words: Words) -> None:
        self._rows = rows.tolist()
        self._ids = version.ids.ids(rows)
        self._rank = version.ids.rank[rows].tolist()
        self._matching = has(words, rows).tolist()
        self._paid = version.prices.paid(rows).tolist()
        self._listed_in = version.coded["currency"].values(rows)
        self._color, self._size = (version.coded[name].values(rows) for name in ("color", "size"))
        self._availability = version.coded["availability"].values(rows)
        self._images = version.page.member(rows, "image_link")

    def variants(self, shown: int, places: range) -> bytes:
        """Those at some places, one of which is the shown row."""
        at = next(place for place in places if self._rows[place] == shown)
        currency = self._listed_in[at]
        # Amounts of other currencies do not compare.
        paid = [self._paid[place] for place in places if self._listed_in[place] == currency]
        paid = [amount for amount in paid if not math.isnan(amount)]
        head = {
            "count": len(places),
            "matching": sum(self._matching[place] for place in places),
            "price_min": money(min(paid), currency) if paid else None,
            "price_max": money(max(paid), currency) if paid else None,
        }
        swatches = b",".join(self._swatch(place) for place in self._one_of_each_colour(at, places))
        return b'%b,"swatches":[%b]}' % (to_json(head)[:-1], swatches)

    def _one_of_each_colour(self, at: int, places: range) -> list[int]:
        def worse(place: int) -> tuple[bool, bool, bool, int]:
            stocked = self._availability[place] == _IN_STOCK
            return place != at, not self._matching[place], not stocked, self._rank[place]

        colours: dict[str, int] = {}
        for place in sorted(places, key=worse):
            colours.setdefault(fold(self._color[place] or ""), place)
            if len(colours) == MAX_SWATCHES:
                break
        return list(colours.values())

    def _swatch(self, place: int) -> bytes:
        rest = {
            "id": self._ids[place],
            "color": self._color[place],
            "size": self._size[place],
            "price": money(self._paid[place], self._listed_in[place]),
            "availability": self._availability[place],
        }
        return b'%b,"image_link":%b}' % (to_json(rest)[:-1], self._images[place])
