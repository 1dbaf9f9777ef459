"""A linear model of a clause: hashed n-grams of words and Chinese characters to a score for each side of the
product, praised and blamed. Numpy alone; `training/reviews` makes the weights.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files
from itertools import pairwise
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from mmpipe.lexical import CJK
from mmpipe.schemas.review import ASPECTS

BUCKETS: Final = 1 << 13
# Praised and blamed, for each aspect.
OUTPUTS: Final = 2 * len(ASPECTS)
WEIGHTS: Final = "weights.safetensors"
_TOKEN: Final = re.compile(rf"[a-z]+(?:'[a-z]+)?|\d+|[{CJK}]")
_DENIALS: Final = frozenset({
    "not", "no", "never", "nothing", "without", "hardly", "barely", "neither", "nor", "none", "cannot",
    "nobody", "isn't", "wasn't", "doesn't", "didn't", "don't", "can't", "couldn't", "won't", "wouldn't",
    "aren't", "weren't", "hasn't", "haven't", "不", "没", "无", "别",
})  # fmt: skip
# Not only cheap, 不但便宜: nothing is denied.
_MERELY: Final = frozenset({"only", "just", "但", "仅", "光", "错"})
_DENIED_FOR: Final = 4
_MOST_TOKENS: Final = 200


def features(clause: str) -> NDArray[np.int64]:
    """The buckets of a folded clause's n-grams, each once. A word behind a denial is another than the same
    word without."""
    tokens = _TOKEN.findall(clause)[:_MOST_TOKENS]
    marked: list[str] = []
    left = 0
    for token, behind in zip(tokens, (*tokens[1:], ""), strict=True):
        marked.append(f"!{token}" if left else token)
        denies = token in _DENIALS and behind not in _MERELY
        left = _DENIED_FOR if denies else max(0, left - 1)
    grams = set(marked)
    grams.update(map(" ".join, pairwise(marked)))
    grams.update(map(" ".join, zip(tokens, tokens[1:], tokens[2:], strict=False)))
    # Endings, compounds and slips: the words' own parts.
    for word in marked:
        bare = word.lstrip("!")
        if len(bare) > 4:
            grams.update(f"{word[: len(word) - len(bare)]}{bare[i : i + 4]}_" for i in range(len(bare) - 3))
    return np.unique(np.fromiter((crc32(g.encode()) % BUCKETS for g in grams), np.int64, len(grams)))


def scores(clauses: Sequence[str]) -> NDArray[np.float32]:
    """Log-odds ``(len(clauses), OUTPUTS)``: of each aspect in the order of ``ASPECTS`` first praised, then
    blamed."""
    weights, bias = _weights()
    found = np.empty((len(clauses), OUTPUTS), np.float32)
    for row, clause in enumerate(clauses):
        buckets = features(clause)
        found[row] = weights[buckets].sum(0) / np.sqrt(max(1, len(buckets))) + bias
    return found


@cache
def _weights() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    from safetensors.numpy import load_file

    with as_file(files("mmpipe.opinions").joinpath(WEIGHTS)) as path:
        held = load_file(path)
    weights = held["weights"].astype(np.float32) * held["scale"].astype(np.float32)
    if weights.shape != (BUCKETS, OUTPUTS):
        raise ValueError(f"{WEIGHTS} is of another shape than {BUCKETS} by {OUTPUTS}: reinstall mmpipe")
    return weights, held["bias"].astype(np.float32)
