"""One search, start to end: filters → matches → order → facets → page."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from mmpipe.errors import ProfileMismatch
from mmpipe.schemas.search import SearchResponse
from mmpipe.search.answer import Answer
from mmpipe.search.asked import NOBODY
from mmpipe.search.find import filters, rank, synonyms
from mmpipe.search.find.match import Matches, Search
from mmpipe.search.find.question import NOTHING, Question
from mmpipe.search.find.words import Understood, told, understand_by
from mmpipe.search.kernels.memory import count_bits
from mmpipe.search.page import cursor, explain, facets, moments, present

if TYPE_CHECKING:
    from mmpipe.encoders.base import Profile
    from mmpipe.schemas.search import SearchRequest
    from mmpipe.search.asked import Asked
    from mmpipe.search.find.query import EncodedQuery
    from mmpipe.search.find.synonyms import Synonyms
    from mmpipe.search.versions.version import Version
    from mmpipe.settings import ServeSettings

Words = NDArray[np.uint64]


@dataclass(frozen=True)
class Result:
    """A page of matches: ``words`` are all of them as bits, ``matches`` None where the request browses."""

    words: Words
    cut: rank.Cut
    matches: Matches | None = None


class Searcher:
    """Searches versions of tables that ``profile`` encoded. Stateless, so safe for many threads."""

    def __init__(self, profile: Profile, settings: ServeSettings) -> None:
        self._fingerprint = profile.fingerprint
        self._name = profile.name
        self._settings = settings
        self._synonyms = synonyms.base() if settings.synonyms else None

    def search(self, version: Version, request: SearchRequest, query: EncodedQuery) -> SearchResponse:
        """:meth:`search_json` as a model."""
        return SearchResponse.model_validate_json(self.search_json(version, request, query))

    def search_json(self, version: Version, request: SearchRequest, query: EncodedQuery) -> bytes:
        """The body of :meth:`answer`."""
        return self.answer(version, request, query).body

    def answer(
        self,
        version: Version,
        request: SearchRequest,
        query: EncodedQuery,
        asked: Asked = NOBODY,
        own: Synonyms | None = None,
    ) -> Answer:
        """A page. ``own`` are the collection's synonyms and the shipped, where it has its own. On later pages
        the order leans to the taste of the first, whatever is ``asked`` here. It takes no part in browsing,
        nor in what is found.

        Raises :class:`InvalidRequest` for an unknown facet or a cursor of another search, and
        :class:`ProfileMismatch` where other models encoded the table. A query that matches nothing gives
        an empty page.
        """
        started = time.perf_counter()
        self._check_profile(version)
        names = [facet.field for facet in request.facets]
        facets.check(names)
        digest = cursor.digest_of(version.collection, request, query)
        if request.cursor is not None:
            pinned = cursor.decode(request.cursor).pinned_taste(version.table, version.fused.dim)
            asked = replace(asked, taste=pinned)
        if query.asks_nothing and asked.taste is not None:
            asked = replace(asked, taste=None)
        opened = cursor.opened(request.cursor, digest)
        understood = self._understood(version, query, own) if opened is None else opened.understood
        question = Question.of(request, query, self._settings, asked, understood)
        found = _found(version, question, request.limit, opened)
        cut, scoring = found.cut, None if found.matches is None else found.matches.scoring
        following = None
        if cut.more:
            last = version.ids.ids(cut.rows[-1:])[0]
            key = float(cut.keys[-1])
            leaning = None if found.matches is None else found.matches.leaning
            following = cursor.after(
                version.label, digest, key, last, scoring, query.heard, leaning, understood
            )
        words = None
        if query.text and question.words:
            required = 0 if scoring is None or scoring.text is None else scoring.text.required
            words = told(understood, required)
        counted = facets.count(version, found.words, names)
        page = _page(version, found, query, explained=request.explain)
        head: dict[str, Any] = {
            "collection": version.collection,
            "version": version.label,
            "version_changed": opened is not None and opened.version != version.label,
            "total": count_bits(found.words),
            "words": words,
            "facets": {
                name: [{"value": value, "count": count} for value, count in tally]
                for name, tally in counted.items()
            },
            "next_cursor": following,
            "heard": None if query.heard is None else query.heard.model_dump(),
            "took_ms": round((time.perf_counter() - started) * 1e3, 3),
        }
        if asked.query_id is not None:
            head["query_id"] = asked.query_id
        if asked.taste is not None:
            head["personalised"] = True
        return Answer(
            body=b"".join((to_json(head)[:-1], b',"hits":[', b",".join(page), b"]}")),
            total=head["total"],
            hits=len(page),
            first=opened is None,
            query_id=asked.query_id,
            corrected=bool(understood.corrected),
        )

    def _understood(self, version: Version, query: EncodedQuery, own: Synonyms | None) -> Understood:
        if not query.text:
            return NOTHING
        stand = None if self._synonyms is None else own or self._synonyms
        return understand_by(version.text, query.text, stand, typos=self._settings.typos)

    def _check_profile(self, version: Version) -> None:
        if version.fingerprint != self._fingerprint:
            raise ProfileMismatch(
                f"collection '{version.collection}' is encoded by profile {version.profile.name}"
                f" {version.fingerprint}, this searcher encodes queries by {self._name} {self._fingerprint}"
            )


def _found(version: Version, question: Question, limit: int, opened: cursor.Cursor | None) -> Result:
    after = None if opened is None else rank.After(opened.key, opened.after)
    if not question.asks:
        words = filters.allowed(version, question.filters, question.conditions)
        if question.sort == "relevance":
            return Result(words, rank.by_id(version, words, limit, after))
        return Result(words, rank.by_paid(version, words, question.sort, limit, after))
    matches = Search(version, question).matches(None if opened is None else opened.scoring)
    words = matches.words(version.layout.rows)
    if question.sort == "relevance":
        cut = rank.by_score(version, matches.rows, matches.scores(), limit, after)
    else:
        cut = rank.by_paid(version, words, question.sort, limit, after)
    return Result(words, cut, matches)


def _page(version: Version, found: Result, query: EncodedQuery, *, explained: bool) -> list[bytes]:
    rows, matches, names = found.cut.rows, found.matches, explain.NAMES
    if matches is None:
        scores = [0.0] * len(rows)
        splits = explain.split(version, rows, None, None, None) if explained else None
    else:
        at = matches.places(rows) if found.cut.places is None else found.cut.places
        lexical, vector = matches.shares(at)
        extras = matches.added(at)
        total = np.zeros(len(rows))
        for part in (lexical, vector, *extras.values()):
            total += 0.0 if part is None else part
        scores = total.tolist()
        splits = None
        if explained:
            earned = None if matches.late is None or not len(rows) else matches.late(rows)
            splits = explain.split(version, rows, lexical, vector, query.vector, earned)
            splits, names = explain.with_extras(splits, extras)
    frames = moments.asked(query) if "video" in version.modalities else None
    seconds = moments.seconds(version, rows, frames)
    return present.hits(version, rows, scores, splits, seconds, names)
