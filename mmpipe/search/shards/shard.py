"""One shard's part of a search: what it says of its fragments of a version.

A search asks three times, so that the scores are those of the whole collection: :meth:`Shard.survey` gives
what fixes them, :meth:`Shard.find` the shard's best matches under them, :meth:`Shard.hits` the page's hits.
All of it is the code that a version which is not split is searched by.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.columns.prices import PriceColumn
from mmpipe.search.find import filters, rank, values
from mmpipe.search.find.likeness import Alike, Likeness, alike, likeness
from mmpipe.search.find.match import Matches, Search, Survey
from mmpipe.search.find.need import Need, Told
from mmpipe.search.find.photographed import NAME
from mmpipe.search.find.things import things
from mmpipe.search.find.words import tell
from mmpipe.search.kernels.memory import count_bits, set_rows
from mmpipe.search.kernels.order import top_scores
from mmpipe.search.kernels.text import K1
from mmpipe.search.page import explain, facets, moments, more, present, shown_by

if TYPE_CHECKING:
    from mmpipe.encoders.base import Profile, Vectors
    from mmpipe.schemas.product import PublicProduct
    from mmpipe.schemas.search import Facet, Filters
    from mmpipe.search.columns.coded import CodedColumn
    from mmpipe.search.find.lean import Leaning
    from mmpipe.search.find.question import Question
    from mmpipe.search.find.scoring import Scoring, TextScale
    from mmpipe.search.page.more import More
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Scores = NDArray[np.float32]
Shares = NDArray[np.float64]
Words = NDArray[np.uint64]
Places = NDArray[np.int64]
# So many matches are compared with one another to send fewer of them; of more the equal ones go first.
_COMPARED = 250
# Scores that differ by more are in the same order whichever way they are summed.
_CERTAIN = 1e-9


@dataclass(frozen=True)
class Loaded:
    """What a shard's part of a version adds to the whole: its living products, and of those with a price how
    many are in each currency."""

    profile: Profile
    products: int
    currencies: Mapping[str, int]


@dataclass(frozen=True)
class Moment:
    """What prices are of, the same for every shard of a search: Unix seconds, and the collection's own
    currency, None where no product has a price."""

    seconds: float
    currency: str | None


@dataclass(frozen=True)
class Wanted:
    """Which matches a page is made of: the first ``limit`` and one more, behind ``after``. With ``settled``
    the search's scoring is final; without it the BM25 ceiling is not known before every shard has answered.
    """

    limit: int
    after: rank.After | None = None
    facets: tuple[Facet, ...] = ()
    settled: bool = False


@dataclass(frozen=True)
class Candidates:
    """Matches that may be on the page, parallel arrays. ``cosines`` are NaN for those that are not near by
    vector, ``keys`` the prices or other numbers where these order the page, NaN for none, else 0, and
    ``seconds`` what equals of these go by, falling; ``extras`` are those of :class:`Matches`."""

    ids: list[str]
    rows: Rows
    keys: Shares
    lexical: Scores
    cosines: Scores
    extras: Mapping[str, Shares]
    seconds: Shares


@dataclass(frozen=True)
class Part:
    """A shard's matches: how many, their counted values as :func:`mmpipe.search.page.facets.raw` has them,
    their highest BM25 score (0 for none), and the candidates."""

    total: int
    facets: facets.Raw
    highest: float
    candidates: Candidates


@dataclass(frozen=True)
class Page:
    """What hits are made of besides rows: their scores, what full text and vector added to each (None: that
    measure takes no part) and what the ``extras``, and the query's vectors, with what scores lean by;
    ``picture`` is that of the query's picture."""

    rows: Rows
    scores: Sequence[float]
    lexical: Shares | None = None
    vector: Shares | None = None
    extras: Mapping[str, Shares] = field(default_factory=dict)
    query: Vectors | None = None
    leaning: Leaning | None = None
    moment: Vectors | None = None
    picture: Vectors | None = None
    explained: bool = False
    more: More | None = None


class Shard:
    """The fragments of one version that one shard answers for."""

    def __init__(self, version: Version) -> None:
        self._version = version
        things()  # a third of a second that no search has to wait for

    def loaded(self) -> Loaded:
        """What it adds to the whole."""
        version = self._version
        return Loaded(version.profile, len(version), _currencies(version))

    def tell(self, need: Need) -> Told:
        """What it knows of words."""
        return tell(self._version.text, need)

    def named(self, keys: frozenset[str], joints: Sequence[str]) -> values.Told:
        """Which keys are values of its fields, and which joints are words."""
        return values.tell(self._version, keys, joints)

    def survey(self, moment: Moment, question: Question) -> Survey:
        """What it adds to a search's scoring."""
        return Search(self._at(moment), question).survey()

    def find(self, moment: Moment, question: Question, scoring: Scoring | None, wanted: Wanted) -> Part:
        """Its matches under the ``scoring`` of the whole search; None where the request browses."""
        version = self._at(moment)
        if scoring is None:
            words = filters.allowed(version, question.filters, question.conditions)
            key = rank.key_of(version, question.sort)
            cut = rank.by_key(version, words, key, wanted.limit + 1, wanted.after)
            nothing = np.zeros(len(cut.rows), np.float32)
            candidates = Candidates(
                version.ids.ids(cut.rows), cut.rows, cut.keys, nothing, nothing, {}, _seconds(cut)
            )
            return Part(
                count_bits(words), facets.raw(version, wanted.facets, lambda _: words), 0.0, candidates
            )
        matches = Search(version, question).matches(scoring)
        words = matches.words(version.layout.rows)
        if question.sort == "relevance":
            places = _likely(version, matches, wanted)
            keys = seconds = np.zeros(len(places))
        else:
            key = rank.key_of(version, question.sort)
            cut = rank.by_key(version, words, key, wanted.limit + 1, wanted.after)
            places, keys, seconds = matches.places(cut.rows), cut.keys, _seconds(cut)
        cosines = np.full(len(places), np.nan, np.float32)
        near = places < len(matches.cosines)
        cosines[near] = matches.cosines[places[near]]
        return Part(
            total=len(matches.rows),
            facets=facets.raw(version, wanted.facets, lambda _: words),
            highest=float(matches.lexical.max(initial=0.0)),
            candidates=Candidates(
                ids=version.ids.ids(matches.rows[places]),
                rows=matches.rows[places],
                keys=keys,
                lexical=matches.lexical[places],
                cosines=cosines,
                extras={name: extra[places] for name, extra in matches.extras.items()},
                seconds=seconds,
            ),
        )

    def counted(
        self,
        moment: Moment,
        question: Question,
        scoring: Scoring | None,
        wider: Question,
        wider_scoring: Scoring | None,
        facet: Facet,
    ) -> facets.Raw:
        """A disjunctive facet over its part of the matches, and of what the ``wider`` question finds."""
        version = self._at(moment)
        matches = _found(version, question, scoring)
        allowed = filters.allowed(version, question.filters, question.conditions)
        words = facets.rows(matches, allowed, lambda: _found(version, wider, wider_scoring))
        return facets.raw(version, (facet,), lambda _: words)

    def hits(self, moment: Moment, page: Page) -> list[bytes]:
        """Hits as JSON, in the order of ``page``."""
        version = self._at(moment)
        splits, names = None, explain.NAMES
        if page.explained:
            earned = None if page.leaning is None else page.leaning.split(version, page.rows)
            splits = explain.split(version, page.rows, page.lexical, page.vector, page.query, earned)
            splits, names = explain.with_extras(splits, page.extras)
        seconds = moments.seconds(version, page.rows, page.moment)
        hits = present.hits(version, page.rows, page.scores, splits, seconds, names)
        if page.more is not None:
            hits = more.with_more(version, page.rows, hits, splits, names, page.more)
        if page.picture is not None and NAME in page.extras:
            hits = shown_by.with_photos(version, page.rows, hits, page.extras[NAME], page.picture)
        return hits

    def product(self, product_id: str) -> PublicProduct | None:
        """What is public of a product; None where it is not of this shard."""
        version = self._version
        return None if version.find(product_id) is None else version.product(product_id)

    def media(self, product_id: str) -> tuple[PublicProduct, list[str]] | None:
        """See :meth:`Version.media`; None where it is not of this shard."""
        version = self._version
        return None if version.find(product_id) is None else version.media(product_id)

    def like(self, product_id: str) -> tuple[Likeness, Vectors | None] | None:
        """What others are held against to be like a product, and what the frames of their clips are; None
        where it is not of this shard."""
        row = self._version.find(product_id)
        return None if row is None else (likeness(self._version, row), moments.like(self._version, row))

    def alike(self, moment: Moment, like: Likeness, chosen: Filters, limit: int) -> Alike:
        """Its nearest under filters, see :func:`mmpipe.search.find.likeness.alike`."""
        version = self._at(moment)
        return alike(version, like, filters.mask(version, chosen), limit)

    def _at(self, moment: Moment) -> Version:
        version = self._version.at(moment.seconds)
        if version.prices.currency != moment.currency:
            version = _priced_in(version, moment)
        self._version = version
        return version


def _found(version: Version, question: Question, scoring: Scoring | None) -> Words:
    """All matches as bits."""
    if scoring is None:
        return filters.allowed(version, question.filters, question.conditions)
    return Search(version, question).matches(scoring).words(version.layout.rows)


class _Own:
    """Stands for the column of currencies, of which a column of prices asks just this, where the
    collection's own currency is another than that of most rows here."""

    def __init__(self, column: CodedColumn, currency: str | None) -> None:
        self.mask = column.mask
        self._currency = currency

    def spellings(self, words: Words) -> dict[str, int]:
        """As if every row with a price had it in that currency."""
        return {} if self._currency is None else {self._currency: count_bits(words)}


def _priced_in(version: Version, moment: Moment) -> Version:
    fragments = version.fragments.values()
    column = PriceColumn(
        [fragment.part("price") for fragment in fragments],
        [fragment.part("sales") for fragment in fragments],
        version.layout,
        version.alive,
        cast("CodedColumn", _Own(version.coded["currency"], moment.currency)),
        version.columns.prices,
    )
    other = copy.copy(version)
    other.prices = column.at(moment.seconds)
    return other


def _currencies(version: Version) -> dict[str, int]:
    """The living rows with a price, a sale's alone included, by its currency."""
    bases = version.layout.bases[:-1].tolist()
    parts = list(zip(version.fragments.values(), bases, strict=True))
    rows = [fragment.part("sales")["rows"] + base for fragment, base in parts]
    listed = [fragment.part("price")["priced"] for fragment, _ in parts]
    if not parts:
        return {}
    priced = np.concatenate(listed) | set_rows(np.concatenate(rows).astype(np.int32), version.layout.rows)
    return version.coded["currency"].spellings(priced & version.alive)


def _likely(version: Version, matches: Matches, wanted: Wanted) -> Places:
    """Places of the matches that may be on a page of best matches."""
    limit, scoring = wanted.limit + 1, matches.scoring
    one = scoring.text is None or scoring.vector is None
    if wanted.settled or scoring.text is None or (one and not matches.extras):
        cut = rank.ByScore(version, matches.rows, matches.scores()).cut(limit, wanted.after)
        return matches.places(cut.rows)
    # The score rises with either measure. So of those with the same cosine, and as much besides, the best by
    # full text go first, whatever the ceiling, and among those of full text alone likewise.
    count = len(matches.cosines)
    lexical = matches.lexical.astype(np.float64)
    besides = sum(matches.extras.values(), np.zeros(len(lexical)))
    alone = _best_of_each(version, matches.rows[count:], lexical[count:], besides[count:], limit)
    near = np.arange(count)
    if count > _COMPARED:
        held = matches.cosines.astype(np.float64), besides[:count]
        order = np.lexsort((version.ids.rank[matches.rows[:count]], -lexical[:count], *held))
        differs = np.ones(count, np.bool_)
        differs[1:] = np.logical_or.reduce([np.diff(each[order]) != 0 for each in held])
        begins = np.flatnonzero(differs)
        within = near - np.repeat(begins, np.diff(begins, append=count))
        near = np.sort(order[within < limit])
    places = np.concatenate([near, count + alone])
    return places if len(places) > 2 * _COMPARED else places[_may_lead(matches, scoring.text, places, limit)]


def _seconds(cut: rank.Cut) -> Shares:
    """What equals go by: none is as 0."""
    return np.zeros(len(cut.rows)) if cut.seconds is None else np.nan_to_num(cut.seconds, nan=0.0)


def _best_of_each(version: Version, rows: Rows, lexical: Shares, besides: Shares, limit: int) -> Places:
    """Places of the best by full text among those that have as much besides."""
    found: list[Places] = [np.zeros(0, np.int64)]
    for value in np.unique(besides):
        at = np.flatnonzero(besides == value)
        found.append(at[top_scores(rows[at], lexical[at], version.ids.rank, limit)])
    return np.concatenate(found)


def _may_lead(matches: Matches, text: TextScale, places: Places, limit: int) -> NDArray[np.bool_]:
    """Which of some matches are not behind ``limit`` others whatever the ceiling will be. A score is a line
    over the ceiling's inverse, or the ceiling: what is behind at both ends is behind in between."""
    lowest = max(text.ceiling, float(matches.lexical.max(initial=0.0)))
    first, last = (
        replace(matches, scoring=replace(matches.scoring, text=replace(text, ceiling=ceiling))).scores()[
            places
        ]
        for ceiling in (lowest, max(lowest, text.ceiling * (K1 + 1)))
    )
    behind = (first[:, None] < first - _CERTAIN) & (last[:, None] < last - _CERTAIN)
    ahead: Places = np.count_nonzero(behind, axis=1)
    return ahead < limit
