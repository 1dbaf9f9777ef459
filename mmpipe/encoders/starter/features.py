"""Text → weighted features: what the text tower looks at.

English gives words, word pairs and character 3- and 4-grams; Chinese gives characters, character pairs
and glossary words; both give glossary concepts, which is how the two languages meet. A feature is known by
the CRC-32 of its name. Only features seen in training have a row in the table; the rest are dropped.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from mmpipe.encoders.starter.glossary import Glossary, fold, is_han, load_glossary, split_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CACHED_PARTS = 100_000
MAX_CHARS = 512  # a product title or query; longer text says little more and costs time
PART_SEPARATOR = " . "  # how Product.text_for_encoder joins its parts
_CONCEPT, _WORD, _PAIR, _GRAM, _HAN, _HAN_PAIR = 1.5, 1.0, 0.7, 0.8, 0.5, 0.7


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of a text: its 32-bit key, its weight, and the piece of text that it speaks for."""

    key: int
    weight: float
    piece: int


def feature_key(name: str) -> int:
    """CRC-32 of the name's UTF-8 bytes."""
    return zlib.crc32(name.encode())


def _plural_folds(word: str) -> str:
    # "dresses" and "dress" must share a word row; the n-grams keep what this loses.
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-2] if word.endswith("'s") else word[:-1]
    return word


def named_features(text: str, glossary: Glossary) -> Iterator[tuple[str, float, int]]:
    """``(name, weight, piece)`` of every feature; pieces number the words and Chinese runs."""
    folded = fold(text)
    words = split_words(folded)
    for span in glossary.match_en(words):
        for term in span.terms:
            yield f"c:{term.concept}", _CONCEPT, span.start
    stems = [_plural_folds(w) for w in words]
    for index, stem in enumerate(stems):
        yield f"w:{stem}", _WORD, index
        padded = f"^{stem}$"
        grams = [padded[i : i + n] for n in (3, 4) for i in range(len(padded) - n + 1)]
        weight = _GRAM / math.sqrt(len(grams)) if grams else 0.0
        for gram in grams:
            yield f"g:{gram}", weight, index
    for index, (first, second) in enumerate(pairwise(stems)):
        yield f"b:{first} {second}", _PAIR, index
    piece = len(words)
    for run in _han_runs(folded):
        for span in glossary.match_zh(run):
            yield f"w:{run[span.start : span.stop]}", _WORD, piece + span.start
            for term in span.terms:
                yield f"c:{term.concept}", _CONCEPT, piece + span.start
        for index, char in enumerate(run):
            if is_han(char):
                yield f"z:{char}", _HAN, piece + index
        for index in range(len(run) - 1):
            yield f"z:{run[index : index + 2]}", _HAN_PAIR, piece + index
        piece += len(run)


def _han_runs(folded: str) -> Iterator[str]:
    """Runs of Chinese with the Latin letters glued to them ("短袖t恤"), so that such terms match."""
    if folded.isascii():
        return
    run: list[str] = []
    for char in [*folded, " "]:
        if is_han(char) or (char.isascii() and char.isalnum()):
            run.append(char)
        else:
            if any(is_han(c) for c in run):
                yield "".join(run)
            run = []


@lru_cache(maxsize=4_096)
def _part_features(part: str) -> tuple[Feature, ...]:
    glossary = load_glossary()
    return tuple(Feature(feature_key(n), w, p) for n, w, p in named_features(part, glossary))


def text_features(text: str) -> list[Feature]:
    """Every feature of ``text``, in reading order, repeats included.

    Parts joined by :data:`PART_SEPARATOR` (a product's title, category, colour …) are read one by one: no
    feature spans two of them, and parts that many products share are looked up once.
    """
    features: list[Feature] = []
    shift = 0
    for part in text[:MAX_CHARS].split(PART_SEPARATOR):
        found = _part_features(part)
        features.extend(found if shift == 0 else [Feature(f.key, f.weight, f.piece + shift) for f in found])
        shift += len(part) + 1
    return features


class Vocabulary:
    """The features that have a row: key → row number."""

    def __init__(self, keys: Sequence[int]) -> None:
        self.keys: tuple[int, ...] = tuple(int(k) for k in keys)
        self._rows: dict[int, int] = {key: row for row, key in enumerate(self.keys)}
        self._parts: dict[str, tuple[list[int], list[float]]] = {}

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def rows(self) -> Mapping[int, int]:
        return self._rows

    def lookup(self, text: str) -> tuple[list[int], list[float]]:
        """Rows and weights of the known features; weights are scaled so their squares sum to 1."""
        rows: list[int] = []
        weights: list[float] = []
        for part in text[:MAX_CHARS].split(PART_SEPARATOR):
            part_rows, part_weights = self._part(part)
            rows += part_rows
            weights += part_weights
        norm = math.sqrt(sum(w * w for w in weights)) or 1.0
        return rows, [w / norm for w in weights]

    def _part(self, part: str) -> tuple[list[int], list[float]]:
        found = self._parts.get(part)
        if found is None:
            known = [(self._rows[f.key], f.weight) for f in _part_features(part) if f.key in self._rows]
            found = ([row for row, _ in known], [weight for _, weight in known])
            if len(self._parts) >= _CACHED_PARTS:
                self._parts.clear()
            self._parts[part] = found
        return found

    def known_share(self, text: str) -> float:
        """How much of the text is known, 0 to 1.

        Every word (and Chinese character) counts the same. It is known as far as the weight of its
        features has rows: fully where the word itself does, at most half where only its n-grams do.
        """
        whole: dict[int, bool] = {}
        known: dict[int, float] = {}
        total: dict[int, float] = {}
        for feature in text_features(text):
            present = feature.key in self._rows
            total[feature.piece] = total.get(feature.piece, 0.0) + feature.weight
            if present:
                known[feature.piece] = known.get(feature.piece, 0.0) + feature.weight
            if feature.weight in (_WORD, _CONCEPT, _HAN):
                whole[feature.piece] = whole.get(feature.piece, False) or present
        if not total:
            return 0.0
        shares = [
            1.0 if whole.get(piece, False) else 0.5 * known.get(piece, 0.0) / mass
            for piece, mass in total.items()
        ]
        return sum(shares) / len(shares)


def pack(
    vocabulary: Vocabulary, texts: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """``(rows, weights, offsets)`` of a batch, in the form ``torch.nn.functional.embedding_bag`` takes."""
    import numpy as np

    all_rows: list[int] = []
    all_weights: list[float] = []
    offsets = np.zeros(len(texts), dtype=np.int64)
    for index, text in enumerate(texts):
        offsets[index] = len(all_rows)
        rows, weights = vocabulary.lookup(text)
        all_rows.extend(rows)
        all_weights.extend(weights)
    return np.asarray(all_rows, dtype=np.int64), np.asarray(all_weights, dtype=np.float32), offsets
