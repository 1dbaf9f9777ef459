"""A request's media to what encoders take: base64, files or an address, all hostile until checked."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from mmpipe import media
from mmpipe.encoders.base import EncoderInput, Modality
from mmpipe.errors import InvalidMedia, InvalidRequest
from mmpipe.schemas.search import MediaInput, SearchRequest
from mmpipe.serve.answer.budget import Budget
from mmpipe.serve.memory import give_back_memory
from mmpipe.settings import MediaSettings

MEDIA_PARTS: tuple[Modality, ...] = ("image", "audio", "video")
_THREADS = 8
# Pixels of which the allocator would keep tens of megabytes.
_LARGE = 4_000_000
# Smaller boxes of a picture are not decoded any larger.
_LEAST_BOX = 0.05


@dataclass(frozen=True, slots=True)
class ParsedSearch:
    """A search with the files that came beside it (a file stands for the same field of the request)."""

    request: SearchRequest
    uploads: Mapping[Modality, bytes] = field(default_factory=dict)


class QueryMedia:
    """Decodes the media of searches under the limits of ``settings``, on threads of its own: a slow host must
    not hold up what else runs in threads. All searches together hold no more at a time than ``budget``.

    Addresses are those that :func:`mmpipe.media.shown` allows; there is no store here that others could be
    read from.
    """

    def __init__(self, settings: MediaSettings, budget: Budget) -> None:
        self._settings = settings
        self._fetcher = media.Fetcher(settings)
        self._budget = budget
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="query-media")

    async def decode(self, parsed: ParsedSearch) -> dict[Modality, EncoderInput]:
        """Decoded media by modality.

        Raises ``InvalidRequest`` for broken base64, ``InvalidMedia`` and its kinds for the rest, each
        naming the field; ``Busy`` where other searches' media take too long.
        """
        loop = asyncio.get_running_loop()
        files, pixels = await loop.run_in_executor(self._threads, self._weighed, parsed)
        async with self._budget.held(pixels):
            return await loop.run_in_executor(self._threads, self._decoded, parsed, files, pixels)

    async def unwanted(self, request: SearchRequest) -> EncoderInput | None:
        """The decoded picture of what is not wanted, None without one; raises as :meth:`decode` does."""
        if request.unlike is None or request.unlike.image is None:
            return None
        try:
            decoded = await self.decode(ParsedSearch(SearchRequest(image=request.unlike.image)))
        except (InvalidRequest, InvalidMedia) as error:
            raise type(error)(f"not.{error.field}", error.reason) from None
        return decoded["image"]

    def close(self) -> None:
        """End the threads, without waiting for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _weighed(self, parsed: ParsedSearch) -> tuple[Mapping[Modality, bytes], int]:
        files = self._bytes(parsed)
        target = _target(parsed)
        return files, sum(media.decoding_pixels(modality, data, target) for modality, data in files.items())

    def _decoded(
        self, parsed: ParsedSearch, files: Mapping[Modality, bytes], pixels: int
    ) -> dict[Modality, EncoderInput]:
        try:
            decoded = {
                modality: media.decode(modality, data, self._settings, modality, target=_target(parsed))
                for modality, data in files.items()
            }
            picture, asked = decoded.get("image"), parsed.request.image
            if isinstance(picture, np.ndarray) and asked is not None and asked.crop is not None:
                decoded["image"] = media.cropped(picture, asked.crop, "image.crop")
            return decoded
        finally:
            if pixels > _LARGE:
                give_back_memory()

    def _bytes(self, parsed: ParsedSearch) -> Mapping[Modality, bytes]:
        found = dict(parsed.uploads)
        for modality in MEDIA_PARTS:
            given: MediaInput | None = getattr(parsed.request, modality)
            if given is None:
                continue
            if given.data is not None:
                found[modality] = _base64(modality, given.data)
            elif given.uri is not None:
                ref = media.shown(f"{modality}.uri", modality, given.uri, self._settings)
                found[modality] = self._fetcher.fetch(ref).data
        return found


def _target(parsed: ParsedSearch) -> int:
    """The shorter side that a picture may be reduced to, so that a box of it keeps what encoders look at."""
    box = None if parsed.request.image is None else parsed.request.image.crop
    if box is None:
        return media.DEFAULT_TARGET
    least = min(box[2] - box[0], box[3] - box[1])
    return int(media.DEFAULT_TARGET / max(least, _LEAST_BOX))


def has_media(parsed: ParsedSearch) -> bool:
    """Whether anything has to be decoded."""
    asked = parsed.request
    return (
        bool(parsed.uploads) or asked.image is not None or asked.audio is not None or asked.video is not None
    )


def _base64(modality: Modality, text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(
            f"{modality}.data", f"is not valid base64 ({error}); encode the file's bytes as base64"
        ) from None
    if not data:
        raise InvalidRequest(f"{modality}.data", "is empty; send the file's bytes or leave the field out")
    return data
