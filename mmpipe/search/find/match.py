"""What a question finds in one version: the matches, each with what it earned.

Under the filters, the products that full text matches (all of the query's words; where no product has all,
those that have the most) together with the nearest by vector, as far as they are relevant. Of the others the
vector says nothing: below the floor its share is 0, so no product need be scored that neither proposed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.lake.schema import vector_column
from mmpipe.search.find import expression, filters, late, lean, lifts
from mmpipe.search.find import photographed as photos
from mmpipe.search.find.question import looked_at
from mmpipe.search.find.scoring import Scoring, Statistics, TextScale, VectorScale
from mmpipe.search.kernels import matches as kernels
from mmpipe.search.kernels.memory import set_rows

if TYPE_CHECKING:
    from mmpipe.encoders.base import Modality
    from mmpipe.search.columns.text import Terms
    from mmpipe.search.columns.words import Word
    from mmpipe.search.find.question import Question
    from mmpipe.search.find.taste import Taste
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Scores = NDArray[np.float32]
Shares = NDArray[np.float64]
Places = NDArray[np.int64]
Marks = NDArray[np.bool_]
_NO_ROWS: Rows = np.zeros(0, np.int32)
_NO_SCORES: Scores = np.zeros(0, np.float32)
_VISIBLE: tuple[Modality, ...] = ("image", "video")


@dataclass(frozen=True)
class Survey:
    """What a version can say before the scores are fixed: full-text statistics of the query's words, the
    most of them that a product under the filters holds, the cosines of its nearest, best first, whether its
    fused vectors are of text too, which of the nearest are seen to be what was asked for, and their cosines
    by the modalities that the question leans to."""

    statistics: Statistics
    most: int
    nearest: Scores
    says_text: bool
    seen: Marks
    own: lean.Own = field(default_factory=dict)


@dataclass(frozen=True)
class Matches:
    """The matches of a question: first those near by vector, then those of full text alone; ``rows`` by
    rising number within each. ``lexical`` are their BM25 scores and ``cosines`` those of the first
    ``len(cosines)``. ``late`` splits the vector scores by modality where they are sums of such. ``extras``
    are what else adds to each score, in spans of scores (:attr:`Scoring.span`), by its name in the split of a
    score; ``leaning`` is the taste of ``taste`` among them."""

    rows: Rows
    lexical: Scores
    cosines: Scores
    scoring: Scoring
    late: late.Split | None = None
    extras: Mapping[str, Shares] = field(default_factory=dict)
    leaning: Taste | None = None

    def words(self, rows: int) -> Words:
        """The matches as bits of ``rows`` rows."""
        return set_rows(self.rows, rows)

    def places(self, rows: Rows) -> Places:
        """Where some of the matches stand in ``rows``, int64."""
        near, text = self.rows[: len(self.cosines)], self.rows[len(self.cosines) :]
        place = np.searchsorted(near, rows)
        among = place < len(near)
        among[among] = near[place[among]] == rows[among]
        return np.where(among, place, len(near) + np.searchsorted(text, rows))

    def shares(self, at: Places) -> tuple[Shares | None, Shares | None]:
        """What full text and vector add to the scores of the matches at some places, float64; None for a
        measure that takes no part. A score is their sum, and what :attr:`extras` add."""
        scoring = self.scoring
        text = None if scoring.text is None else scoring.text_share(self.lexical[at])
        if scoring.vector is None:
            return text, None
        near = np.zeros(len(at), np.float64)
        among = at < len(self.cosines)
        near[among] = scoring.vector_share(self.cosines[at[among]])
        return text, near

    def scores(self) -> Shares:
        """Every match's score, float64."""
        scores = self._asked()
        for extra in self.extras.values():
            scores = scores + extra * self.scoring.span
        return scores

    def added(self, at: Places) -> dict[str, Shares]:
        """What each of :attr:`extras` adds to the scores of the matches at some places, float64."""
        return {name: extra[at] * self.scoring.span for name, extra in self.extras.items()}

    def _asked(self) -> Shares:
        if self.scoring.text is None:
            return self.scoring.vector_share(self.cosines) if self.scoring.vector else np.zeros(0)
        scores = self.scoring.text_share(self.lexical)
        if self.scoring.vector is not None:
            scores[: len(self.cosines)] += self.scoring.vector_share(self.cosines)
        return scores


def _shares(scoring: Scoring, cosines: Scores, gained: Scores, size: int) -> Shares:
    """What photos of reviews add to the scores of matches, the first of which are near by vector."""
    shares = np.zeros(size)
    if scoring.span > 0:
        more = scoring.vector_share(cosines + gained) - scoring.vector_share(cosines)
        shares[: len(cosines)] = more / scoring.span
    return shares


def _said(version: Version, question: Question, mask: Words) -> Words:
    """Of ``mask`` the rows with what the question says in quotes, without what it does not want."""
    if question.excluded is not None:
        mask = mask & expression.mask(version, question.excluded)
    if question.unsaid:
        mask = mask & ~_saying_all(version, question.unsaid, mask)
    if question.without:
        mask = version.text.without(question.without, mask)
    for phrase in question.phrases:
        mask = version.text.with_phrase(phrase, mask)
    return mask


def _saying_all(version: Version, words: tuple[Word, ...], mask: Words) -> Words:
    """Of ``mask`` the rows that hold every word."""
    for word in words:
        mask = version.text.with_any((word,), mask)
    return mask


def matching(version: Version, question: Question) -> Words:
    """All that a question finds in a version, as bits."""
    if not question.asks:
        return filters.allowed(version, question.filters, question.conditions)
    return Search(version, question).matches().words(version.layout.rows)


class Search:
    """One question put to one version."""

    def __init__(self, version: Version, question: Question) -> None:
        self._version = version
        self._question = question
        allowed = filters.allowed(version, question.filters, question.conditions)
        self.mask: Words = _said(version, question, allowed)
        self._terms: Terms | None = version.text.find(question.words) if question.words else None

    def survey(self) -> Survey:
        """What this version adds to the scoring of a search over several."""
        most = 0 if self._terms is None else self._version.text.most(self._terms, self.mask)
        rows, nearest = self._nearest()
        says_text = "text" in self._version.modalities
        seen, own = self._seen(rows, nearest), self._own(rows)
        return Survey(self.statistics(), most, nearest, says_text, seen, own)

    def statistics(self) -> Statistics:
        """Of the whole version, whatever the filters."""
        holding = () if self._terms is None else tuple(self._terms.df.tolist())
        return Statistics(self._version.text.documents, self._version.text.total_length, holding)

    def matches(self, pinned: Scoring | None = None) -> Matches:
        """The matches, scored by ``pinned`` or, without it, by what this version says."""
        near, cosines, scale, split = self._near(pinned)
        gained = None
        if scale is not None and photos.takes_part(version := self._version, self._question):
            shown = photos.photographed(version, self._question, self.mask, scale, near, cosines)
            near, cosines, gained = shown.rows, shown.scores, shown.gained
        rows, lexical, text = self._with_text(pinned, near)
        weights = (self._question.text_weight, self._question.vector_weight)
        scoring = Scoring.of(text, scale, *weights) if pinned is None else pinned
        leaning, extras = self._leaning(rows)
        if gained is not None:
            extras = {photos.NAME: _shares(scoring, cosines, gained, len(rows)), **extras}
        return Matches(rows, lexical, cosines, scoring, split, extras, leaning)

    def _leaning(self, rows: Rows) -> tuple[Taste | None, Mapping[str, Shares]]:
        """The taste with its bounds, and what adds to the scores of matches besides what was asked for."""
        question, version = self._question, self._version
        extras: dict[str, Shares] = {}
        leaning = None
        if question.taste is not None:
            leaning, extras["taste"] = question.taste.among(version.fused, rows)
        if question.lifts:
            extras.update(lifts.shares(version, question.lifts, rows))
        return leaning, extras

    def _near(self, pinned: Scoring | None) -> tuple[Rows, Scores, VectorScale | None, late.Split | None]:
        """Rows near by vector, ascending, with their scores and the scale of these."""
        question, version = self._question, self._version
        scale = None if pinned is None else pinned.vector
        if question.vector is None or (pinned is not None and scale is None):
            return _NO_ROWS, _NO_SCORES, None, None
        if question.mode == "late":
            found = late.search(version, question, self.mask, () if scale is None else scale.bands)
            if found is None:
                return _NO_ROWS, _NO_SCORES, scale, None
            order = np.argsort(found.rows)
            scale = scale or VectorScale(0.0, float(found.scores[0]), bands=found.bands)
            return found.rows[order], found.scores[order], scale, found.split
        if scale is not None:
            return self._leaned(*self._above(scale.floor), scale)
        rows, scores = self._nearest()
        reach: tuple[float | None, float | None] = (None, None)
        if "text" in version.modalities:
            reach = question.reach(scores, self._seen(rows, scores), version.text.documents)
        scale = VectorScale.of(scores[: question.depth], question.relevance, *reach)
        if scale is None:
            return _NO_ROWS, _NO_SCORES, None, None
        own = self._own(rows)
        if own:
            scale = lean.settle(scale, question.leaning, scores, own, question.depth)
        if len(scores) > question.depth and float(scores[-1]) >= scale.floor:
            # Equals stand on both sides of the last place: all of them count.
            return self._leaned(*self._above(scale.floor), scale)
        relevant = scores >= scale.floor
        rows, scores = rows[relevant], scores[relevant]
        order = np.argsort(rows)
        own = {m: cosines[relevant][order] for m, cosines in own.items()}
        return self._leaned(rows[order], scores[order], scale, own)

    def _own(self, rows: Rows) -> lean.Own:
        """Cosines of some rows by the modalities that the question leans to."""
        question = self._question
        # By 0 they lean for photos alone.
        some = [m for m, weight in question.leaning.items() if weight > 0 or self._version.photos is not None]
        return lean.cosines(self._version, {m: question.modality_vectors[m] for m in some}, rows)

    def _leaned(
        self, rows: Rows, scores: Scores, scale: VectorScale, own: lean.Own | None = None
    ) -> tuple[Rows, Scores, VectorScale, late.Split | None]:
        """Rows near by vector with their scores as these lean; ``own`` where it is known already."""
        question, version = self._question, self._version
        leans = tuple(each for each in scale.leans if each.weight > 0 and each.modality in question.leaning)
        if not leans or question.vector is None:
            return rows, scores, scale, None
        leaning = lean.Leaning(question.vector, question.modality_vectors, leans)
        own = self._own(rows) if own is None else own
        return rows, lean.leaned(leans, scores, own), scale, partial(leaning.split, version)

    def _seen(self, rows: Rows, nearest: Scores) -> Marks:
        """Which of the nearest rows, as far as they are looked at, have a picture or clip that is by itself
        like a query of text."""
        question, version = self._question, self._version
        marks = np.zeros(len(rows), np.bool_)
        vector = question.modality_vectors.get("text")
        if question.seen is not None and vector is not None:
            first = looked_at(nearest)
            for modality in _VISIBLE:
                if modality in version.modalities:
                    column = version.vectors[vector_column(modality)]
                    marks[:first] |= column.score(rows[:first], vector) >= question.seen
        return marks

    def _above(self, floor: float) -> tuple[Rows, Scores]:
        """Rows whose cosine is ``floor`` or more, ascending: of as many as the nearest are chosen from."""
        question, fused = self._question, self._version.fused
        if question.vector is None:
            return _NO_ROWS, _NO_SCORES
        return fused.above(question.vector, self.mask, floor, question.depth + 1)

    def _nearest(self) -> tuple[Rows, Scores]:
        """Rows near by vector with their cosines, best first: one more than count, to see equals."""
        question, version = self._question, self._version
        if question.vector is None:
            return _NO_ROWS, _NO_SCORES
        return version.fused.nearest(question.vector, self.mask, question.depth + 1, version.ids.rank)

    def _with_text(self, pinned: Scoring | None, near: Rows) -> tuple[Rows, Scores, TextScale | None]:
        """The ``near`` rows and behind them those that full text alone matches, all BM25 scores, and the
        scale; None where no product under the filters holds any word."""
        if self._terms is None or (pinned is not None and pinned.text is None):
            return near, np.zeros(len(near), np.float32), None
        scale = None if pinned is None else pinned.text
        statistics = self.statistics() if scale is None else scale.statistics
        weights = statistics.weights(self._question.times)
        text, average = self._version.text, statistics.average
        found = text.search(
            self._terms, weights, average, self.mask, None if scale is None else scale.required
        )
        if scale is None and not found.required:
            return near, np.zeros(len(near), np.float32), None
        size = len(near) + len(found.rows)
        rows, lexical = np.empty(size, np.int32), np.empty(size, np.float32)
        lacking = np.empty(len(near), np.int32)
        missing = kernels.unite(near, found.rows, found.scores, rows, lexical, lacking)
        size -= len(near) - missing
        rows, lexical, lacking = rows[:size], lexical[:size], lacking[:missing]
        lexical[lacking] = text.scores(self._terms, weights, average, near[lacking])
        if scale is None:
            ceiling = max(float(weights.sum()), float(lexical.max()))
            scale = TextScale(statistics, found.required, ceiling)
        return rows, lexical, scale
