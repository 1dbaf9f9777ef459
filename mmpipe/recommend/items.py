"""Which row of a version an item of the log is in.

Items have codes for as long as the process lives, rows for as long as a version does. A version that only
added fragments to the one before takes over what was found there; items that came since the last question are
looked up with the next one, many at once in one pass over the version's ids.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmpipe.recommend.versions import OfVersions
from mmpipe.search.kernels.memory import has, rows_of

if TYPE_CHECKING:
    from mmpipe.recommend.signals import Actions, Codes
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
# No living product has that id, or no event names the product.
GONE = -1
# More than so many are looked up in one pass over all ids.
_FEW = 256


class ItemRows:
    """The items of ``actions`` in ``version``. ``former`` is what another version knows of the same actions
    whose fragments this one has all, and first. Safe for many threads."""

    def __init__(self, version: Version, actions: Actions, former: ItemRows | None = None) -> None:
        self.version, self.actions = version, actions
        self._lock = threading.Lock()
        # By code, of those below ``_through``; and by row.
        self._rows: Rows = np.zeros(0, np.int32)
        self._codes: Codes = np.full(version.layout.rows, GONE, np.int32)
        self._through = 0
        if former is not None:
            self._carry(former)
        self._look_up()

    @property
    def every(self) -> Rows:
        """The row of every item by its code, :data:`GONE` where no living product has its id; there may be
        entries behind the last code. Not for changing."""
        if self._through < self.actions.items:
            self._look_up()
        return self._rows

    def rows(self, codes: Codes) -> Rows:
        """The row of each item, :data:`GONE` where no living product has its id."""
        return self.every[codes]

    def codes(self, rows: Rows) -> Codes:
        """The code of each row's product, :data:`GONE` where no event names it."""
        if self._through < self.actions.items:
            self._look_up()
        return self._codes[rows]

    def _look_up(self) -> None:
        """Find the items that came since the last look."""
        with self._lock:
            first, size = self._through, self.actions.items
            if size <= first:
                return
            asked = np.arange(first, size, dtype=np.int32)
            ids = self.actions.product_ids(asked)
            if len(asked) <= _FEW:
                each = [self.version.find(product_id) for product_id in ids]
                found = np.array([GONE if row is None else row for row in each], np.int32)
            else:
                found = self._find_all(ids)
            known = self._rows
            if size > len(known):
                grown = np.full(max(size, len(known) * 5 // 4), GONE, np.int32)
                grown[: len(known)] = known
                known = grown
            known[first:size] = found
            there = found >= 0
            self._codes[found[there]] = asked[there]
            # In this order: others read meanwhile, and look at nothing beyond the last.
            self._rows = known
            self._through = size

    def _find_all(self, ids: list[str]) -> Rows:
        rows = rows_of(self.version.alive)
        texts = pa.array(self.version.ids.ids(rows), pa.large_string())
        asked = pa.array([each.encode("utf-8", "replace").decode() for each in ids], pa.large_string())
        places = pc.index_in(asked, value_set=texts).fill_null(-1).to_numpy(zero_copy_only=False)
        found: Rows = np.where(places >= 0, np.append(rows, np.int32(GONE))[places], GONE).astype(np.int32)
        return found

    def _carry(self, former: ItemRows) -> None:
        """What ``former`` found, where it still holds, and what came with the fragments that are new."""
        version, self._through = self.version, former._through
        rows = former._rows[: self._through].copy()
        there = np.flatnonzero(rows >= 0)
        # A row that died was deleted, or is in a new fragment now.
        rows[there[~has(version.alive, rows[there])]] = GONE
        first = former.version.layout.words
        fresh = rows_of(np.concatenate([np.zeros(first, np.uint64), version.alive[first:]]))
        each = [self.actions.code(product_id) for product_id in version.ids.ids(fresh)]
        codes = np.array([GONE if code is None else code for code in each], np.int32)
        named = (codes >= 0) & (codes < len(rows))
        rows[codes[named]] = fresh[named]
        alive = np.flatnonzero(rows >= 0).astype(np.int32)
        self._codes[rows[alive]] = alive
        self._rows = rows


class ItemsOfVersions:
    """The items of the versions that were asked lately. Safe for many threads."""

    def __init__(self) -> None:
        self._kept: OfVersions[ItemRows] = OfVersions()

    def known(self, version: Version, actions: Actions) -> bool:
        """Whether :meth:`of` has nothing to do."""
        found = self._kept.find(version)
        return found is not None and found.actions is actions

    def of(self, version: Version, actions: Actions) -> ItemRows:
        """The items of ``actions`` in ``version``. What takes long, after many products changed, is done
        here: tens of milliseconds for fifty thousand."""
        found = self._kept.get(version, lambda former: _made(version, actions, former))
        return found if found.actions is actions else ItemRows(version, actions)


def _made(version: Version, actions: Actions, former: ItemRows | None) -> ItemRows:
    alike = former is not None and former.actions is actions and _begins_alike(former.version, version)
    return ItemRows(version, actions, former if alike else None)


def _begins_alike(former: Version, version: Version) -> bool:
    """Whether ``version`` is of the same table and has all of ``former``'s fragments where they were."""
    before, now = list(former.fragments), list(version.fragments)
    count = len(before)
    return (
        former.collection == version.collection
        and former.table == version.table
        and now[:count] == before
        and version.layout.sizes[:count] == former.layout.sizes
    )
