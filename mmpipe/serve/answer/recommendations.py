"""Lists for shoppers, and the taste that their searches lean to: what a replica knows of them, asked.

Events that this replica accepts count here at once, those of the others within ``interactions.poll_seconds``
of being stored: a thread follows the log of every collection that is served.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mmpipe.errors import InvalidRequest, RetryableError
from mmpipe.recommend import Knowledge, Lists
from mmpipe.recommend.behaviour import BehaviourFollower, Shopper
from mmpipe.recommend.interest import ByInterest
from mmpipe.recommend.model import Recommenders
from mmpipe.recommend.sponsored import PaidEvent, SponsoredBook, open_sponsored
from mmpipe.serve.answer.trials import Trials

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from mmpipe.experiments import ArmSettings
    from mmpipe.lake import Lake
    from mmpipe.lake.interactions import Erasure, Pseudonyms
    from mmpipe.recommend.behaviour import Behaviour
    from mmpipe.schemas.recommend import RecommendationsRequest
    from mmpipe.schemas.search import SearchRequest
    from mmpipe.search import Version
    from mmpipe.search.find.taste import Taste
    from mmpipe.serve.answer.source import LiveVersion
    from mmpipe.settings import Settings

log = logging.getLogger(__name__)

_NOT_WHOLE = (
    "no list is available while collections are split (serve.shards above 1): set MMPIPE_SERVE__SHARDS to 1,"
    " or ask GET /v1/products/{product_id}/similar, which shards answer"
)
# A replica that starts waits for a log so long: two million events take a few seconds.
READ_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Known:
    """What a replica knows of one collection's shoppers: events in memory, bytes they take, seconds since the
    log was looked at in whole (None before); which switch of the recommender it follows, 0 for none; and what
    went wrong at the last looks, empty where nothing did."""

    events: int
    nbytes: int
    age_seconds: float | None
    recommender_generation: int
    log_error: str
    recommender_error: str


class Recommendations:
    """Of one replica. :meth:`start` follows what shoppers do; ``version_of`` gives a collection's live
    version where this process holds it. Calls may come from one event loop; what blocks for long runs in
    threads."""

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        version_of: Callable[[str], Version | None],
        erased: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``erased`` is told, on a thread, of a collection in which somebody was erased, by whichever
        replica."""
        self._weight = settings.serve.taste_weight
        self._lake = lake
        self._follower = BehaviourFollower(lake, erased=erased)
        self._models = Recommenders(lake, version_of=version_of)
        self._pseudonyms: Pseudonyms | None = None
        self._book: SponsoredBook | None = None
        self._settings = settings
        self._lists = Lists()
        # One: more would only take the interpreter's lock from one another.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recommendations")
        self._trials = Trials(lake)

    def start(self, collections: Sequence[str] = ()) -> None:
        """Follow from now on, on threads of its own; returns once what shoppers of ``collections`` did was
        read, after :data:`READ_SECONDS` whether or not. Raises ``StorageUnavailable`` where places are for
        sale and their key cannot be read."""
        self._follower.start()
        self._models.start()
        self._trials.start()
        for collection in collections:
            self.follow(collection)
        self._book = open_sponsored(self._settings, self._lake)
        until = time.monotonic() + READ_SECONDS
        for collection in collections:
            self._follower.wait_until_read(collection, max(until - time.monotonic(), 0.0))

    def close(self) -> None:
        """Follow no longer, and end the threads."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._follower.close()
        self._models.close()
        self._trials.close()
        if self._book is not None:
            self._book.close()

    def follow(self, collection: str) -> Behaviour:
        """What shoppers of a collection did, followed from now on."""
        self._models.follow(collection)
        self._trials.follow(collection)
        return self._follower.get(collection)

    def known(self) -> dict[str, Known]:
        """By collection that is followed. Touches memory only."""
        models = self._models.status()
        found = {}
        for name, log in self._follower.status().items():
            model = models.get(name)
            found[name] = Known(
                log.events,
                log.nbytes,
                log.age_seconds,
                0 if model is None else model.generation,
                log.error or "",
                "" if model is None else model.error or model.refused,
            )
        return found

    def accepted(self, collection: str, events: pa.Table) -> None:
        """Events that were just stored count here at once, and pay for the places that they name."""
        self._follower.get(collection).add(events)
        if self._book is not None:
            self._book.of(collection).accepted(_paid(events))

    async def forget(self, collection: str, erasure: Erasure) -> None:
        """Leave nothing of people who were erased; the other replicas follow within moments."""
        gone = dict.fromkeys(erasure.pseudonyms, erasure.at)
        await asyncio.to_thread(self._follower.get(collection).forget, gone)

    async def answer(self, version: LiveVersion, request: RecommendationsRequest) -> bytes:
        """A :class:`~mmpipe.schemas.recommend.RecommendationsResponse` as JSON. Raises ``UnknownProduct``,
        ``InvalidRequest``, also for a collection that is split among shards, none of which sees all of it."""
        whole = version.whole
        if whole is None:
            raise InvalidRequest("lists" if request.lists is not None else "kind", _NOT_WHOLE)
        shopper = await self._shopper(version.collection, request.user_id, request.session_id)
        known = self._known(version.collection)

        def make(asked: RecommendationsRequest, settings: ArmSettings) -> bytes:
            return self._lists.answer_json(whole, asked, shopper, _as_told(known, settings))

        lists = self._trials.lists
        if self._lists.quick(whole, request, known):
            # Here rather than in a thread, as searches: threads take the interpreter's lock from one another,
            # and each handing over may wait for it longer than such a list takes.
            return lists(version.collection, shopper, request, make)
        # Ten lists take ten times that, which the searches of others need not wait for.
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lists, version.collection, shopper, request, make)

    async def taste(self, version: LiveVersion, request: SearchRequest) -> Taste | None:
        """What a search leans to: None where nobody is named or known, and where it must not. A cursor brings
        its own."""
        shopper = await self._known_shopper(version, request)
        if shopper is None or version.whole is None:
            return None
        weight = self._trials.taste(version.collection, shopper, self._weight)
        known = self._known(version.collection)
        if self._lists.ready(version.whole, known):
            return self._lists.taste(version.whole, shopper, known, weight)
        return await asyncio.to_thread(self._lists.taste, version.whole, shopper, known, weight)

    async def ranker(self, version: LiveVersion, request: SearchRequest) -> ByInterest | None:
        """Who judges a search by what its shopper is probably interested in: None where nobody is named or
        known, where it must not be, and where nothing was learnt."""
        shopper = await self._known_shopper(version, request)
        if shopper is None:
            return None
        known = self._known(version.collection)
        if known.model is None or known.actions is None or not len(known.actions.history(shopper).items):
            return None
        return ByInterest(self._lists, shopper, known)

    async def popularity(
        self, version: LiveVersion, request: SearchRequest
    ) -> Callable[[Version], NDArray[np.float64] | None] | None:
        """What a search by popularity goes by; None for another order, and where no log is followed."""
        if request.sort != "popularity" or version.whole is None:
            return None
        known = self._known(version.collection)
        if not self._lists.ready(version.whole, known):
            await asyncio.to_thread(self._lists.popularity, version.whole, known)
        return lambda whole: self._lists.popularity(whole, known)

    async def _known_shopper(self, version: LiveVersion, request: SearchRequest) -> Shopper | None:
        """Whom the first page of a search is for, None where it is for everybody."""
        if not request.personalise or version.whole is None or request.cursor is not None:
            return None
        try:
            return await self._shopper(version.collection, request.user_id, request.session_id)
        except RetryableError as error:
            # Without the key nobody is known, which is no reason not to search.
            log.debug("searches know no shopper: %s", error)
            return None

    def _known(self, collection: str) -> Knowledge:
        sponsored = None if self._book is None else self._book.of(collection)
        return Knowledge(self.follow(collection), self._models.get(collection), time.time(), sponsored)

    async def _shopper(self, collection: str, user_id: str | None, session_id: str | None) -> Shopper | None:
        if user_id is None and session_id is None:
            return None
        names = self._pseudonyms
        if names is None:
            # The key is read once, from the settings or the lake.
            names = self._pseudonyms = await asyncio.to_thread(lambda: self._lake.pseudonyms)
        return Shopper(
            None if user_id is None else names.user(collection, user_id),
            None if session_id is None else names.session(collection, session_id),
        )


def _as_told(known: Knowledge, settings: ArmSettings) -> Knowledge:
    """Without what an arm leaves out."""
    if settings.model is not False and settings.sponsored is not False:
        return known
    model = None if settings.model is False else known.model
    sponsored = None if settings.sponsored is False else known.sponsored
    return replace(known, model=model, sponsored=sponsored)


def _paid(events: pa.Table) -> list[PaidEvent]:
    """The events that name an answer."""
    names = ["event_id", "type", "product_id", "query_id", "received_at"]
    return [PaidEvent(**row) for row in events.select(names).to_pylist() if row["query_id"] is not None]
