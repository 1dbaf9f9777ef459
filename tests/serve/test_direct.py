"""The way past Serve's wrapping: what it keeps of it, and that it is taken where it fits alone."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from mmpipe.serve.http.bounded_protocol import AT_ONCE
from mmpipe.serve.ray import haproxy
from mmpipe.serve.ray.direct import Direct

pytest.importorskip("ray")


class Ongoing:
    """Counts as Serve does."""

    def __init__(self) -> None:
        self.now = 0

    def inc_num_ongoing_requests(self, _: Any) -> None:
        self.now += 1

    def dec_num_ongoing_requests(self, _: Any) -> None:
        self.now -= 1


class Replica:
    """What there is of Serve's."""

    def __init__(self, *, thread: bool = False) -> None:
        self._metrics_manager = Ongoing()
        self._user_callable_wrapper = SimpleNamespace(_run_user_code_in_separate_thread=thread)
        self.asked = 0

    async def answer(self, *_: Any) -> None:
        self.asked += 1

    def served(self) -> ProxyHeadersMiddleware:
        """As Serve and uvicorn make it."""
        from ray.serve._private.http_util import _apply_middlewares

        return ProxyHeadersMiddleware(_apply_middlewares(self.answer, []), trusted_hosts="127.0.0.1")


def _scope() -> dict[str, Any]:
    headers = [(b"x-forwarded-for", b"203.0.113.9"), AT_ONCE]
    return {"type": "http", "client": ("127.0.0.1", 1), "headers": headers}


def test_a_request_goes_to_the_application_and_counts_as_ongoing() -> None:
    replica = Replica()
    seen: list[tuple[int, str]] = []

    async def app(scope: Any, *_: Any) -> None:
        seen.append((replica._metrics_manager.now, scope["client"][0]))
        if len(seen) == 2:
            raise RuntimeError("broken")

    way = Direct(app)
    shorter = way(replica.served())
    assert shorter is not None
    asyncio.run(shorter(_scope(), None, None))
    with pytest.raises(RuntimeError, match="broken"):
        asyncio.run(shorter(_scope(), None, None))
    # The caller's own address, by which it is held to its share.
    assert seen == [(1, "203.0.113.9")] * 2
    assert (replica._metrics_manager.now, replica.asked) == (0, 0)


def test_what_serve_made_in_another_way_is_asked_as_it_is() -> None:
    async def app(*_: Any) -> None:
        raise AssertionError("nobody asks it")

    way, served = Direct(app), Replica().served()
    assert way(served) is way(served)
    threaded = Replica(thread=True).served()
    uncounted = Replica()
    del uncounted._metrics_manager
    wrapped = ProxyHeadersMiddleware(served, trusted_hosts="127.0.0.1")
    for other in (app, served.app, wrapped, threaded, uncounted.served()):
        assert way(other) is None
    assert way(served) is not None


def test_serve_is_the_release_that_this_knows() -> None:
    """Where this fails, requests go the long way: see what the new release of Ray does with them."""
    from ray.serve._private.replica import Replica as Real
    from ray.serve._private.replica import ReplicaMetricsManager as Metrics

    assert hasattr(Real, "_direct_ingress_asgi")
    assert hasattr(Metrics, "inc_num_ongoing_requests")
    assert hasattr(Metrics, "dec_num_ongoing_requests")


def test_the_proxy_marks_what_the_replica_looks_for() -> None:
    assert haproxy.AT_ONCE.encode().split() == list(AT_ONCE)
