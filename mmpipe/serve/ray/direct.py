"""What a replica computes at once goes to its application directly.

Serve makes ids, a description, tasks and metrics of every request that comes to a replica by HTTP; beside an
answer that takes half a millisecond these are a good part of the work. Requests that the proxy marks
(:data:`mmpipe.serve.ray.haproxy.AT_ONCE`) pass them by. They count as ongoing meanwhile, for by that Serve
scales, and knows when a replica may end. What uvicorn makes of forwarded addresses holds for them as well.
"""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_log = logging.getLogger("mmpipe.serve")


class Direct:
    """The way to ``app`` past what Serve puts around it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        # With what the server was given, so that no other object gets its address.
        self._found: tuple[object, ASGIApp | None] | None = None

    def __call__(self, served: Any) -> ASGIApp | None:
        """The shorter form of what uvicorn ``served`` for this process's replica; None where that is anything
        else than Serve 2.60 makes of it, which is then to be asked as it is."""
        if self._found is None or self._found[0] is not served:
            try:
                shorter = self._shortened(served)
            except (ImportError, AttributeError, TypeError) as error:
                shorter = self._none(f"it is of another release: {error}")
            self._found = served, shorter
        return self._found[1]

    def _shortened(self, served: Any) -> ASGIApp | None:
        from ray.serve._private.common import RequestMetadata, RequestProtocol
        from ray.serve._private.http_util import RequestIdMiddleware
        from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

        if not isinstance(served, ProxyHeadersMiddleware) or not isinstance(served.app, RequestIdMiddleware):
            return self._none("it has another middleware")
        replica: Any = getattr(served.app._app, "__self__", None)
        if replica is None:
            return self._none("it has another middleware")
        if replica._user_callable_wrapper._run_user_code_in_separate_thread:
            return self._none("its application runs in a thread of its own")
        ongoing: Any = replica._metrics_manager
        begun, ended = ongoing.inc_num_ongoing_requests, ongoing.dec_num_ongoing_requests
        counted = RequestMetadata(
            request_id="",
            internal_request_id="",
            _request_protocol=RequestProtocol.HTTP,
            is_direct_ingress=True,
        )
        app = self._app

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            begun(counted)
            try:
                await app(scope, receive, send)
            finally:
                ended(counted)

        shorter: Any = copy.copy(served)
        shorter.app = answer
        found: ASGIApp = shorter
        return found

    def _none(self, why: str) -> ASGIApp | None:
        _log.warning("Serve's replica is asked the long way", extra={"reason": why})
        return None
