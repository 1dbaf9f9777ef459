"""Which row of a version an item of the log is in.

Items have codes for as long as the process lives, rows for as long as a version does. A version that only
added fragments to the one before takes over what was found there; of the others, items are looked up when
they are asked for, many at once in one pass over the version's ids.
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
# No living product has that id; nobody looked yet.
GONE, UNASKED = -1, -2
# More than so many are looked up in one pass over all ids.
_FEW = 256


class ItemRows:
    """The items of ``actions`` in ``version``. ``former`` is what another version knows of the same actions
    whose fragments this one has all, and first. Safe for many threads."""

    def __init__(self, version: Version, actions: Actions, former: ItemRows | None = None) -> None:
        self.version, self.actions = version, actions
        self._lock = threading.Lock()
        self._rows: Rows = np.zeros(0, np.int32)
        if former is not None:
            self._rows = self._carried(former)
        elif actions.items:
            self._look_up(np.arange(actions.items, dtype=np.int32))

    def rows(self, codes: Codes) -> Rows:
        """The row of each item, :data:`GONE` where no living product has its id."""
        if not len(codes):
            return np.zeros(0, np.int32)
        if int(codes.max()) >= len(self._rows) or (self._rows[codes] == UNASKED).any():
            with self._lock:
                self._look_up(codes)
        return self._rows[codes]

    def codes(self, rows: Rows) -> Codes:
        """The code of each row's product, -1 where no event names it."""
        ids = self.version.ids.ids(rows)
        found = [self.actions.code(product_id) for product_id in ids]
        return np.array([-1 if code is None else code for code in found], np.int32)

    def _look_up(self, codes: Codes) -> None:
        known = self._rows
        size = int(codes.max()) + 1
        if size > len(known):
            grown = np.full(max(size, len(known) * 5 // 4), UNASKED, np.int32)
            grown[: len(known)] = known
            known = grown
        else:
            known = known.copy()
        asked = np.unique(codes[known[codes] == UNASKED])
        ids = self.actions.product_ids(asked)
        if len(asked) <= _FEW:
            found = [self.version.find(product_id) for product_id in ids]
            known[asked] = [GONE if row is None else row for row in found]
        else:
            known[asked] = self._find_all(ids)
        self._rows = known  # whole at once: others read it meanwhile

    def _find_all(self, ids: list[str]) -> Rows:
        rows = rows_of(self.version.alive)
        texts = pa.array(self.version.ids.ids(rows), pa.large_string())
        asked = pa.array([each.encode("utf-8", "replace").decode() for each in ids], pa.large_string())
        places = pc.index_in(asked, value_set=texts).fill_null(-1).to_numpy(zero_copy_only=False)
        found: Rows = np.where(places >= 0, np.append(rows, np.int32(GONE))[places], GONE).astype(np.int32)
        return found

    def _carried(self, former: ItemRows) -> Rows:
        """What ``former`` found, where it still holds, and what came with the fragments that are new."""
        version = self.version
        rows = former._rows.copy()
        there = np.flatnonzero(rows >= 0)
        # A row that died was deleted, or is in a new fragment now.
        rows[there[~has(version.alive, rows[there])]] = GONE
        first = former.version.layout.words
        fresh = rows_of(np.concatenate([np.zeros(first, np.uint64), version.alive[first:]]))
        codes = self.codes(fresh)
        named = (codes >= 0) & (codes < len(rows))
        rows[codes[named]] = fresh[named]
        return rows


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
