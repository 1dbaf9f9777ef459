"""Vectors of one column: the part of a fragment, and the column of a version.

The searched column keeps its vectors list by list (:mod:`mmpipe.search.columns.clusters`), each as float16
and as a code of one bit per dimension with two numbers. A search passes over the lists nearest to the query
in all fragments at once, estimates every row of them from its code, and scores the likeliest from float16.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.columns.clusters import Clusters, cluster
from mmpipe.search.columns.layout import Layout, places_in
from mmpipe.search.kernels import vectors as kernels
from mmpipe.search.kernels.memory import address, words_of

Arrays = Mapping[str, NDArray[Any]]
Words = NDArray[np.uint64]
Rows = NDArray[np.int32]
Vectors = NDArray[np.float32]

# Up to this many qualifying rows are all scored.
EXACT_ROWS = 1_536
# Of more, the likeliest are scored: so many, or as many for each that is asked for.
SURVIVORS = 600
_SURVIVORS_EACH = 2
# Up to so many rows, all are estimated; else, list by list, so many times the fourth root of how many
# qualify. As much of all vectors is looked at in any case: those that a filter leaves may be the near ones.
ESTIMATED_ROWS = 6_000
BUDGET = 400
# Estimating a row anywhere costs about as much as testing this many of a list against a mask.
_TESTS_PER_ROW = 16

_NO_WORDS = np.zeros(0, np.uint64)
_ROTATIONS = 3
_TERMS = np.dtype([("offset", "<f4"), ("slope", "<u2"), ("list", "<u2")])
_CHUNK = 16_384
_SEARCHED = (
    (kernels.LIST_START, "list_start"),
    (kernels.LIST_ROWS, "list_rows"),
    (kernels.CODES, "codes"),
    (kernels.CENTROIDS, "centroids"),
    (kernels.SCALES, "scale"),
)


def build_vectors(values: Vectors, present: NDArray[np.bool_], *, searched: bool) -> dict[str, NDArray[Any]]:
    """The part of one fragment: unit ``values`` ``(n, dim)``, read where ``present`` ``(n,)``.

    ``values`` float16 ``(m, dim)``, ``place`` int32 ``(n,)`` (-1 absent), ``present`` words. ``searched``
    adds the lists: ``list_start`` int64 ``(L + 1,)``, ``list_rows`` int32 ``(m,)``, ``codes`` uint64
    ``(m, words + 1)`` whose last word is the estimate's offset (float32) and slope and the list (uint16),
    ``centroids`` int8 ``(L, dim)`` and their ``scale`` float32 ``(L,)``, and where there are many lists, for
    groups of them ``group_start`` int64 ``(G + 1,)``, ``groups`` and ``group_scale``; ``values`` is then in
    the order of ``list_rows``.
    """
    rows = np.flatnonzero(present).astype(np.int32)
    place = np.full(len(present), -1, np.int32)
    part: dict[str, NDArray[Any]] = {"place": place, "present": words_of(present)}
    if searched:
        kept = np.ascontiguousarray(values if len(rows) == len(values) else values[rows], np.float32)
        found = cluster(kept)
        order = np.argsort(found.lists, kind="stable")
        rows = rows[order]
        part |= _coded(kept[order].astype(np.float16), found, found.lists[order])
        part["list_rows"] = rows
    else:
        part["values"] = values[rows].astype(np.float16)
    place[rows] = np.arange(len(rows), dtype=np.int32)
    return part


def _coded(values: NDArray[np.float16], found: Clusters, lists: NDArray[np.int32]) -> dict[str, NDArray[Any]]:
    steps, scale = _steps(found.centroids)
    count, dim = steps.shape
    centres = steps * scale[:, None]
    turned = centres @ rotation(dim)
    width = kernels.code_words(dim)
    codes = np.empty((len(values), width + 1), np.uint64)
    for start in range(0, len(values), _CHUNK):
        some = slice(start, start + _CHUNK)
        near = centres[lists[some]]
        rest = values[some].astype(np.float32) - near
        rotated = rest @ rotation(dim)
        positive = rotated > 0
        codes[some, :width] = np.packbits(positive, axis=1, bitorder="little").view(np.uint64)
        spread = np.abs(rotated).sum(axis=1)
        slope = np.einsum("ij,ij->i", rest, rest) / np.where(spread > 0, spread, 1)
        signed = np.where(positive, turned[lists[some]], -turned[lists[some]]).sum(axis=1)
        offset = np.einsum("ij,ij->i", near, rest) - slope * signed
        terms = codes[some, width:].view(_TERMS)
        terms["offset"][:, 0] = offset
        terms["slope"][:, 0] = np.rint(slope / kernels.SLOPE_STEP)
        terms["list"][:, 0] = lists[some]
    part: dict[str, NDArray[Any]] = {
        "values": values,
        "list_start": np.searchsorted(lists, np.arange(count + 1)).astype(np.int64),
        "codes": codes,
        "centroids": steps,
        "scale": scale,
    }
    if found.groups is not None:
        part["group_start"] = found.groups.start
        part["groups"], part["group_scale"] = _steps(found.groups.centroids)
    return part


def _steps(values: Vectors) -> tuple[NDArray[np.int8], Vectors]:
    scale = (np.abs(values).max(axis=1, initial=0) / 127).astype(np.float32)
    return np.rint(values / np.where(scale > 0, scale, 1)[:, None]).astype(np.int8), scale


@lru_cache(maxsize=8)
def flips(dim: int) -> NDArray[np.float32]:
    """The signs of the rotation of ``dim`` dimensions, ``(3, padded)``: the same on every machine."""
    drawn = np.random.default_rng(dim).integers(0, 2, (_ROTATIONS, kernels.code_words(dim) * 64))
    return (2 * drawn - 1).astype(np.float32)


@lru_cache(maxsize=8)
def rotation(dim: int) -> NDArray[np.float32]:
    """The rotation as a matrix ``(dim, padded)``: ``vectors @ rotation``."""
    matrix = np.eye(dim, kernels.code_words(dim) * 64, dtype=np.float32)
    for row in matrix:
        kernels.rotate(row, flips(dim))
    return matrix


class VectorColumn:
    """The vectors of all rows of one version. Safe to use from many threads.

    ``parts`` are the fragments' (:func:`build_vectors`), in the order of ``layout``; ``alive`` are its living
    rows. What ``former``, another version's, knows of the same parts is taken over. :attr:`present`: the
    living rows that have a vector. Every ``mask`` is of ``layout.words`` words.

    A score is ``query · vector`` of the float16 vector in float32, with the same bits for a row whatever
    fragment it is in and whichever method is asked. ``query`` is float32 ``(dim,)`` of unit length.
    """

    def __init__(
        self,
        parts: Sequence[Arrays],
        layout: Layout,
        alive: Words,
        dim: int,
        former: VectorColumn | None = None,
        *,
        exact_rows: int = EXACT_ROWS,
    ) -> None:
        self._parts = parts
        self._bases = np.ascontiguousarray(layout.bases[:-1], np.int64)
        came = places_in(() if former is None else former._parts, parts)
        self._table = np.zeros((len(parts), kernels.COLUMNS), np.int64)
        if former is not None:
            self._table[came >= 0] = former._table[came[came >= 0]]
        for f in np.flatnonzero(came < 0).tolist():
            self._table[f] = _entry(parts[f])
        self._table[:, kernels.BASE] = self._bases
        self._lists = int(self._table[:, kernels.LISTS].sum())
        self._group = int(self._table[:, kernels.LARGEST_GROUP].max(initial=0))
        self._vectors = int(self._table[:, kernels.STORED].sum())
        self._exact_rows = exact_rows
        self.dim = dim
        self.present: Words = alive & np.concatenate([*(part["present"] for part in parts), _NO_WORDS])

    def nearest(self, query: Vectors, mask: Words, k: int, rank: Rows) -> tuple[Rows, Vectors]:
        """At most ``k`` present rows under ``mask`` with the highest scores, best first, ties by ``rank``
        (a row's, int32). Exact where no more than ``exact_rows`` qualify; else see :meth:`above`."""
        rows, scores = self._likeliest(query, mask, k)
        rank = np.ascontiguousarray(rank, np.int32)
        order = kernels.best(rows, scores, address(rank), k)
        return rows[order], scores[order]

    def above(self, query: Vectors, mask: Words, floor: float, k: int = 0) -> tuple[Rows, Vectors]:
        """The present rows under ``mask`` that score ``floor`` or more, ascending, with their scores.

        Exact where no more than ``exact_rows`` qualify. Of more, it is those among the likeliest that
        :meth:`nearest` of the same ``k`` looks at: at least ``2 * k``, at least 600."""
        rows, scores = self._likeliest(query, mask, k)
        chosen = np.flatnonzero(scores >= np.float32(floor))
        chosen = chosen[np.argsort(rows[chosen])]
        return rows[chosen], scores[chosen]

    def scan(self, query: Vectors, mask: Words) -> tuple[Rows, Vectors]:
        """Every present row under ``mask``, ascending, with its score."""
        query = _plain(query)
        mask = np.ascontiguousarray(mask)
        count = kernels.count_common(address(mask), address(self.present), len(mask))
        rows, scores = np.empty(count, np.int32), np.empty(count, np.float32)
        kernels.scan_all(
            self._table,
            address(mask),
            address(self.present),
            len(mask),
            address(query),
            self.dim,
            rows,
            scores,
        )
        return rows, scores

    def score(self, rows: Rows, query: Vectors) -> Vectors:
        """The scores of some rows, float32 ``(len(rows),)``; 0 where absent."""
        query, rows = _plain(query), np.ascontiguousarray(rows, np.int32)
        scores = np.empty(len(rows), np.float32)
        kernels.score_rows(
            self._table, self._bases, address(rows), len(rows), address(query), self.dim, scores
        )
        return scores

    def gather(self, rows: Rows) -> tuple[Vectors, NDArray[np.bool_]]:
        """Some rows' vectors, float32 ``(len(rows), dim)``, zero where absent, and which are there."""
        rows = np.ascontiguousarray(rows, np.int32)
        values = np.zeros((len(rows), self.dim), np.float32)
        there = np.empty(len(rows), np.bool_)
        kernels.gather_rows(self._table, self._bases, address(rows), values, there)
        return values, there

    def _likeliest(self, query: Vectors, mask: Words, k: int) -> tuple[Rows, Vectors]:
        mask = np.ascontiguousarray(mask)
        count = kernels.count_common(address(mask), address(self.present), len(mask))
        survivors = max(SURVIVORS, _SURVIVORS_EACH * k)
        if count <= max(self._exact_rows, survivors):
            return self.scan(query, mask)
        budget, least = (max(int(BUDGET * n**0.25), 8 * survivors) for n in (count, self._vectors))
        rows, scores = np.empty(4 * survivors, np.int32), np.empty(4 * survivors, np.float32)
        asked, signs = np.array(query, np.float32), flips(self.dim)
        where, there = address(mask), address(self.present)
        if count <= max(ESTIMATED_ROWS, budget) or count**2 * _TESTS_PER_ROW < budget * len(mask) * 64:
            found = kernels.estimate_all(
                self._table, where, there, len(mask), asked, signs, self._lists, survivors, rows, scores
            )
        else:
            found = kernels.probe(
                self._table,
                where,
                len(mask),
                asked,
                signs,
                self._group,
                budget,
                least,
                survivors,
                rows,
                scores,
            )
        return rows[:found], scores[:found]


def _entry(part: Arrays) -> list[int]:
    """A fragment's row of the kernels' table, but for its first row."""
    found = [0] * kernels.COLUMNS
    found[kernels.STORED] = len(part["values"])
    found[kernels.VALUES], found[kernels.PLACE] = address(part["values"]), address(part["place"])
    if "codes" in part:
        for column, name in _SEARCHED:
            found[column] = address(part[name])
        found[kernels.LISTS] = len(part["centroids"])
        if "groups" in part:
            found[kernels.GROUPS], found[kernels.GROUP_START] = (
                len(part["groups"]),
                address(part["group_start"]),
            )
            found[kernels.GROUP_CENTROIDS] = address(part["groups"])
            found[kernels.GROUP_SCALES] = address(part["group_scale"])
            found[kernels.LARGEST_GROUP] = int(np.diff(part["group_start"]).max())
        else:
            # A list is a group of its own, which a start of 0 says.
            found[kernels.GROUPS], found[kernels.LARGEST_GROUP] = len(part["centroids"]), 1
            found[kernels.GROUP_CENTROIDS] = found[kernels.CENTROIDS]
            found[kernels.GROUP_SCALES] = found[kernels.SCALES]
    return found


def _plain(query: Vectors) -> Vectors:
    return np.multiply(query, kernels.GROWN, dtype=np.float32)
