"""A product's own pictures, recordings and clips: those that its live row names, fetched under the guards of
indexing, and handed out as what their bytes show them to be; and the photos of its reviews, drawn anew.

A caller names a product and a kind and a place in its list, or a photo, never an address.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from mmpipe import media
from mmpipe.errors import InvalidMedia, MediaTooLarge, NotFound
from mmpipe.objects import open_store, to_uri
from mmpipe.serve.answer.budget import Budget

if TYPE_CHECKING:
    from mmpipe.lake.reviews import HeldPhoto
    from mmpipe.media import MediaRef
    from mmpipe.objects import ObjectStore
    from mmpipe.schemas.product import PublicProduct
    from mmpipe.serve.answer.source import LiveVersion
    from mmpipe.settings import MediaSettings, Settings

Kind = Literal["image", "audio", "video"]


class Width(IntEnum):
    """Pixels across that a thumbnail may have: few, so that few are made."""

    SMALL = 160
    CARD = 320
    LARGE = 640
    FULL = 1280


# What a browser shows of itself; other pictures are handed out as JPEG. By the names of `image_kind`.
_SHOWN: Final = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
}
# By the names of `format_of`: as audio, and as video.
_PLAYED: Final = {
    "wav": ("audio/wav", None),
    "flac": ("audio/flac", None),
    "mp3": ("audio/mpeg", None),
    "aac": ("audio/aac", None),
    "ogg": ("audio/ogg", "video/ogg"),
    "mp4": ("audio/mp4", "video/mp4"),
    "matroska": ("audio/webm", "video/webm"),
    "avi": (None, "video/x-msvideo"),
    "mpegts": (None, "video/mp2t"),
}
# Of one medium, and of all that are held until they are sent.
MOST_BYTES: Final = 50_000_000
_HELD_BYTES: Final = 200_000_000
_HELD_SECONDS: Final = 5.0
# Thumbnails that were made lately, and clips and recordings, which players ask for range by range, for so
# long: a medium may be replaced where it lies.
_KEPT_BYTES: Final = 24_000_000
_KEPT_CLIP_BYTES: Final = 2 * MOST_BYTES
KEPT_SECONDS: Final = 60.0
_THREADS: Final = 8
_QUALITY: Final = 84
# Relative links lead nowhere there.
_NOWHERE: Final = "memory://nowhere/"
_NOT_SHOWN: Final = "this product has no such medium that may be shown here"


@dataclass(frozen=True, slots=True)
class Shown:
    """A medium as it is handed out; ``etag`` tells its bytes from others."""

    content_type: str
    data: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class _Asked:
    collection: str
    product_id: str
    kind: Kind
    number: int
    width: int | None = None
    photo: str = ""


class _Kept:
    """What was made lately, and what is being made: once for all who ask meanwhile. Of one event loop."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[_Asked, tuple[float, Shown]] = OrderedDict()
        self._making: dict[_Asked, asyncio.Task[Shown]] = {}

    async def get(self, asked: _Asked, make: Callable[[], Coroutine[None, None, Shown]]) -> Shown:
        """The medium, made where it is not at hand. Raises what ``make`` raises."""
        kept = self._kept.get(asked)
        if kept is not None and time.monotonic() - kept[0] < KEPT_SECONDS:
            self._kept.move_to_end(asked)
            return kept[1]
        making = self._making.get(asked)
        if making is None:
            making = self._making[asked] = asyncio.create_task(make())
            making.add_done_callback(lambda done: self._keep(asked, done))
        # Who goes away must not end it for the others.
        return await asyncio.shield(making)

    def _keep(self, asked: _Asked, done: asyncio.Task[Shown]) -> None:
        del self._making[asked]
        if done.cancelled() or done.exception() is not None:
            return
        before = self._kept.pop(asked, None)
        shown = done.result()
        self._kept[asked] = time.monotonic(), shown
        self._bytes += len(shown.data) - (0 if before is None else len(before[1].data))
        while self._bytes > self._most:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._bytes -= len(oldest.data)


class ProductMedia:
    """For one event loop, but for :meth:`close`. ``decoding`` bounds what is decoded at a time, in pixels;
    others may share it.

    Its calls raise ``UnknownProduct``; ``NotFound`` where the product's row names no such medium, where it
    may not be shown, is not stored or is none; ``MediaTooLarge``; ``Busy``, and a ``RetryableError`` where
    its place does not answer.
    """

    def __init__(self, settings: Settings, decoding: Budget) -> None:
        self._lake_uri = settings.lake.uri
        self._uploads_uri = settings.indexing.uploads_uri
        self._storage = settings.storage
        self._limits = _limits(settings.media)
        self._decoding = decoding
        self._held = Budget(_HELD_BYTES, _HELD_SECONDS)
        self._fetching = Budget(_HELD_BYTES, _HELD_SECONDS)
        self._thumbnails = Budget(_HELD_BYTES, _HELD_SECONDS)
        self._fetcher = media.Fetcher(self._limits, self._store_for)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="product-media")
        self._kept = _Kept(_KEPT_BYTES)
        self._clips = _Kept(_KEPT_CLIP_BYTES)

    @asynccontextmanager
    async def whole(
        self, version: LiveVersion, product_id: str, kind: Kind, number: int
    ) -> AsyncIterator[Shown]:
        """The medium of this kind at this place (of pictures the main one first, then the further ones), as
        it is stored. What it takes of memory counts until the ``async with`` ends."""
        asked = _Asked(version.collection, product_id, kind, number)
        if kind == "image":
            shown = await self._stored(version, asked)
        else:
            shown = await self._clips.get(asked, lambda: self._stored(version, asked))
        async with self._held.held(len(shown.data)):
            yield shown

    async def thumbnail(self, version: LiveVersion, product_id: str, number: int, width: int) -> Shown:
        """A picture as JPEG of at most ``width`` pixels across, never larger than it is."""
        asked = _Asked(version.collection, product_id, "image", number, width)
        return await self._kept.get(asked, lambda: self._made(version, asked))

    async def photo(
        self, collection: str, product_id: str, photo: str, width: int, held: Callable[[], HeldPhoto]
    ) -> Shown:
        """The photo of a review, which ``held`` looks up on a thread, likewise: drawn anew, so that where it
        was taken, and with what, is not handed out."""
        asked = _Asked(collection, product_id, "image", 0, width, photo)

        async def make() -> Shown:
            loop = asyncio.get_running_loop()
            async with self._thumbnails.held(media.max_bytes("image", self._limits)):
                data = await loop.run_in_executor(self._threads, lambda: self._fetched(self._leading(held())))
                return await self._drawn(data, width)

        return await self._kept.get(asked, make)

    def _leading(self, photo: HeldPhoto) -> MediaRef:
        """Where the link of a photo leads by the settings of now."""
        try:
            ref = media.resolve_link("photo", "image", photo.link, photo.root, self._limits)
        except InvalidMedia as error:
            raise NotFound(_NOT_SHOWN) from error
        if not self._is_ours(ref):
            raise NotFound(_NOT_SHOWN)
        return ref

    def close(self) -> None:
        """End the threads, without waiting for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _stored(self, version: LiveVersion, asked: _Asked) -> Shown:
        ref = await self._named(version, asked.product_id, asked.kind, asked.number)
        loop = asyncio.get_running_loop()
        # Nobody knows before how much it is; slow readers hold no more than that.
        async with self._fetching.held(media.max_bytes(ref.modality, self._limits)):
            data = await loop.run_in_executor(self._threads, self._fetched, ref)
            if asked.kind != "image":
                return _played(asked.kind, data)
            if (content_type := _SHOWN.get(media.image_kind(data) or "")) is not None:
                return _shown(content_type, data)
            return await self._drawn(data, None)

    async def _made(self, version: LiveVersion, asked: _Asked) -> Shown:
        ref = await self._named(version, asked.product_id, "image", asked.number)
        loop = asyncio.get_running_loop()
        # It goes on for the others when its callers leave, so what is under way has a bound of its own.
        async with self._thumbnails.held(media.max_bytes("image", self._limits)):
            data = await loop.run_in_executor(self._threads, self._fetched, ref)
            return await self._drawn(data, asked.width)

    async def _named(self, version: LiveVersion, product_id: str, kind: Kind, number: int) -> MediaRef:
        product, addresses = await version.media(product_id)
        fields = _fields(product, kind)
        if number >= len(fields):
            raise NotFound(_NOT_SHOWN)
        ref = await asyncio.to_thread(self._allowed, version.collection, product, addresses, fields[number])
        if ref is None:
            raise NotFound(_NOT_SHOWN)
        return ref

    def _root(self, collection: str, product: PublicProduct, addresses: list[str]) -> str:
        """What relative links start from, and links to stored objects have to be below unless they are
        allowed. Of the addresses that media were read from, those that links spell out say nothing of it: a
        bucket may have been allowed then, and not be now."""
        links = [product.image_link, *product.additional_image_link, product.audio_link, product.video_link]
        given = [link.strip() for link in links if link]
        own = [uri for uri in addresses if uri not in given]
        found = media.media_root(product, own, None) if any(":" not in link for link in given) else None
        if found is None and self._uploads_uri is not None:
            found = f"{to_uri(self._uploads_uri).rstrip('/')}/{collection}/"
        return found or _NOWHERE

    def _allowed(
        self, collection: str, product: PublicProduct, addresses: list[str], field: str
    ) -> MediaRef | None:
        refs, _ = media.resolve(product, self._root(collection, product, addresses), self._limits)
        ref = next((ref for ref in refs if ref.field == field), None)
        return ref if ref is not None and self._is_ours(ref) else None

    def _is_ours(self, ref: MediaRef) -> bool:
        """Files of this machine belong to lakes of this machine alone."""
        return not ref.uri.startswith("file:") or to_uri(self._lake_uri).startswith("file:")

    def _fetched(self, ref: MediaRef) -> bytes:
        try:
            return self._fetcher.fetch(ref).data
        except MediaTooLarge as error:
            raise MediaTooLarge(
                ref.field, f"holds more than {MOST_BYTES:,} bytes or than may be used"
            ) from error
        except InvalidMedia as error:
            # Its reason names the place, which is the shop's own affair.
            raise NotFound(_NOT_SHOWN) from error

    async def _drawn(self, data: bytes, width: int | None) -> Shown:
        loop = asyncio.get_running_loop()
        async with self._decoding.held(media.decoding_pixels("image", data, width)):
            return await loop.run_in_executor(self._threads, _drawn, data, width, self._limits)

    def _store_for(self, uri: str) -> ObjectStore:
        return open_store(uri, self._storage)


def _limits(settings: MediaSettings) -> MediaSettings:
    names = ("max_image_bytes", "max_audio_bytes", "max_video_bytes")
    return settings.model_copy(update={name: min(getattr(settings, name), MOST_BYTES) for name in names})


def _drawn(data: bytes, width: int | None, limits: MediaSettings) -> Shown:
    from PIL import Image

    try:
        pixels = media.decode("image", data, limits, "image", target=width)
    except InvalidMedia as error:
        raise NotFound(_NOT_SHOWN) from error
    picture = Image.fromarray(np.asarray(pixels))
    if width is not None and picture.width > width:
        height = max(1, round(picture.height * width / picture.width))
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return _shown("image/jpeg", buffer.getvalue())


def _fields(product: PublicProduct, kind: Kind) -> list[str]:
    """Where the links of a kind stand, as :func:`mmpipe.media.resolve` names them."""
    if kind == "image":
        main = ["image_link"] if product.image_link else []
        return main + [f"additional_image_link[{n}]" for n in range(len(product.additional_image_link))]
    return [f"{kind}_link"] if getattr(product, f"{kind}_link") else []


def _played(kind: Kind, data: bytes) -> Shown:
    types = _PLAYED.get(media.format_of(data) or "")
    found = None if types is None else types[0 if kind == "audio" else 1]
    if found is None:
        raise NotFound(_NOT_SHOWN)
    return _shown(found, data)


def _shown(content_type: str, data: bytes) -> Shown:
    return Shown(content_type, data, f'"{hashlib.sha256(data).hexdigest()[:32]}"')
