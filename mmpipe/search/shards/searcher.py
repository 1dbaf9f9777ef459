"""A search over the shards of a collection, start to end; what :class:`mmpipe.search.Searcher` is for one
version.

Where vectors are searched exactly, the answer is the one that a version which is not split gives, to the last
bit: matches, scores, total, facets and cursors. Above ``serve.exact_rows`` each shard looks for neighbours in
its own lists, so that together they look at more, and find at least as many of the nearest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from pydantic_core import to_json

from mmpipe.errors import InvalidRequest, NotReady
from mmpipe.search.answer import Answer
from mmpipe.search.asked import NOBODY
from mmpipe.search.columns.kept import Latest
from mmpipe.search.find import aim, synonyms, values
from mmpipe.search.find.dictionary import dictionary
from mmpipe.search.find.lean import Leaning
from mmpipe.search.find.meaning import Meaning, filtered_by, read
from mmpipe.search.find.meaning import understand as by_told
from mmpipe.search.find.need import Told
from mmpipe.search.find.question import NOTHING, Question
from mmpipe.search.find.things import things
from mmpipe.search.find.words import Understanding, Understood, corrected, told, understand
from mmpipe.search.page import cursor, facets, moments, more
from mmpipe.search.page.plan import Plan, matched
from mmpipe.search.page.window import Begin
from mmpipe.search.shards.merge import Merged, page_of, scoring_of
from mmpipe.search.shards.shard import Moment, Page, Wanted

if TYPE_CHECKING:
    from mmpipe.encoders.base import Profile
    from mmpipe.schemas.search import SearchRequest
    from mmpipe.search.asked import Asked
    from mmpipe.search.find.query import EncodedQuery
    from mmpipe.search.find.scoring import Scoring
    from mmpipe.search.find.synonyms import Synonyms
    from mmpipe.search.shards.shard import Part
    from mmpipe.settings import ServeSettings

# What so many texts meant lately is kept.
_MEANINGS = 4_096


class ShardMissing(NotReady):
    """One shard of a collection does not answer now; it will once it has been replaced."""

    def __init__(self, shard: int) -> None:
        super().__init__(f"shard {shard} of this collection does not answer; it is being replaced")
        self.shard = shard

    def __reduce__(self) -> tuple[type[ShardMissing], tuple[int]]:
        return type(self), (self.shard,)


class VersionGone(NotReady):
    """A shard has no longer, or not yet, the version that it was asked for."""


class Transport(Protocol):
    """How shards are reached."""

    async def call(self, shard: int, method: str, *args: Any) -> Any:
        """``method`` of a :class:`~mmpipe.search.shards.shard.Shard`, its arguments behind the
        :class:`VersionRef` that is asked; ``load`` makes that ready, where the collection was emptied and
        filled again by the publication of a moment that it is told, and ``follow_photos`` has the review
        photos of a collection followed as they are now. Raises :class:`ShardMissing`."""


@dataclass(frozen=True)
class VersionRef:
    """Names one version of one table of one collection."""

    collection: str
    table: str
    number: int

    @property
    def label(self) -> str:
        """What responses and cursors call this version."""
        return f"{self.table}@{self.number}"


@dataclass(frozen=True)
class ShardedVersion:
    """A version that all shards have loaded, each its part. ``products`` can be found; ``currency`` is the
    collection's own, None where nothing has a price."""

    ref: VersionRef
    profile: Profile
    products: int
    currency: str | None
    shards: int

    @property
    def label(self) -> str:
        """What responses and cursors call this version."""
        return self.ref.label


class ShardedSearcher:
    """Searches versions that are split among shards. Stateless, so safe for many tasks at once.

    Without ``serve.partial_answers`` a shard that is missing fails the search; with it the others answer, and
    the answer says so.
    """

    def __init__(self, settings: ServeSettings, transport: Transport) -> None:
        self._settings = settings
        self._transport = transport
        self._synonyms = synonyms.base(dictionary(settings.dictionary)) if settings.synonyms else None
        things()  # a third of a second that no search has to wait for
        self._meanings: Latest[tuple[Meaning | None]] = Latest(_MEANINGS)

    async def answer(
        self,
        version: ShardedVersion,
        request: SearchRequest,
        query: EncodedQuery,
        *,
        seconds: float,
        asked: Asked = NOBODY,
        own: Synonyms | None = None,
    ) -> Answer:
        """A page, with the prices of a moment, in Unix seconds. ``own`` are the collection's synonyms beside
        the shipped; the taste that is ``asked`` for takes no part.

        Raises :class:`InvalidRequest` for an unknown facet, an unknown product that is to be like or unlike,
        a cursor of another search, and ``collapse``, ``diversity`` and the sort by popularity; and
        :class:`ShardMissing`. Pins of rules take no part.
        """
        query = await self._aimed(version, request, query)
        answer = await self._answer(version, request, query, seconds, asked, own)
        looser = None if asked.meaning is None else asked.meaning.looser()
        while looser is not None and answer.first and not answer.total:
            asked = replace(asked, meaning=looser)
            found = await self._answer(version, request, query, seconds, asked, own)
            answer, looser = (found if found.total else answer), looser.looser()
        return answer

    async def _aimed(
        self, version: ShardedVersion, request: SearchRequest, query: EncodedQuery
    ) -> EncodedQuery:
        if not request.like and request.unlike is None:
            return query
        aims = None
        if request.cursor is not None:
            dim = version.profile.dim
            aims = cursor.decode(request.cursor).pinned_aims(version.ref.table, dim)
        if aims is None:
            ids, shards = aim.named(request), range(version.shards)
            asked = [self.ask(shards, "like", version, product_id) for product_id in ids]
            told = await asyncio.gather(*asked)
            found = {each[0].product_id: each[0] for of_id in told for each in of_id if each is not None}
            aims = aim.aims(request, found)
        return aim.aimed(request, query, aims)

    async def meaning(
        self, version: ShardedVersion, request: SearchRequest, own: Synonyms | None = None
    ) -> Meaning | None:
        """See :meth:`mmpipe.search.Searcher.meaning`: of what the shards have together. Raises
        :class:`ShardMissing`."""
        if request.cursor is not None:
            return cursor.decode(request.cursor).meaning(request.text)
        mode = request.understand or self._settings.understand
        if not request.text or mode == "off":
            return None
        stand, filtered = self._stand(own), filtered_by(request)
        key = version.ref, request.text, None if stand is None else stand.number, mode, filtered
        held = self._meanings.get(key)
        if held is None:
            reading = read(request.text, stand)
            told = await self._named(version, reading)
            held = (by_told(request.text, reading, told, version.currency, mode, filtered),)
            self._meanings.put(key, held)
        return held[0]

    def forget_meanings(self) -> None:
        """Understand texts anew: a version may be another by the same name."""
        self._meanings = Latest(_MEANINGS)

    async def _named(self, version: ShardedVersion, reading: values.Reading) -> values.Told:
        shards, keys = list(range(version.shards)), reading.keys
        while keys:
            try:
                told = await self.ask(shards, "named", version, keys, tuple(reading.joints))
                return values.Told.total(told)
            except ShardMissing as missing:
                shards = [shard for shard in shards if shard != missing.shard]
                if not shards or not self._settings.partial_answers:
                    raise
        return values.Told()

    async def _answer(
        self,
        version: ShardedVersion,
        request: SearchRequest,
        query: EncodedQuery,
        seconds: float,
        asked: Asked,
        own: Synonyms | None,
    ) -> Answer:
        shards = list(range(version.shards))
        while True:
            try:
                return await _Round(self, version, request, query, seconds, shards, asked, own).answer()
            except ShardMissing as missing:
                # The others begin anew: what fixes the scores is theirs alone.
                shards = [shard for shard in shards if shard != missing.shard]
                if not shards or not self._settings.partial_answers:
                    raise

    async def ask(self, shards: Sequence[int], method: str, version: ShardedVersion, *args: Any) -> list[Any]:
        """Several shards at once; their answers in the order of ``shards``."""
        calls = [self._transport.call(shard, method, version.ref, *args) for shard in shards]
        return await asyncio.gather(*calls)

    async def ask_each(
        self, method: str, version: ShardedVersion, args: Sequence[tuple[int, tuple[Any, ...]]]
    ) -> list[Any]:
        """Several shards at once, each with arguments of its own."""
        calls = [self._transport.call(shard, method, version.ref, *own) for shard, own in args]
        return await asyncio.gather(*calls)

    def question(
        self, request: SearchRequest, query: EncodedQuery, asked: Asked, understood: Understood
    ) -> Question:
        """A request's question."""
        effects = None if asked.effects is None else asked.effects.lifting_pins()
        own = replace(asked, taste=None, effects=effects)
        return Question.of(request, query, self._settings, own, understood)

    def understanding(self, text: str, own: Synonyms | None) -> Understanding:
        """The understanding of a query's text."""
        return understand(text, self._stand(own), typos=self._settings.typos)

    def _stand(self, own: Synonyms | None) -> Synonyms | None:
        return None if self._synonyms is None else own or self._synonyms


class _Round:
    """One search of the shards that are there."""

    def __init__(
        self,
        searcher: ShardedSearcher,
        version: ShardedVersion,
        request: SearchRequest,
        query: EncodedQuery,
        seconds: float,
        shards: Sequence[int],
        asked: Asked,
        own: Synonyms | None,
    ) -> None:
        facets.check(request.facets)
        more.check(request.fields)
        self._plan = Plan() if request.explain is True else None
        if request.fusion == "late":
            raise InvalidRequest(
                "fusion",
                "late cannot be split among shards: ask for early or hybrid, or set serve.shards to 1",
            )
        _check_whole(request)
        self._started = time.perf_counter()
        self._searcher, self._version, self._shards = searcher, version, shards
        self._asked = asked
        self._request, self._query = request, query
        self._moment = Moment(seconds, version.currency)
        self._digest = cursor.digest_of(version.ref.collection, request, query)
        self._opened = cursor.opened(request.cursor, self._digest)
        self._query_id = asked.query_id if self._opened is None else self._opened.q
        self._understood = NOTHING
        self._own = own

    async def answer(self) -> Answer:
        """The page."""
        if self._opened is not None:
            self._asked = replace(self._asked, meaning=self._opened.meaning(self._request.text))
        self._understood = await self._words()
        self._question = self._searcher.question(self._request, self._query, self._asked, self._understood)
        scoring = await self._scoring()
        settled = self._opened is not None
        after = None if self._opened is None else self._opened.begins.after
        request = self._request
        wider = {
            facet.field: found
            for facet in request.facets
            if (found := facets.without(self._question, request, facet)) is not None
        }
        plain = tuple(facet for facet in request.facets if facet.field not in wider)
        wanted = Wanted(request.limit, after, plain, settled)
        parts: list[Part] = await self._searcher.ask(
            self._shards, "find", self._version, self._moment, self._question, scoring, wanted
        )
        merged = page_of(parts, request.sort, wanted, scoring)
        self._mark("match and order", matched(self._question, merged.scoring, merged.total))
        counted = await self._counted(merged, wider)
        self._mark("facets")
        hits = await self._hits(merged)
        self._mark("page")
        return self._response(merged, counted, hits)

    def _mark(self, step: str, detail: str | None = None) -> None:
        if self._plan is not None:
            self._plan.mark(step, detail)

    async def _counted(self, merged: Merged, wider: Mapping[str, Question]) -> facets.Counted:
        """The facets of all matches, those of ``wider`` questions among them."""
        counted = facets.Counted()
        for facet in self._request.facets:
            found = merged.facets
            if (question := wider.get(facet.field)) is not None:
                scoring = await self._scoring_of(question)
                args = (self._moment, self._question, merged.scoring, question, scoring, facet)
                raws = await self._searcher.ask(self._shards, "counted", self._version, *args)
                found = facets.finish(raws, (facet,))
            counted.values[facet.field] = found.values[facet.field]
            if facet.field in found.stats:
                counted.stats[facet.field] = found.stats[facet.field]
        return counted

    async def _words(self) -> Understood:
        if self._opened is not None:
            return self._opened.understood
        if not self._query.text:
            return NOTHING
        going = self._searcher.understanding(self._query.text, self._own)
        try:
            need = next(going)
            while True:
                parts = await self._searcher.ask(self._shards, "tell", self._version, need)
                need = going.send(Told.total(parts))
        except StopIteration as done:
            understood: Understood = done.value
            return understood

    async def _scoring(self) -> Scoring | None:
        if self._opened is not None and self._question.asks:
            return self._opened.scoring
        return await self._scoring_of(self._question)

    async def _scoring_of(self, question: Question) -> Scoring | None:
        if not question.asks:
            return None
        surveys = await self._searcher.ask(self._shards, "survey", self._version, self._moment, question)
        return scoring_of(surveys, question)

    async def _hits(self, merged: Merged) -> list[bytes]:
        query = self._query
        seen = moments.asked(query)
        scale = None if merged.scoring is None else merged.scoring.vector
        leaning = None
        if scale is not None and scale.leans and query.vector is not None:
            leans = tuple(each for each in scale.leans if each.modality in query.modality_vectors)
            leaning = Leaning(query.vector, query.modality_vectors, leans)
        wanted = more.wanted(self._request, self._question, self._understood, merged.scoring)
        own: list[tuple[int, tuple[Any, ...]]] = []
        places = [np.flatnonzero(merged.shards == at) for at in range(len(self._shards))]
        for shard, at in zip(self._shards, places, strict=True):
            if not len(at):
                continue
            page = Page(
                rows=merged.rows[at],
                scores=merged.scores[at].tolist(),
                lexical=None if merged.lexical is None else merged.lexical[at],
                vector=None if merged.vector is None else merged.vector[at],
                extras={name: extra[at] for name, extra in merged.extras.items()},
                query=query.vector,
                leaning=leaning,
                moment=seen,
                picture=query.modality_vectors.get("image"),
                explained=bool(self._request.explain),
                more=wanted or None,
            )
            own.append((shard, (self._moment, page)))
        answers = await self._searcher.ask_each("hits", self._version, own)
        found = [b""] * len(merged.rows)
        for at, hits in zip([at for at in places if len(at)], answers, strict=True):
            for place, hit in zip(at.tolist(), hits, strict=True):
                found[place] = hit
        return found

    def _response(self, merged: Merged, counted: facets.Counted, hits: list[bytes]) -> Answer:
        query, opened, label = self._query, self._opened, self._version.label
        following = None
        if merged.last is not None:
            held = cursor.fixed(
                label,
                self._digest,
                merged.scoring,
                query.heard,
                understood=self._understood,
                effects=self._asked.effects,
                query_id=self._query_id,
                meaning=self._asked.meaning,
                aims=query.aims,
            )
            shown = len(hits) + (0 if opened is None else opened.n)
            following = cursor.after(held, Begin(merged.last, shown))
        words = None
        if query.text and self._question.words:
            text = None if merged.scoring is None else merged.scoring.text
            words = told(self._understood, 0 if text is None else text.required)
        head: dict[str, Any] = {
            "collection": self._version.ref.collection,
            "version": label,
            "version_changed": opened is not None and opened.version != label,
            "total": merged.total,
            "words": words,
            **facets.told(counted),
            "next_cursor": following,
            "heard": None if query.heard is None else query.heard.model_dump(),
            "took_ms": round((time.perf_counter() - self._started) * 1e3, 3),
        }
        if self._plan is not None:
            head["plan"] = self._plan.told()
        if self._query_id is not None:
            head["query_id"] = self._query_id
        head |= Meaning.nothing() if self._asked.meaning is None else self._asked.meaning.told()
        head["did_you_mean"] = (
            corrected(self._request.text or "", self._understood.corrected)
            if self._understood.corrected
            else None
        )
        if self._asked.effects is not None:
            head |= self._asked.effects.told()
        if len(self._shards) < self._version.shards:
            head["partial"] = True
        return Answer(
            body=b"".join((to_json(head)[:-1], b',"hits":[', b",".join(hits), b"]}")),
            total=merged.total,
            hits=len(hits),
            first=opened is None,
            query_id=self._query_id,
            corrected=bool(self._understood.corrected),
            relaxed=self._asked.meaning is not None and bool(self._asked.meaning.relaxed),
        )


def _check_whole(request: SearchRequest) -> None:
    """Raise :class:`InvalidRequest` for what takes more of a version than a shard holds."""
    asked = (
        ("collapse", request.collapse, "one product of each group"),
        ("diversity", request.diversity > 0, "an order by what is alike"),
        ("sort", request.sort == "popularity", "an order by popularity"),
    )
    for name, given, what in asked:
        if given:
            raise InvalidRequest(
                name,
                f"{what} is not there while collections are split (serve.shards above 1): leave it out, or"
                " set MMPIPE_SERVE__SHARDS to 1",
            )
