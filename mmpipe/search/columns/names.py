"""What products are, by their titles and categories: compounds are named by their last part.

A title names a thing where no other thing follows in its name, or in the rest of it, and not behind a
relation: neither a phone case nor a case for phones is a phone. Where the title does not say a thing, the
last label of the category may.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmpipe.lexical import name_of, tokens
from mmpipe.search.columns.layout import Layout
from mmpipe.search.columns.pack import DamagedPack
from mmpipe.search.columns.text import TextColumn, encoded
from mmpipe.search.columns.words import Way
from mmpipe.search.kernels import named as kernels
from mmpipe.search.kernels.memory import Rows, address
from mmpipe.search.kernels.text import TERMS

Arrays = Mapping[str, NDArray[Any]]
_MOST = 0xFFFF


def build_names(titles: pa.Array) -> dict[str, NDArray[Any]]:
    """``named`` uint16: how many of the tokens of each title are of its name (:func:`name_of`); 65,535 where
    they are more, 0 where there is no title."""
    counts = [0 if title is None else len(tokens(name_of(title))) for title in titles.to_pylist()]
    return {"named": np.minimum(np.array(counts, np.int64), _MOST).astype(np.uint16)}


class Roles:
    """Tokens by what they are to a title: things, and relations, behind which a title tells what a thing is
    for or has; and the Chinese ``characters`` that name things as the last of a word."""

    def __init__(self, things: Iterable[str], relations: Iterable[str], characters: Iterable[str]) -> None:
        held = dict.fromkeys(things, kernels.THING)
        for token in relations:
            held[token] = held.get(token, 0) | kernels.RELATION
        self._data, self._starts = encoded(held)
        self._kinds = np.array(list(held.values()), np.uint8)
        letters = b"".join(each.encode() for each in characters)
        self._characters = np.frombuffer(letters, np.uint8).reshape(-1, 3).copy()

    def of(self, fragment: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The role of each term of a fragment, by its row in the kernels' table."""
        found = np.zeros(int(fragment[TERMS]), np.uint8)
        kernels.mark(fragment, address(self._data), self._starts, self._kinds, found)
        kernels.mark_parts(fragment, self._characters, found)
        return found


class NameColumn:
    """What the rows of a version are, by its full ``text`` and by where the names in its titles end."""

    def __init__(self, parts: Sequence[Arrays], layout: Layout, text: TextColumn) -> None:
        self._ends = [part["named"] for part in parts]
        if any(len(ends) != size for ends, size in zip(self._ends, layout.sizes, strict=True)):
            raise DamagedPack("names: not as many as rows")
        self._text = text

    def named(self, rows: Rows, ways: Sequence[Way], roles: Roles) -> NDArray[np.float64]:
        """The factor of the first of the ways that names what each of some rows is, float64; 0 for none."""
        data, starts = encoded(token for way in ways for token in way.tokens)
        at = np.array([0, *accumulate(len(way.tokens) for way in ways)], np.int64)
        factors = np.array([way.factor for way in ways], np.float64)
        held = zip(self._ends, self._text.kept(roles, roles.of), strict=True)
        more = np.array([(address(ends), address(role)) for ends, role in held], np.int64).reshape(-1, 2)
        found = np.zeros(len(rows))
        rows = np.require(rows, np.int32, ["C", "W"])
        kernels.named(self._text.table, more, rows, address(data), starts, at, factors, found)
        return found
