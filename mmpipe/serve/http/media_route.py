"""``GET /v1/products/{product_id}/media/{kind}/{number}``: a product's own pictures, recordings and clips;
``GET /v1/products/{product_id}/reviews/photos/{photo}``: the photos of its reviews.

Answers whole, or one range of bytes (RFC 9110, section 14), without which browsers do not seek in clips.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from mmpipe.errors import InvalidRequest
from mmpipe.serve.answer.product_media import Kind, Width
from mmpipe.serve.http.backlog import leave
from mmpipe.serve.http.openapi import problems

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from mmpipe.serve.answer.product_media import Shown
    from mmpipe.serve.answer.service import QueryService

PATH: Final = "/v1/products/{product_id}/media/{kind}/{number}"
PHOTO_PATH: Final = "/v1/products/{product_id}/reviews/photos/{photo}"
_DESCRIPTION = (
    "What the product's row names, if it may be followed: `image` 0 is `image_link`, 1 and on are"
    " `additional_image_link`; `audio` and `video` have 0 alone. Fetched under the guards of indexing. With"
    " `width` a picture comes as JPEG of at most so many pixels across."
)
# As long as thumbnails are kept here; then asked again by ETag.
_CACHED: Final = "private, max-age=60, stale-while-revalidate=600"
_RANGE: Final = re.compile(r"bytes=(\d{0,12})-(\d{0,12})", re.ASCII)
MOST_NUMBER: Final = 20
_PIECE: Final = 256_000
# A caller has so long to take a piece.
_TAKEN_SECONDS: Final = 30.0


def add_media_route(public: APIRouter, service: QueryService) -> None:
    """Add the route to a router of callers who may search."""

    @public.get(
        PATH,
        summary="A picture, recording or clip of a product",
        description=_DESCRIPTION,
        response_class=Response,
        responses={
            200: {
                "description": "The medium; its type follows from its content",
                "content": {"image/*": {}, "audio/*": {}, "video/*": {}},
            },
            206: {"description": "The range that was asked for"},
            304: {"description": "It is what `If-None-Match` names"},
            **problems(404, 413, 414, 416, 422, 503),
        },
        tags=["products"],
    )
    async def product_media(
        request: Request,
        product_id: Annotated[str, Path(max_length=128, description="the product's id in its feed")],
        kind: Kind,
        number: Annotated[int, Path(ge=0, le=MOST_NUMBER, description="its place among those of its kind")],
        width: Annotated[
            Width | None, Query(description="of a picture: pixels across at most; unless given as stored")
        ] = None,
        collection: Annotated[str | None, Query(max_length=63)] = None,
    ) -> Response:
        return await medium(request, service, collection, product_id, kind, number, width)

    @public.get(
        PHOTO_PATH,
        summary="The photo of a review",
        description="As JPEG, drawn anew: nothing of where and with what it was taken is in it. It is a"
        " shopper's picture, by whom is not told.",
        response_class=Response,
        responses={
            200: {"description": "The photo", "content": {"image/jpeg": {}}},
            304: {"description": "It is what `If-None-Match` names"},
            **problems(404, 413, 414, 422, 503),
        },
        tags=["products"],
    )
    async def review_photo(
        request: Request,
        product_id: Annotated[str, Path(max_length=128, description="the product's id in its feed")],
        photo: Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="as the product's reviews name it")],
        width: Annotated[Width, Query(description="pixels across at most")] = Width.LARGE,
        collection: Annotated[str | None, Query(max_length=63)] = None,
    ) -> Response:
        leave(request.scope)
        return _answer(request, await service.review_photo(collection, product_id, photo, width))


async def medium(
    request: Request, service: QueryService, collection: str | None, product_id: str, kind: Kind, number: int,
    width: Width | None = None,
) -> Response:  # fmt: skip
    """A medium of a product, whole or the part that a request asks for; of a picture also one of a ``width``.
    Raises what :class:`~mmpipe.serve.answer.product_media.ProductMedia` does, and ``InvalidRequest``."""
    if width is not None and kind != "image":
        raise InvalidRequest("width", "is for pictures alone; leave it out")
    # It is fetched and drawn on other threads, which have bounds of their own: a page of pictures is no
    # queue of searches.
    leave(request.scope)
    if width is not None:
        return _answer(request, await service.product_thumbnail(collection, product_id, number, width))
    async with AsyncExitStack() as held:
        shown = await held.enter_async_context(service.product_medium(collection, product_id, kind, number))
        return _Sent(_answer(request, shown), held.pop_all())


class _Sent(Response):
    """A response in pieces, each sent once the caller has taken the one before; ``held`` ends with it."""

    def __init__(self, whole: Response, held: AsyncExitStack) -> None:
        self.status_code, self.body, self.background = whole.status_code, whole.body, None
        self.raw_headers = whole.raw_headers
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        async with self._held:
            start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(start)
            for at in range(0, max(1, len(self.body)), _PIECE):
                piece, more = bytes(self.body[at : at + _PIECE]), at + _PIECE < len(self.body)
                try:
                    async with asyncio.timeout(_TAKEN_SECONDS):
                        await send({"type": "http.response.body", "body": piece, "more_body": more})
                except TimeoutError:
                    return  # who reads no more, as a player that pauses, asks for the rest again


def _answer(request: Request, shown: Shown) -> Response:
    headers = {"ETag": shown.etag, "Cache-Control": _CACHED, "Accept-Ranges": "bytes"}
    headers["Vary"] = "Authorization"  # a key stands for its collection
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if shown.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    size = len(shown.data)
    part = _part(request, size, shown.etag)
    if part is None:
        return Response(shown.data, media_type=shown.content_type, headers=headers)
    begin, end = part
    if begin >= end:
        raise HTTPException(416, headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    return Response(shown.data[begin:end], 206, media_type=shown.content_type, headers=headers)


def _part(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """From where to where is asked for; None for all of it, also where the range is of no kind known here."""
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if asked is None or asked[0] == "bytes=-" or request.headers.get("if-range", etag) != etag:
        return None
    first, last = asked.groups()
    if not first:
        return max(0, size - int(last)), size if int(last) else 0
    if last and int(last) < int(first):
        return None
    return int(first), min(size, int(last) + 1) if last else size
