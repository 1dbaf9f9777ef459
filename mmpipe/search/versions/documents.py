"""What stays in the table's files and is read for single rows: whole products, and the frames of clips."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmpipe.lake.frames import FRAME_COLUMNS, FRAMES, SECONDS, clip_frames
from mmpipe.lake.storage import lance_errors
from mmpipe.schemas.product import Product
from mmpipe.search.versions.frame_cache import FrameCache, Frames

if TYPE_CHECKING:
    from mmpipe.search.versions.fragment import Fragment

__all__ = ["Documents", "Frames"]

Words = NDArray[np.uint64]
log = logging.getLogger(__name__)
_READING = "reading a version's products"


class Documents:
    """Reads rows of an opened ``lance`` dataset on local disk. Rows are named by the place of their fragment
    in ``fragments``, any of the dataset's by number, and their offset in it, deleted ones counted.

    Reading products raises ``StorageUnavailable`` where their files were removed. ``undeleted`` are the
    fragments' own (:meth:`Fragment.undeleted`). Frames that ``former``, an earlier
    version's of the same table, has at hand are not read again. Safe for use by many threads.
    """

    def __init__(
        self,
        dataset: Any,
        fragments: Mapping[int, Fragment],
        undeleted: Sequence[Words],
        dim: int,
        former: Documents | None = None,
    ) -> None:
        self._dataset = dataset
        self._dim = dim
        self._undeleted = undeleted
        self._numbers = list(fragments)
        self._files = [fragment.files for fragment in fragments.values()]
        self._clips: FrameCache = FrameCache() if former is None else former._clips

    @cached_property
    def _first(self) -> list[int]:
        """The first row of each fragment as Lance numbers the rows of a dataset: those that are not deleted,
        of all fragments one after the other."""
        first, count = {}, 0
        for fragment in self._dataset.get_fragments():
            first[fragment.fragment_id] = count
            count += fragment.physical_rows - fragment.num_deletions
        return [first[number] for number in self._numbers]

    def product(self, fragment: int, offset: int) -> Product:
        """A row's whole product, what is private of it included."""
        taken = self._taken(fragment, offset, ["document"])
        return Product.model_validate_json(taken["document"][0].as_py())

    def media(self, fragment: int, offset: int) -> tuple[Product, list[str]]:
        """The same, with the addresses that its media were looked for at."""
        taken = self._taken(fragment, offset, ["document", "media_uris"])
        return Product.model_validate_json(taken["document"][0].as_py()), taken["media_uris"][0].as_py() or []

    def products(self, rows: Sequence[tuple[int, int]]) -> list[Product]:
        """The whole products of some rows, what is private of them included: one read."""
        if not rows:
            return []
        places = [self._first[fragment] + self._place(fragment, offset) for fragment, offset in rows]
        order = sorted(set(places))
        with lance_errors(_READING):
            taken = self._dataset.take(order, columns=["document"])
        read = dict(zip(order, taken["document"].to_pylist(), strict=True))
        return [Product.model_validate_json(read[place]) for place in places]

    def frames(self, rows: Sequence[tuple[int, int]]) -> list[Frames | None]:
        """The frames of some rows' clips: one read for all that were not asked for lately.

        None where a row has none, and where they cannot be read: the files of a version that a page cursor
        holds may be gone.
        """
        keys = [
            (tuple(self._files[fragment][name] for name in FRAME_COLUMNS), offset)
            for fragment, offset in rows
        ]
        found = self._clips.get(keys)
        places = {
            i: self._first[rows[i][0]] + self._place(*rows[i]) for i, clip in enumerate(found) if clip is None
        }
        if not places:
            return found
        order = sorted(places, key=places.__getitem__)
        try:
            taken = self._dataset.take([places[i] for i in order], columns=list(FRAME_COLUMNS))
        except OSError as error:
            # A page without its seconds is better than none; a version that was compacted away is no fault.
            log.warning("frames of version %d cannot be read: %s", self._dataset.version, error)
            return found
        for i, times, vectors in zip(order, taken[SECONDS], taken[FRAMES], strict=True):
            clip = clip_frames(times, vectors, self._dim)
            if clip is not None:
                read = (clip.seconds, clip.vectors.astype(np.float32))
                found[i] = read
                self._clips.put(keys[i], read)
        return found

    def _taken(self, fragment: int, offset: int, columns: list[str]) -> Any:
        lance_fragment = self._dataset.get_fragment(self._numbers[fragment])
        with lance_errors(_READING):
            return lance_fragment.take([self._place(fragment, offset)], columns=columns)

    def _place(self, fragment: int, offset: int) -> int:
        # Lance counts the rows of a fragment without the deleted ones; tombstones are rows like others to it.
        word, bit = divmod(offset, 64)
        words = self._undeleted[fragment]
        below = int(words[word]) & ((1 << bit) - 1)
        return int(np.bitwise_count(words[:word]).sum(dtype=np.int64)) + below.bit_count()
