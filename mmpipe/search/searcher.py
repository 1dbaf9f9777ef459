"""One search, start to end: filters → matches → order → facets → page."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from mmpipe.errors import ProfileMismatch
from mmpipe.schemas.search import SearchResponse
from mmpipe.search.answer import Answer
from mmpipe.search.asked import NOBODY
from mmpipe.search.find import aim, filters, synonyms
from mmpipe.search.find.dictionary import dictionary
from mmpipe.search.find.likeness import likeness
from mmpipe.search.find.match import matching
from mmpipe.search.find.meaning import Meaning, filtered_by, meant
from mmpipe.search.find.photographed import NAME
from mmpipe.search.find.question import NOTHING, Question
from mmpipe.search.find.things import things
from mmpipe.search.find.words import Understood, corrected, told, understand_by
from mmpipe.search.found import find
from mmpipe.search.page import cursor, explain, facets, moments, more, present, shown_by, variants
from mmpipe.search.page.plan import Plan, matched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mmpipe.encoders.base import Profile
    from mmpipe.schemas.search import Facet, SearchRequest
    from mmpipe.search.asked import Asked
    from mmpipe.search.find.match import Matches
    from mmpipe.search.find.query import EncodedQuery
    from mmpipe.search.find.synonyms import Synonyms
    from mmpipe.search.found import Found
    from mmpipe.search.page.more import More
    from mmpipe.search.versions.version import Version
    from mmpipe.settings import ServeSettings

Places = NDArray[np.int64]
Shares = NDArray[np.float64]


class Searcher:
    """Searches versions of tables that ``profile`` encoded. Stateless, so safe for many threads."""

    def __init__(self, profile: Profile, settings: ServeSettings) -> None:
        self._fingerprint = profile.fingerprint
        self._name = profile.name
        self._settings = settings
        self._synonyms = synonyms.base(dictionary(settings.dictionary)) if settings.synonyms else None
        things()  # a third of a second that no search has to wait for

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

        Raises :class:`InvalidRequest` for an unknown facet, an unknown product that is to be like or unlike,
        or a cursor of another search, and :class:`ProfileMismatch` where other models encoded the table. A
        query that matches nothing gives an empty page. Where nothing is found with what the text means, it is
        looked for with less of that.
        """
        query = _aimed(version, request, query)
        answer = self._answer(version, request, query, asked, own)
        looser = None if asked.meaning is None else asked.meaning.looser()
        while looser is not None and answer.first and not answer.total:
            found = self._answer(version, request, query, replace(asked, meaning=looser), own)
            answer, looser = (found if found.total else answer), looser.looser()
        return answer

    def ask(
        self,
        version: Version,
        request: SearchRequest,
        encode: Callable[[SearchRequest], EncodedQuery],
        asked: Asked = NOBODY,
        own: Synonyms | None = None,
    ) -> Answer:
        """A page of a request that is not encoded yet: what its text means first, then what is left of it is
        encoded, then :meth:`answer`."""
        meant = self.meaning(version, request, own)
        query = encode(request if meant is None else meant.asked(request))
        return self.answer(version, request, query, replace(asked, meaning=meant), own)

    def meaning(
        self, version: Version, request: SearchRequest, own: Synonyms | None = None
    ) -> Meaning | None:
        """What the request's text means, of a later page what it meant on the first; None where its words are
        words alone. Raises :class:`InvalidRequest` for a cursor that is none."""
        if request.cursor is not None:
            return cursor.decode(request.cursor).meaning(request.text)
        mode = request.understand or self._settings.understand
        if not request.text or mode == "off":
            return None
        return meant(version, request.text, self._stand(own), mode, filtered_by(request))

    def _answer(
        self,
        version: Version,
        request: SearchRequest,
        query: EncodedQuery,
        asked: Asked,
        own: Synonyms | None,
    ) -> Answer:
        started = time.perf_counter()
        self._check_profile(version)
        facets.check(request.facets)
        more.check(request.fields)
        plan = Plan() if request.explain is True else None
        digest = cursor.digest_of(version.collection, request, query)
        if request.cursor is not None:
            pinned = cursor.decode(request.cursor).pinned_taste(version.table, version.fused.dim)
            asked = replace(asked, taste=pinned)
        if query.asks_nothing and asked.taste is not None:
            asked = replace(asked, taste=None)
        opened = cursor.opened(request.cursor, digest)
        understood = self._understood(version, query, own) if opened is None else opened.understood
        if opened is not None:
            asked = replace(asked, meaning=opened.meaning(request.text))
        question = Question.of(request, query, self._settings, asked, understood)
        query_id = asked.query_id if opened is None else opened.q
        if plan is not None:
            plan.mark("understand")

        def held(matches: Matches | None) -> dict[str, object]:
            scoring, leaning = (None, None) if matches is None else (matches.scoring, matches.leaning)
            return cursor.fixed(
                version.label,
                digest,
                scoring,
                query.heard,
                leaning,
                understood,
                asked.effects,
                query_id,
                asked.meaning,
                query.aims,
            )

        found = find(
            version, question, query, request, asked, opened, lambda matches: cursor.room(held(matches))
        )
        scoring = None if found.matches is None else found.matches.scoring
        if plan is not None:
            plan.mark("match and order", matched(question, scoring, found.total))
        following = None
        if found.page.following is not None:
            following = cursor.after(held(found.matches), found.page.following)
        words = None
        if query.text and question.words:
            required = 0 if scoring is None or scoring.text is None else scoring.text.required
            words = told(understood, required)
        counted = _counted(version, question, request, found)
        if plan is not None:
            plan.mark("facets")
        wanted = more.wanted(request, question, understood, scoring)
        page = _page(version, found, query, wanted, explained=bool(request.explain))
        head: dict[str, Any] = {
            "collection": version.collection,
            "version": version.label,
            "version_changed": opened is not None and opened.version != version.label,
            "total": found.total,
            "words": words,
            **facets.told(counted),
            "next_cursor": following,
            "heard": None if query.heard is None else query.heard.model_dump(),
            "took_ms": round((time.perf_counter() - started) * 1e3, 3),
        }
        if plan is not None:
            plan.mark("page")
            head["plan"] = plan.told()
        if query_id is not None:
            head["query_id"] = query_id
        if found.page.judged is not None:
            head["reranked"] = found.page.judged
        if asked.taste is not None:
            head["personalised"] = True
        head |= Meaning.nothing() if asked.meaning is None else asked.meaning.told()
        head["did_you_mean"] = (
            corrected(request.text or "", understood.corrected) if understood.corrected else None
        )
        if asked.effects is not None:
            head |= asked.effects.told()
        return Answer(
            body=b"".join((to_json(head)[:-1], b',"hits":[', b",".join(page), b"]}")),
            total=head["total"],
            hits=len(page),
            first=opened is None,
            query_id=query_id,
            corrected=bool(understood.corrected),
            relaxed=asked.meaning is not None and bool(asked.meaning.relaxed),
        )

    def _understood(self, version: Version, query: EncodedQuery, own: Synonyms | None) -> Understood:
        if not query.text:
            return NOTHING
        return understand_by(version.text, query.text, self._stand(own), typos=self._settings.typos)

    def _stand(self, own: Synonyms | None) -> Synonyms | None:
        return None if self._synonyms is None else own or self._synonyms

    def _check_profile(self, version: Version) -> None:
        if version.fingerprint != self._fingerprint:
            raise ProfileMismatch(
                f"collection '{version.collection}' is encoded by profile {version.profile.name}"
                f" {version.fingerprint}, this searcher encodes queries by {self._name} {self._fingerprint}:"
                f" search it by the models that encoded it, or have it encoded by these (mmpipe live reindex"
                f" --profile {self._name} --collection {version.collection}, then mmpipe live switch)"
            )


def _counted(version: Version, question: Question, request: SearchRequest, found: Found) -> facets.Counted:
    """The facets of a page."""
    if not request.facets:
        return facets.Counted()

    def wide(facet: Facet) -> NDArray[np.uint64]:
        wider = facets.without(question, request, facet)
        if wider is None:
            return found.words
        allowed = filters.allowed(version, question.filters, question.conditions)
        return facets.rows(found.words, allowed, lambda: matching(version, wider))

    return facets.count(version, request.facets, wide, None if found.groups is None else found.groups.of)


def _aimed(version: Version, request: SearchRequest, query: EncodedQuery) -> EncodedQuery:
    if not request.like and request.unlike is None:
        return query
    aims = None
    if request.cursor is not None:
        aims = cursor.decode(request.cursor).pinned_aims(version.table, version.fused.dim)
    if aims is None:
        rows = {product_id: version.find(product_id) for product_id in aim.named(request)}
        found = {product_id: likeness(version, row) for product_id, row in rows.items() if row is not None}
        aims = aim.aims(request, found)
    return aim.aimed(request, query, aims)


def _page(
    version: Version, found: Found, query: EncodedQuery, wanted: More, *, explained: bool
) -> list[bytes]:
    rows, matches, names = found.page.rows, found.matches, explain.NAMES
    extras: Mapping[str, Shares] = {}
    if matches is None:
        scores = [0.0] * len(rows)
        splits = explain.split(version, rows, None, None, None) if explained else None
    else:
        at = matches.places(rows) if found.page.places is None else found.page.places
        lexical, vector, extras = _earned(matches, at)
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
    hits = present.hits(version, rows, scores, splits, seconds, names)
    if wanted:
        hits = more.with_more(version, rows, hits, splits, names, wanted)
    if matches is not None and NAME in extras:
        hits = shown_by.with_photos(version, rows, hits, extras[NAME], query.modality_vectors["image"])
    if found.groups is None:
        return hits
    told_of = variants.variants(version, found.groups, rows, found.words)
    return [
        hit if group is None else b'%b,"variants":%b}' % (hit[:-1], group)
        for hit, group in zip(hits, told_of, strict=True)
    ]


def _earned(matches: Matches, at: Places) -> tuple[Shares | None, Shares | None, dict[str, Shares]]:
    """What full text, vector and the rest add to the scores at some places; nothing at -1, where a pinned
    product is that is no match."""
    known = at >= 0
    if known.all():
        return *matches.shares(at), matches.added(at)
    lexical, vector = matches.shares(at[known])
    extras = matches.added(at[known])
    return _spread(lexical, known), _spread(vector, known), {n: _filled(v, known) for n, v in extras.items()}


def _spread(values: Shares | None, known: NDArray[np.bool_]) -> Shares | None:
    return None if values is None else _filled(values, known)


def _filled(values: Shares, known: NDArray[np.bool_]) -> Shares:
    found = np.zeros(len(known))
    found[known] = values
    return found
