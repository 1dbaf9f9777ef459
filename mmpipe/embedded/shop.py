"""A lake in this process: indexed and asked without a service, by the service's own code."""

from __future__ import annotations

import threading
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import PurePath
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from mmpipe.client.asking import SearchOptions, model_of, search_of
from mmpipe.embedded.indexed import MOST_REJECTS, IndexReport, Progress, shown_to
from mmpipe.embedded.loop import Closed, LoopThread
from mmpipe.embedded.results import Pictures, Results
from mmpipe.errors import InvalidRequest, MmpipeError, NotReady, ObjectNotFound
from mmpipe.schemas.interaction import Interaction, InteractionsResponse
from mmpipe.schemas.names import COLLECTION_PATTERN
from mmpipe.schemas.product import PublicProduct
from mmpipe.schemas.recommend import Kind, RecommendationsRequest, RecommendationsResponse, Recommended
from mmpipe.schemas.review import ProductReviews
from mmpipe.schemas.search import Filters, Hit, SearchResponse
from mmpipe.schemas.suggest import Suggestion, SuggestParams, SuggestResponse
from mmpipe.settings import Settings, load_settings

if TYPE_CHECKING:
    from mmpipe.serve.answer.service import QueryService

T = TypeVar("T")
_DEFAULT_COLLECTION = "catalogue"


class Shop:
    """One lake, and of it one ``collection``: the lake's only one unless named.

    Models and the live version are loaded by the first question. Calls may come from any thread, also from
    one whose event loop runs; they block. Questions raise what the service's routes answer as problems:
    ``InvalidRequest``, ``NotFound``, ``NotReady``, ``InvalidMedia`` and their kinds. Searches are answered
    as over HTTP, but not recorded for analytics.
    """

    def __init__(
        self,
        lake: str | PurePath = "./lake",
        *,
        collection: str | None = None,
        settings: Settings | None = None,
    ) -> None:
        """``settings``: unless given those of the environment. Raises pydantic's ``ValidationError`` for
        these, ``InvalidRequest`` for what cannot name a collection."""
        if collection is not None and not COLLECTION_PATTERN.fullmatch(collection):
            raise InvalidRequest(
                "collection",
                f"{collection[:80]!r} must be lower-case letters, digits, '-' and '_', and not 'models'",
            )
        given = load_settings() if settings is None else settings
        self.settings = _for_one_process(given, str(lake))
        self.collection = collection
        self._service: QueryService | None = None
        self._loop: LoopThread | None = None
        self._lock = threading.RLock()
        self._closed = False

    def index(
        self, feed: str | PurePath, *, replace: bool = False, progress: Progress | bool | None = None
    ) -> IndexReport:
        """Index a feed file with its media, a shop's own export or any list of products, and publish it; the
        searches after see it. A collection's first feed makes it.

        ``replace``: the feed is the whole catalogue, products that it lacks are deleted. ``progress``: a
        function of rows read and of all rows (None while unknown), or whether a line on stderr tells it;
        unless given, where somebody looks. Raises ``InvalidRequest`` for what is not there, ``MmpipeError``
        for a feed that cannot be read; a row that cannot be used is in the report.
        """
        from mmpipe.indexing import execute_file
        from mmpipe.lake import open_lake

        self._check_open()
        lake = open_lake(self.settings)
        name = self.collection or _only(lake.collections())
        settings = self.settings
        if replace:
            feeds = settings.feeds.model_copy(update={"replace": (*settings.feeds.replace, name)})
            settings = settings.model_copy(update={"feeds": feeds})
        with shown_to(progress, f"indexing {PurePath(feed).name}") as told:
            try:
                record = execute_file(
                    settings, feed, name, progress=lambda read, _i, _r, total: told(read, total)
                )
            except ObjectNotFound:
                raise InvalidRequest("feed", f"there is nothing at {str(feed)[:300]}") from None
        if record.status == "failed":
            raise MmpipeError(f"{str(feed)[:300]}: {record.error}")
        rejects = lake.collection(name).rejects.list(run_id=record.run_id, limit=MOST_REJECTS)
        with self._lock:
            if self._service is not None:
                self._service.refresh()
        return IndexReport(name, record, rejects)

    def search(
        self, text: str | None = None, **options: Unpack[SearchOptions]
    ) -> Results[Hit, SearchResponse]:
        """Search by any mix of text, ``image``, ``audio`` and ``video`` (paths, bytes, ``https://`` on
        allowed hosts, PIL images), under ``filters``; see
        :class:`~mmpipe.client.asking.SearchOptions`."""
        from mmpipe.serve.answer.query_media import ParsedSearch

        asked = search_of(text, {"collection": self.collection, **options})
        service = self._ready()
        if "audio" in asked.files or asked.request.audio is not None:
            # A query that is spoken should meet the catalogue's words.
            service.voice.adapt(self.collection)
        body = self._wait(service.search(ParsedSearch(asked.request, asked.files)))  # type: ignore[arg-type]
        return self._found(SearchResponse.model_validate_json(body), text or "search")

    def similar(
        self, product_id: str, *, limit: int = 20, filters: Filters | Mapping[str, Any] | None = None
    ) -> Results[Hit, SearchResponse]:
        """Products like this one."""
        wanted = None if filters is None else model_of(Filters, _plain(filters))
        if not 1 <= limit <= 100:
            raise InvalidRequest("limit", "must be 1 to 100")
        body = self._wait(
            self._ready().similar(product_id, collection=self.collection, limit=limit, filters=wanted)
        )
        return self._found(SearchResponse.model_validate_json(body), f"like {product_id}")

    def recommend(
        self, kind: Kind = "for_you", **asked: Any
    ) -> Results[Recommended, RecommendationsResponse]:
        """One list of a kind; ``user_id``, ``session_id``, ``product_ids``, ``limit``, ``filters`` and the
        rest are those of :class:`~mmpipe.schemas.recommend.RecommendationsRequest`. What was given instead,
        where too little is known, is ``response.lists[0].fallback``."""
        request = model_of(RecommendationsRequest, {"collection": self.collection, "kind": kind, **asked})
        body = self._wait(self._ready().recommend(request))
        response = RecommendationsResponse.model_validate_json(body)
        (found,) = response.lists
        about = kind if found.fallback is None else f"{kind}: {found.fallback}"
        return Results(found.items, response, about, self._thumbnails(response.collection))

    def suggest(self, q: str = "", **asked: Any) -> list[Suggestion]:
        """What may be meant by what was typed so far; see
        :class:`~mmpipe.schemas.suggest.SuggestParams`."""
        params = model_of(SuggestParams, {"collection": self.collection, "q": q, **asked})
        body = self._wait(self._ready().suggest(params))
        return SuggestResponse.model_validate_json(body).suggestions

    def product(self, product_id: str) -> PublicProduct:
        """What is public of one product, as it is live."""
        from mmpipe.schemas.product import ProductResponse

        body = self._wait(self._ready().product(self.collection, product_id))
        return ProductResponse.model_validate_json(body).product

    def reviews(self, product_id: str) -> ProductReviews:
        """What a product's reviews add up to."""
        return ProductReviews.model_validate_json(
            self._wait(self._ready().reviews(self.collection, product_id))
        )

    def interact(self, *events: Interaction | Mapping[str, Any], **event: Any) -> InteractionsResponse:
        """Store what shoppers did, durably once this returns: events, or one by its fields, as in
        ``interact(type="view", session_id="s1", product_id="p1")``. Bad ones are in ``rejected``."""
        given = [*events, *([event] if event else [])]
        if not given:
            raise InvalidRequest("events", "give one at least, or its fields")
        plain = [each if isinstance(each, Interaction) else dict(each) for each in given]
        return self._wait(self._ready().record(self.collection, plain))

    def close(self) -> None:
        """Store what waits, and end every thread. Twice is once."""
        with self._lock:
            self._closed = True
            if self._service is not None and self._loop is not None:
                self._loop.wait(self._service.drain())
                self._service.close()
                self._loop.close()
                self._service = self._loop = None

    def __enter__(self) -> Shop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Shop({self.settings.lake.uri!r}, collection={self.collection!r})"

    def _ready(self) -> QueryService:
        from mmpipe.serve.answer.query_encoder import LocalQueryEncoder, Models
        from mmpipe.serve.answer.service import QueryService

        with self._lock:
            self._check_open()
            if self._service is None:
                settings = self.settings
                encoder = LocalQueryEncoder(Models(settings.serve.encoder_threads, settings))
                service = QueryService(settings, encoder, listen=False)
                loop = LoopThread("mmpipe-shop")
                loop.wait(service.start())
                self._service, self._loop = service, loop
            return self._service

    def _wait(self, call: Coroutine[Any, Any, T]) -> T:
        loop = self._loop
        if loop is None:
            call.close()
            raise NotReady("this shop was closed: open it again")
        try:
            return loop.wait(call)
        except Closed:
            raise NotReady("this shop was closed: open it again") from None

    def _check_open(self) -> None:
        if self._closed:
            raise NotReady("this shop was closed: open it again")

    def _found(self, response: SearchResponse, about: str) -> Results[Hit, SearchResponse]:
        told = f"{about}: {response.total:,} found, {len(response.hits)} shown, {response.took_ms:.1f} ms"
        return Results(response.hits, response, told, self._thumbnails(response.collection))

    def _thumbnails(self, collection: str) -> Pictures:
        def pictures(ids: Sequence[str]) -> Mapping[str, str]:
            from mmpipe.embedded.pictures import thumbnails

            with self._lock:
                service, loop = self._service, self._loop
            if service is None or loop is None:
                return {}
            return loop.wait(thumbnails(service, collection, ids))

        return pictures


def _for_one_process(settings: Settings, lake: str) -> Settings:
    """The lake that is named; worker processes only where their number is set (they start a script's main
    module again, which has to be guarded); and no record of searches, which are no shopper's."""
    changed: dict[str, Any] = {
        "lake": settings.lake.model_copy(update={"uri": lake}),
        "analytics": settings.analytics.model_copy(update={"enabled": False}),
    }
    if settings.indexing.workers == 0:
        changed["indexing"] = settings.indexing.model_copy(update={"workers": 1})
    return settings.model_copy(update=changed)


def _only(names: Sequence[str]) -> str:
    if len(names) > 1:
        raise InvalidRequest(
            "collection",
            f"the lake holds {', '.join(names)}: say which, as in open(…, collection={names[0]!r})",
        )
    return names[0] if names else _DEFAULT_COLLECTION


def _plain(filters: Filters | Mapping[str, Any]) -> Mapping[str, Any]:
    return filters.model_dump(exclude_none=True) if isinstance(filters, Filters) else filters
