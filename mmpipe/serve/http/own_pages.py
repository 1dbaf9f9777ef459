"""Which web pages may change something where no key is asked for on this machine.

A service on a loopback address without keys trusts whoever runs programs here. A web page that is open in a
browser here is nobody's program: a name of its own that is made to lead to 127.0.0.1 (DNS rebinding) would
let it upload, roll back and set rules. Browsers say with every change whose page asks (``Origin``), and a
page that came by such a name says that name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.requests import Request

from mmpipe.serve.http.errors import Forbidden
from mmpipe.serve.http.keys import asks_nobody_here
from mmpipe.serve.http.methods import READING
from mmpipe.serve.http.openapi import problems
from mmpipe.serve.ucp.names import is_local

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI

    from mmpipe.settings import Settings


class OwnPages:
    """A dependency of the routes by which people run a shop: without keys on a loopback address changes come
    from no page but this machine's, that of ``ucp.public_url``, and those of ``serve.cors_origins``."""

    def __init__(self, settings: Settings) -> None:
        self._asked = asks_nobody_here(settings.serve)
        named = [origin for each in settings.serve.cors_origins.values() for origin in each]
        if settings.ucp.public_url is not None:
            parts = urlsplit(settings.ucp.public_url)
            named.append(f"{parts.scheme}://{parts.netloc}")
        self._named = frozenset(named)

    def include(self, app: FastAPI, router: APIRouter) -> None:
        """Put the router's routes into ``app``, each under this, and say so in OpenAPI."""
        if not self._asked:
            app.include_router(router)
            return
        for route in router.routes:
            if isinstance(route, APIRoute) and not READING.issuperset(route.methods or ()):
                route.responses = {**route.responses, **problems(403)}
        app.include_router(router, dependencies=[Depends(self)])

    async def __call__(self, request: Request) -> None:
        """Raises :class:`Forbidden`."""
        if not self._asked or request.method in READING:
            return
        for origin in request.headers.getlist("origin"):
            if origin not in self._named and not is_local(_host_of(origin)):
                raise Forbidden(
                    "Origin",
                    "this page may change nothing here: a service without keys takes changes from this"
                    " machine's own pages; open the page at 127.0.0.1, or set API keys",
                )


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).hostname or ""
    except ValueError:
        return ""
