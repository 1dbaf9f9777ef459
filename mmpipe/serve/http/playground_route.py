"""``GET /`` and ``GET /playground/…``: the page for people, where the settings say that there is one.

A fixed table of files; what a caller names is looked up in it and never becomes a path. The page may load
what this service has, and nothing from anywhere else; no script but its own modules runs on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mmpipe.serve.http.keys import asks_nobody_here
from mmpipe.serve.playground import PAGE, StaticFile, static_files

if TYPE_CHECKING:
    from mmpipe.settings import ServeSettings

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
    " media-src 'self' blob:; connect-src 'self'; form-action 'none'; frame-ancestors 'none';"
    " base-uri 'none'"
)
# The microphone is the page's own; everything else that a browser could ask for is not needed.
_PERMISSIONS: Final = "microphone=(self), camera=(), geolocation=(), payment=(), usb=()"


def has_playground(serve: ServeSettings) -> bool:
    """Whether ``/`` answers with the page: as ``serve.playground`` says, and where nobody has said, on a
    loopback address that asks for no key."""
    if serve.playground is not None:
        return serve.playground
    return asks_nobody_here(serve)


def playground_router() -> APIRouter:
    """The routes. They need no key: the page holds nothing of the shop's, and asks for one where calls do."""
    router = APIRouter(include_in_schema=False)
    held = static_files()

    @router.get("/")
    async def page(request: Request) -> Response:
        return _answer(request, held[PAGE])

    @router.get("/playground/{name:path}")
    async def file(request: Request, name: str) -> Response:
        found = held.get(name)
        if found is None:
            raise HTTPException(404)
        return _answer(request, found)

    return router


def _answer(request: Request, file: StaticFile) -> Response:
    headers = {
        # Asked every time, answered by 304: a new release is a new page at once.
        "Cache-Control": "no-cache",
        "ETag": file.etag,
        "Vary": "Accept-Encoding",
        "Content-Security-Policy": POLICY,
        "Permissions-Policy": _PERMISSIONS,
    }
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if file.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    data = file.data
    if file.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        data = file.gzipped
        headers["Content-Encoding"] = "gzip"
    return Response(data, media_type=file.content_type, headers=headers)
