"""A request's media to what encoders take: base64, files or an address, all hostile until checked."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mmpipe import media
from mmpipe.encoders.base import EncoderInput, Modality
from mmpipe.errors import InvalidRequest, MediaNotAllowed
from mmpipe.objects import ObjectStore
from mmpipe.schemas.search import MediaInput, SearchRequest
from mmpipe.settings import MediaSettings

MEDIA_PARTS: tuple[Modality, ...] = ("image", "audio", "video")
_SCHEMES = frozenset({"data", "https"})


@dataclass(frozen=True, slots=True)
class ParsedSearch:
    """A search with the files that came beside it (a file stands for the same field of the request)."""

    request: SearchRequest
    uploads: Mapping[Modality, bytes] = field(default_factory=dict)


class QueryMedia:
    """Decodes the media of searches under the limits of ``settings``.

    Addresses may be ``data:`` or ``https://`` on an allowed host: a shopper must not be able to read the
    shop's bucket, its disk or its network through a query.
    """

    def __init__(self, settings: MediaSettings, store_for: Callable[[str], ObjectStore]) -> None:
        self._settings = settings
        self._fetcher = media.Fetcher(settings, store_for)

    def decode(self, parsed: ParsedSearch) -> dict[Modality, EncoderInput]:
        """Decoded media by modality. Blocks: decoding is CPU work and a fetch is network.

        Raises ``InvalidRequest`` for broken base64, ``InvalidMedia`` and its kinds for the rest, each
        naming the field.
        """
        inputs: dict[Modality, EncoderInput] = {}
        for modality, data in self._bytes(parsed).items():
            inputs[modality] = media.decode(modality, data, self._settings, modality)
        return inputs

    def _bytes(self, parsed: ParsedSearch) -> Mapping[Modality, bytes]:
        found = dict(parsed.uploads)
        for modality in MEDIA_PARTS:
            given: MediaInput | None = getattr(parsed.request, modality)
            if given is None:
                continue
            if given.data is not None:
                found[modality] = _base64(modality, given.data)
            elif given.uri is not None:
                found[modality] = self._fetch(modality, given.uri)
        return found

    def _fetch(self, modality: Modality, uri: str) -> bytes:
        try:
            scheme = urlsplit(uri).scheme.lower()
        except ValueError:
            raise InvalidRequest(
                f"{modality}.uri", "is not a URI; send https:// or data:, or base64 in 'data'"
            ) from None
        if scheme not in _SCHEMES:
            raise MediaNotAllowed(
                f"{modality}.uri",
                f"must be https:// on an allowed host, or data:, not {scheme[:20] or 'a relative path'}",
            )
        ref = media.MediaRef(field=f"{modality}.uri", modality=modality, uri=uri)
        return self._fetcher.fetch(ref).data


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
