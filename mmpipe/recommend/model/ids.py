"""The products a model knows, in the order of their ids' UTF-8 bytes: an item's code is its place."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmpipe.errors import ModelUnavailable

Codes = NDArray[np.int32]
NO_ITEM = -1

# Up to so many ids are looked up one by one; of more, a hash table of all of the model's is made.
_FEW = 2_000
_REMEMBERED = 65_536


class ItemIds:
    """``start`` int64 ``(n + 1,)`` and ``data`` uint8: item ``i`` is ``data[start[i] : start[i + 1]]``.

    Safe to share between threads. Raises :class:`ModelUnavailable` for arrays that are not of this form.
    """

    def __init__(self, start: NDArray[np.int64], data: NDArray[np.uint8]) -> None:
        if start.ndim != 1 or not len(start) or start[0] != 0 or start[-1] != len(data):
            raise ModelUnavailable("the model's item ids are damaged")
        if (np.diff(start) < 0).any():
            raise ModelUnavailable("the model's item ids are damaged")
        self._start, self._data = start, data
        self._starts, self._bytes = start.data, data.data
        self._cached = lru_cache(_REMEMBERED)(self._find)

    def __len__(self) -> int:
        """Items."""
        return len(self._start) - 1

    def find(self, product_ids: Sequence[str]) -> Codes:
        """Each id's code, :data:`NO_ITEM` for a product that the model does not know."""
        return np.fromiter(map(self._cached, product_ids), np.int32, len(product_ids))

    def find_all(self, start: NDArray[np.int64], data: NDArray[np.uint8]) -> Codes:
        """:meth:`find` of ids in the form of this one's own."""
        count = len(start) - 1
        if count <= _FEW:
            text = data.tobytes()
            edges = start.tolist()
            return np.fromiter((self._place(text[a:b]) for a, b in pairwise(edges)), np.int32, count)
        found = pc.index_in(_texts(start, data), value_set=_texts(self._start, self._data))
        codes: Codes = found.fill_null(NO_ITEM).to_numpy(zero_copy_only=False).astype(np.int32)
        return codes

    def names(self, codes: Codes) -> list[str]:
        """The ids of some items."""
        return [bytes(self._at(code)).decode() for code in codes.tolist()]

    def _find(self, product_id: str) -> int:
        # A lone surrogate is no UTF-8, so no id has one; asked for, it is not found.
        return self._place(product_id.encode(errors="surrogatepass"))

    def _place(self, wanted: bytes) -> int:
        place = bisect_left(range(len(self)), wanted, key=self._key)
        return place if place < len(self) and self._at(place) == wanted else NO_ITEM

    def _key(self, item: int) -> bytes:
        return bytes(self._at(item))

    def _at(self, item: int) -> memoryview:
        return self._bytes[self._starts[item] : self._starts[item + 1]]


def packed(product_ids: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Ids, which must be in the order of their UTF-8 bytes and distinct, as :class:`ItemIds` takes them."""
    encoded = [each.encode() for each in product_ids]
    if any(a >= b for a, b in pairwise(encoded)):
        raise ValueError("ids must be sorted and distinct")
    start = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(each) for each in encoded], out=start[1:])
    return start, np.frombuffer(b"".join(encoded), np.uint8)


def _texts(start: NDArray[np.int64], data: NDArray[np.uint8]) -> pa.Array:
    # As bytes: whether they are UTF-8 does not matter for whether they are equal.
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(start) - 1, [None, pa.py_buffer(start), pa.py_buffer(data)]
    )
