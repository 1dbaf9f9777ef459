"""The inverted lists of one block of rows: which rows hold a token, and how often.

Built once per block and never changed; what depends on the whole version (document frequencies, average
length, deletions) is applied at query time by :mod:`mmpipe.search.bm25`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# 64 bits: numpy indexes by them directly, and takes twice as long over narrower ones.
Rows = NDArray[np.int64]
Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Postings:
    """``lengths[row]`` is the number of tokens of a row; :meth:`find` gives one token's list."""

    lengths: Weights
    _term: dict[str, int]
    _start: NDArray[np.int64]
    _rows: Rows
    _counts: Weights

    def find(self, token: str) -> tuple[Rows, Weights] | None:
        """Rows holding ``token`` in ascending order and their counts (float32), or None."""
        term = self._term.get(token)
        if term is None:
            return None
        part = slice(self._start[term], self._start[term + 1])
        return self._rows[part], self._counts[part]

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, without the token table."""
        return self.lengths.nbytes + self._start.nbytes + self._rows.nbytes + self._counts.nbytes


def build(search_text: pa.Array) -> Postings:
    """Index a column of space-joined tokens. Null and empty texts hold none."""
    count = len(search_text)
    split = pc.ascii_split_whitespace(pc.fill_null(search_text, ""))
    lengths = pc.list_value_length(split).to_numpy(zero_copy_only=False).astype(np.int64)
    encoded = split.flatten().dictionary_encode()
    tokens = encoded.dictionary.to_pylist()
    rows = np.repeat(np.arange(count, dtype=np.int64), lengths)
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    if "" in tokens:  # splitting the empty string gives one empty token
        keep = codes != tokens.index("")
        rows, codes = rows[keep], codes[keep]
    # One sort groups by token and, within a token, by row.
    keys, counts = np.unique(codes * max(count, 1) + rows, return_counts=True)
    terms, docs = np.divmod(keys, max(count, 1))
    return Postings(
        lengths=np.bincount(rows, minlength=count).astype(np.float32),
        _term={token: code for code, token in enumerate(tokens)},
        _start=np.searchsorted(terms, np.arange(len(tokens) + 1)),
        _rows=docs,
        _counts=counts.astype(np.float32),
    )
