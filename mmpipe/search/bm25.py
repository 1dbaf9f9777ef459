"""Full-text scores: BM25 over the live rows of one version.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", FnTIR 3(4), 2009; with the
idf ln(1 + (N - n + 0.5) / (n + 0.5)) that Lucene uses, which is never negative. k1 and b are the usual
defaults. N, n and the average length count live rows only, so scores do not depend on how rows lie in files.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.postings import Postings, Rows, Weights

K1 = 1.2
B = 0.75
MAX_TERMS = 64


@dataclass(frozen=True)
class LexicalScores:
    """``rows``: float32 of one score per row, 0 where no token occurs or the row is dead. ``whole``: what
    a row of average length earns that holds every token of the query once; tokens that no row holds count
    too, so a query of mostly unknown words is known to be poorly matched by full text."""

    rows: Weights
    whole: float


class Bm25:
    """Scores of every row for a bag of tokens. ``starts[i]`` is the first row of ``blocks[i]``."""

    def __init__(self, blocks: Sequence[Postings], starts: Sequence[int], alive: NDArray[np.bool_]) -> None:
        self._blocks = blocks
        self._starts = starts
        self._alive = alive
        lengths = np.concatenate([b.lengths for b in blocks]) if blocks else np.zeros(0, np.float32)
        self._documents = int(np.count_nonzero(alive))
        average = float(lengths[alive].mean()) if self._documents else 0.0
        self._saturation: Weights = (K1 * (1 - B + B * lengths / (average or 1.0))).astype(np.float32)

    def scores(self, tokens: Sequence[str]) -> LexicalScores | None:
        """Scores of every row; None if nothing matches.

        A repeated token counts as often as it is repeated. Beyond ``MAX_TERMS`` distinct tokens the rarest
        are used.
        """
        found = []
        whole = 0.0
        for token, times in Counter(tokens).items():
            rows, counts = self._find(token)
            weight = times * math.log1p((self._documents - len(rows) + 0.5) / (len(rows) + 0.5))
            whole += weight
            if len(rows):
                found.append((weight, token, rows, counts))
        if not found:
            return None
        if len(found) > MAX_TERMS:
            found = sorted(found, key=lambda f: (-f[0], f[1]))[:MAX_TERMS]
        scores = np.zeros(len(self._alive), np.float32)
        for weight, _, rows, counts in found:
            # A row occurs once in a list, so plain indexed addition is right and fast.
            scores[rows] += np.float32(weight * (K1 + 1)) * counts / (counts + self._saturation[rows])
        return LexicalScores(scores, whole)

    def holds(self, token: str) -> bool:
        """Whether any live row has the token."""
        return bool(len(self._find(token)[0]))

    def _find(self, token: str) -> tuple[Rows, Weights]:
        rows: list[Rows] = []
        counts: list[Weights] = []
        for block, start in zip(self._blocks, self._starts, strict=True):
            hit = block.find(token)
            if hit is not None:
                rows.append(hit[0] + start if start else hit[0])
                counts.append(hit[1])
        if not rows:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        all_rows = rows[0] if len(rows) == 1 else np.concatenate(rows)
        all_counts = counts[0] if len(counts) == 1 else np.concatenate(counts)
        live = self._alive[all_rows]
        if live.all():
            return all_rows, all_counts
        return all_rows[live], all_counts[live]
