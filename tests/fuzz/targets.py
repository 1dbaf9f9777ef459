"""What is given to us by others, each as a function of bytes: any bytes end in an answer or in a refusal.

A target raises where the code did what it must never do: an exception that is none of our refusals, or an
answer that is a 5xx. :data:`TARGETS` makes each by name; ``python -m tests.fuzz.mutation`` has atheris find
bytes for them, ``tests/fuzz/test_targets.py`` holds them to their seeds.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from mmpipe import catalogue, media
from mmpipe.encoders.base import Modality
from mmpipe.errors import InvalidEvent, InvalidFeed, InvalidMedia
from mmpipe.events import parse_message, plan
from mmpipe.schemas.interaction import Interaction
from mmpipe.settings import FeedSettings, IndexingSettings, MediaSettings

Target = Callable[[bytes], None]

FEEDS: Final = FeedSettings(max_bytes=2_000_000, max_row_bytes=200_000)
MEDIA: Final = MediaSettings(
    max_image_pixels=512 * 512,
    max_image_bytes=200_000,
    max_audio_bytes=200_000,
    max_audio_seconds=5,
    max_video_bytes=200_000,
    max_video_seconds=5,
    max_video_pixels=256 * 256,
    max_video_frames=2,
)
# The first byte of a search's input says how it is sent.
JSON, FORM, QUERY = b"j", b"f", b"q"
BOUNDARY: Final = "b"


def feeds(data: bytes) -> None:
    """A feed, under a name that says nothing of its format."""
    with suppress(InvalidFeed):
        for row in catalogue.read_feed(io.BytesIO(data), "s3://b/shop/feeds/feed", FEEDS, collection="shop"):
            if not any((row.product, row.delete_id, row.stock, row.reject)):
                raise AssertionError(f"row {row.row} says nothing")


def products(data: bytes) -> None:
    """``products/7.json``."""
    catalogue.read_product(data, "s3://b/shop/products/7.json", FEEDS, collection="shop")


def events(data: bytes) -> None:
    """A message of the upload queue."""
    with suppress(InvalidEvent):
        for event in parse_message(data.decode("utf-8", "replace")):
            plan(event, IndexingSettings())


def interactions(data: bytes) -> None:
    """One event of a shopper."""
    with suppress(ValidationError):
        Interaction.model_validate_json(data)


def _decoded(modality: Modality) -> Target:
    def target(data: bytes) -> None:
        with suppress(InvalidMedia):
            media.decode(modality, data, MEDIA, modality)

    return target


@contextmanager
def _searches() -> Iterator[Target]:
    from mmpipe.serve.http.api import create_app
    from mmpipe.serve.http.metrics import Metrics
    from tests.serve.conftest import (
        InProcessWork,
        catalogue,
        make_service,
        order_for,
        settings_for,
        write_feed,
    )

    with tempfile.TemporaryDirectory() as name, asyncio.Runner() as runner:
        settings = settings_for(Path(name)).model_copy(update={"media": MEDIA})
        feed = write_feed(Path(name), "all.jsonl", catalogue())
        InProcessWork(settings).indexer.execute([order_for(feed, settings)])
        service = make_service(settings)
        app = create_app(service, Metrics("fuzz"))

        def target(data: bytes) -> None:
            status, body = runner.run(_asked(app, data[:1], data[1:]))
            if status >= 500:
                raise AssertionError(f"{status}: {body[:500]!r}")

        try:
            yield target
        finally:
            service.close()


async def _asked(app: Any, kind: bytes, data: bytes) -> tuple[int, bytes]:
    """Status and body of a search that is sent in this way."""
    types = {JSON: "application/json", FORM: f"multipart/form-data; boundary={BOUNDARY}"}
    content_type = types.get(kind)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET" if content_type is None else "POST",
        "scheme": "http",
        "path": "/v1/search",
        "raw_path": b"/v1/search",
        "query_string": data if content_type is None else b"",
        "root_path": "",
        "headers": [(b"content-type", (content_type or "").encode()), (b"content-length", b"%d" % len(data))],
        "client": ("192.0.2.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    received = [{"type": "http.request", "body": b"" if content_type is None else data, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return received.pop() if received else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    body = b"".join(each.get("body", b"") for each in sent if each["type"] == "http.response.body")
    return int(sent[0]["status"]), body


TARGETS: Mapping[str, Callable[[], AbstractContextManager[Target]]] = {
    "feeds": lambda: nullcontext(feeds),
    "products": lambda: nullcontext(products),
    "events": lambda: nullcontext(events),
    "interactions": lambda: nullcontext(interactions),
    "searches": _searches,
    "pictures": lambda: nullcontext(_decoded("image")),
    "recordings": lambda: nullcontext(_decoded("audio")),
    "clips": lambda: nullcontext(_decoded("video")),
}
