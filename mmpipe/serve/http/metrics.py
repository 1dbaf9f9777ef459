"""What ``/metrics`` shows: requests, their latency, and which version each collection is served from.

One registry per replica, of the queries or of the indexer. Scraped through a load balancer each scrape
reaches some replica, so every series carries a ``replica`` label and never mixes two counters.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from statistics import quantiles
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.routing import Mount

from mmpipe.schemas.status import Latency
from mmpipe.serve.http.errors import CALLER_GONE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mmpipe.analytics import SearchCounts
    from mmpipe.serve.answer.recommendations import Known

_BUCKETS = (
    0.001,
    0.002,
    0.004,
    0.006,
    0.008,
    0.012,
    0.02,
    0.04,
    0.08,
    0.16,
    0.32,
    0.64,
    1.28,
    2.56,
    5.12,
    10.24,
)
CONTENT_TYPE = CONTENT_TYPE_LATEST
_SEARCHES: Final = "/v1/search"
_RECENT: Final = 1_000
_LEAST_SPAN_SECONDS: Final = 60.0


class Metrics:
    """Counters of one replica. ``refused`` tells how many requests no route has seen, by why."""

    def __init__(self, replica: str, refused: Callable[[], Mapping[str, int]] | None = None) -> None:
        self._refused = refused
        self._replica = replica
        self._registry = CollectorRegistry()
        labels = ("replica", "method", "route")
        self._requests = Counter(
            "mmpipe_http_requests", "Requests answered", (*labels, "status"), registry=self._registry
        )
        self._latency = Histogram(
            "mmpipe_http_request_seconds", "Time to answer", labels, buckets=_BUCKETS, registry=self._registry
        )
        # Apart, for not everybody who may see how the service does may see who its callers are.
        self._of_callers = CollectorRegistry()
        self._callers = Counter(
            "mmpipe_caller_requests",
            "Requests let in, by the name of the API key",
            ("replica", "caller"),
            registry=self._of_callers,
        )
        self._refusals = Gauge(
            "mmpipe_http_refused",
            "Requests refused at the door: overload, often (429), bodies (too many in parts), slow (408),"
            " malformed (no HTTP)",
            ("replica", "why"),
            registry=self._registry,
        )
        collection = ("replica", "collection")
        self._rows = Gauge(
            "mmpipe_snapshot_rows", "Products in the served version", collection, registry=self._registry
        )
        self._version = Gauge(
            "mmpipe_live_version",
            "Lance version of the served table",
            (*collection, "table"),
            registry=self._registry,
        )
        self._age = Gauge(
            "mmpipe_live_age_seconds",
            "Since the served version was last seen to be what is live",
            collection,
            registry=self._registry,
        )
        self._events = Gauge(
            "mmpipe_interactions_known", "Events of shoppers in memory", collection, registry=self._registry
        )
        self._events_bytes = Gauge(
            "mmpipe_interactions_bytes", "Memory that they take", collection, registry=self._registry
        )
        self._events_age = Gauge(
            "mmpipe_interactions_age_seconds",
            "Since the log was looked at in whole; absent before",
            collection,
            registry=self._registry,
        )
        self._recommender = Gauge(
            "mmpipe_recommender_generation",
            "Switches of the recommender that is followed; 0 while there is none",
            collection,
            registry=self._registry,
        )
        self._faults = Gauge(
            "mmpipe_follow_faults",
            "1 where the last look at the log or the recommender went wrong",
            (*collection, "what"),
            registry=self._registry,
        )
        self._searches = {
            name: Counter(f"mmpipe_{series}", meaning, collection, registry=self._registry)
            for name, series, meaning in (
                ("searches", "searches", "Searches answered, pages after the first apart"),
                ("empty", "searches_without_results", "Of them, those that found nothing"),
                ("dropped", "search_records_dropped", "Records of searches that could not be written"),
            )
        }
        self._told: dict[tuple[str, str], int] = {}
        self._recent: deque[tuple[float, float]] = deque(maxlen=_RECENT)
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. ``route`` is the route's pattern, so that the series stay few."""
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = (
                self._requests.labels(self._replica, method, route, str(status)),
                self._latency.labels(self._replica, method, route),
            )
        children[0].inc()
        children[1].observe(seconds)
        if route == _SEARCHES and status < 400:
            self._recent.append((time.monotonic(), seconds))

    def recent_searches(self) -> Latency:
        """How long the newest searches took that were answered well."""
        recent = list(self._recent)
        times = [1_000 * seconds for _, seconds in recent]
        # A burst after a pause is no load that lasts.
        span = max(_LEAST_SPAN_SECONDS, time.monotonic() - recent[0][0]) if recent else _LEAST_SPAN_SECONDS
        rate = round(len(times) / span, 4)
        if len(times) < 2:
            one = round(times[0], 2) if times else None
            return Latency(searches=len(times), p50_ms=one, p95_ms=one, per_second=rate)
        cuts = quantiles(times, n=20, method="inclusive")
        middle, high = round(cuts[9], 2), round(cuts[18], 2)
        return Latency(searches=len(times), p50_ms=middle, p95_ms=high, per_second=rate)

    def called(self, caller: str) -> None:
        """Count one request that was let in with the API key of this name."""
        self._callers.labels(self._replica, caller).inc()

    def render(
        self,
        served: Iterable[Mapping[str, object]],
        known: Mapping[str, Known] | None = None,
        searches: Mapping[str, SearchCounts] | None = None,
        ages: Mapping[str, float] | None = None,
        *,
        callers: bool = False,
    ) -> bytes:
        """Prometheus text. ``served``: mappings with ``collection``, ``table``, ``version`` and ``rows``;
        ``known``: what is known of shoppers, ``searches``: how many were answered, ``ages``: how old
        what answers is, by collection; with ``callers`` also requests by caller."""
        self._tell_known(known or {})
        self._tell_searches(searches or {})
        for why, count in ({} if self._refused is None else self._refused()).items():
            self._refusals.labels(self._replica, why).set(count)
        for gauge in (self._rows, self._version, self._age):
            gauge.clear()
        for name, age in (ages or {}).items():
            self._age.labels(self._replica, name).set(age)
        for entry in served:
            collection = str(entry["collection"])
            self._rows.labels(self._replica, collection).set(float(str(entry["rows"])))
            self._version.labels(self._replica, collection, str(entry["table"])).set(
                float(str(entry["version"]))
            )
        text: bytes = generate_latest(self._registry)
        return text + generate_latest(self._of_callers) if callers else text

    def _tell_searches(self, searches: Mapping[str, SearchCounts]) -> None:
        for collection, counts in searches.items():
            for name, counter in self._searches.items():
                now = getattr(counts, name)
                counter.labels(self._replica, collection).inc(now - self._told.get((name, collection), 0))
                self._told[name, collection] = now

    def _tell_known(self, known: Mapping[str, Known]) -> None:
        for gauge in (self._events, self._events_bytes, self._events_age, self._recommender, self._faults):
            gauge.clear()
        for name, status in known.items():
            labels = (self._replica, name)
            self._events.labels(*labels).set(status.events)
            self._events_bytes.labels(*labels).set(status.nbytes)
            if status.age_seconds is not None:
                self._events_age.labels(*labels).set(status.age_seconds)
            self._recommender.labels(*labels).set(status.recommender_generation)
            self._faults.labels(*labels, "interactions").set(bool(status.log_error))
            self._faults.labels(*labels, "recommender").set(bool(status.recommender_error))


def route_of(scope: Scope, prefix: str) -> str:
    """The pattern of the route that answered, under ``prefix``; ``unmatched`` where none did."""
    route = scope.get("route")
    # One process with both applications has them mounted, and the mount is found for every path.
    return "unmatched" if route is None or isinstance(route, Mount) else prefix + str(route.path)


class Measured:
    """ASGI middleware that counts every request under ``prefix`` and its route's pattern."""

    def __init__(self, app: ASGIApp, metrics: Metrics, prefix: str = "") -> None:
        self._app = app
        self._metrics = metrics
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except asyncio.CancelledError:
            status = CALLER_GONE  # Serve ends what nobody waits for any more
            raise
        finally:
            route = route_of(scope, self._prefix)
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self._metrics.observe(method, route, status, time.perf_counter() - begun)


_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
