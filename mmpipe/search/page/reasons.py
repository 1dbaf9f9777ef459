"""What a hit's score is made of, part by part: words and where they stand, modalities, taste, boosts, rules.

The parts of a hit sum to its score. A word's part of the full-text share is in proportion to its BM25 score,
of which the others are independent; its field is the one where most of it stands, by the weights of fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from mmpipe.lake.schema import FIELD_WEIGHTS
from mmpipe.search.columns.text import FIELDS, Terms
from mmpipe.search.columns.words import Way, Word, plain
from mmpipe.search.find.lifts import held
from mmpipe.search.find.pieces import IDENTIFIED
from mmpipe.search.find.synonyms import JOINED

if TYPE_CHECKING:
    from mmpipe.search.find.lifts import Lift
    from mmpipe.search.find.question import Question
    from mmpipe.search.find.scoring import Scoring
    from mmpipe.search.find.words import Understood
    from mmpipe.search.page.explain import Split
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Part = dict[str, Any]
_WEIGHTS = np.array([FIELD_WEIGHTS[name] for name in FIELDS], np.int64)
_LEXICAL = "lexical"
_LIFTED = ("boosts", "rules")


@dataclass(frozen=True)
class Reasons:
    """What the scores of one search go by. ``slips`` are the words of the catalogue that others were taken
    for."""

    words: tuple[Word, ...]
    times: tuple[int, ...]
    slips: frozenset[str]
    scoring: Scoring
    lifts: tuple[Lift, ...]

    @classmethod
    def of(cls, question: Question, understood: Understood, scoring: Scoring) -> Reasons:
        """Of a question and what fixed its scores."""
        words = tuple(plain(word) if isinstance(word, str) else word for word in question.words)
        slips = frozenset(word for change in understood.corrected for word in change.found.split())
        return cls(words, question.times, slips, scoring, question.lifts)


def contributions(
    version: Version, rows: Rows, splits: Sequence[Split], names: Sequence[str], reasons: Reasons
) -> list[bytes]:
    """Per row a list of :class:`~mmpipe.schemas.search.Contribution` as JSON, by falling weight; empty for a
    row whose split is all zeros, as that of a pinned product is that is no match."""
    found: list[list[Part]] = [[] for _ in range(len(rows))]
    for parts, split in zip(found, splits, strict=True):
        for name, value in zip(names, split, strict=True):
            if value and name not in (_LEXICAL, *_LIFTED):
                parts.append({"source": name, "value": value})
    lexical = np.array([split[names.index(_LEXICAL)] for split in splits])
    if lexical.any():
        _add_words(version, rows, lexical, reasons, found)
    for lift in reasons.lifts:
        lifted = (held(version, lift, rows) * (lift.weight * reasons.scoring.span)).tolist()
        for parts, split, value in zip(found, splits, lifted, strict=True):
            if value and any(split):
                parts.append({"source": lift.source, "value": value, "rule": lift.name})
    return [to_json(sorted(parts, key=lambda part: -abs(part["value"]))) for parts in found]


def _add_words(
    version: Version, rows: Rows, lexical: NDArray[np.float64], reasons: Reasons, found: list[list[Part]]
) -> None:
    text = reasons.scoring.text
    if text is None:
        return
    column, words = version.text, reasons.words
    terms = column.find(words)
    weights = text.statistics.weights(reasons.times)
    scores = np.zeros((len(words), len(rows)))
    for place in range(len(words)):
        one = np.ascontiguousarray(terms.lists[:, place : place + 1])
        alone = Terms(terms.tokens[place : place + 1], terms.df[place : place + 1], None, one, terms.merged)
        scores[place] = column.scores(alone, weights[place : place + 1], text.statistics.average, rows)
    totals = scores.sum(axis=0)
    shares = scores * np.divide(lexical, totals, out=np.zeros(len(rows)), where=totals > 0)
    tokens = tuple(dict.fromkeys(token for word in words for way in word.ways for token in way.tokens))
    places = {token: place for place, token in enumerate(tokens)}
    counts = column.fields_of(rows, tokens)
    for word, share in zip(words, shares, strict=True):
        for row in np.flatnonzero(share).tolist():
            found[row].append(_word(word, float(share[row]), counts[row], places, reasons.slips))


def _word(
    word: Word, value: float, counts: NDArray[np.int32], places: dict[str, int], slips: frozenset[str]
) -> Part:
    part: Part = {"source": _LEXICAL, "value": value, "asked": word.text}
    for way in word.ways:
        own = counts[[places[token] for token in way.tokens]]
        if not own.any(axis=1).all():
            continue
        said = way.tokens[0] if len(way.tokens) == 1 else " ".join(way.tokens)
        part["how"] = _how(word, way, slips)
        part["field"] = FIELDS[int(np.argmax((own * _WEIGHTS).sum(axis=0)))]
        if part["how"] not in ("word", "identifier"):
            part["found"] = said
        break
    return part


def _how(word: Word, way: Way, slips: frozenset[str]) -> str:
    if way.factor == IDENTIFIED:
        return "identifier"
    if way.factor == 1.0:
        return "word"
    if slips and slips.issuperset(way.tokens):
        return "joined" if way.factor == JOINED else "typo"
    return "joined" if way.factor == JOINED else "synonym"
