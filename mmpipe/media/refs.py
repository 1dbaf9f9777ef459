"""What a product's links mean, and which of them may be followed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mmpipe.encoders.base import Modality
from mmpipe.errors import InvalidMedia, MediaNotAllowed, MediaTooLarge
from mmpipe.media.hosts import check_url
from mmpipe.objects import InvalidAddress, check_key, join, split_s3, to_path, to_uri
from mmpipe.schemas.product import Product
from mmpipe.settings import MediaSettings

_SCHEME: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):")
_MAX_LINK: Final = 2_000


@dataclass(frozen=True, slots=True)
class MediaRef:
    """One medium of a product: ``uri`` is resolved (``s3://``, ``file://``, ``https://`` or ``data:``).

    ``field`` names where the link stood, as ``image_link`` or ``additional_image_link[2]``.
    """

    field: str
    modality: Modality
    uri: str


@dataclass(frozen=True, slots=True)
class MediaBytes:
    """A medium as fetched. ``sha256`` is of ``data``, in hex; ``etag`` and ``last_modified`` as its place
    told.
    """

    ref: MediaRef
    data: bytes
    sha256: str
    etag: str | None = None
    last_modified: datetime | None = None


def max_bytes(modality: Modality, settings: MediaSettings) -> int:
    """The size limit of one file of this modality."""
    limits = {"audio": settings.max_audio_bytes, "video": settings.max_video_bytes}
    return limits.get(modality, settings.max_image_bytes)


def resolve(
    product: Product, root: str, settings: MediaSettings
) -> tuple[list[MediaRef], list[InvalidMedia]]:
    """The product's media below ``root``, in the order image, further images, audio, video; and what is
    refused.

    A relative link is a key below the root and never leaves it, not even through a symbolic link.
    ``s3://`` must lie below the root or in an allowed bucket, ``https://`` on an allowed host;
    ``file://``, ``http://`` and everything else is refused. Nothing is fetched here.
    """
    refs: list[MediaRef] = []
    refused: list[InvalidMedia] = []
    base = to_uri(root).rstrip("/") + "/"
    for field, modality, link in _links(product):
        try:
            refs.append(MediaRef(field, modality, _resolved(field, modality, link.strip(), base, settings)))
        except InvalidMedia as error:
            refused.append(error)
    return refs, refused


def _links(product: Product) -> Iterator[tuple[str, Modality, str]]:
    if product.image_link:
        yield "image_link", "image", product.image_link
    for number, link in enumerate(product.additional_image_link):
        yield f"additional_image_link[{number}]", "image", link
    if product.audio_link:
        yield "audio_link", "audio", product.audio_link
    if product.video_link:
        yield "video_link", "video", product.video_link


def _resolved(field: str, modality: Modality, link: str, base: str, settings: MediaSettings) -> str:
    found = _SCHEME.match(link)
    scheme = found.group(1).lower() if found else ""
    if scheme == "data":
        # Base64 needs four characters for three bytes.
        if len(link) > max_bytes(modality, settings) * 4 // 3 + _MAX_LINK:
            raise MediaTooLarge(
                field, f"is a data: URI of {len(link):,} characters: upload a file and link it"
            )
        return link
    if len(link) > _MAX_LINK:
        raise MediaNotAllowed(field, f"is longer than {_MAX_LINK:,} characters: shorten the link")
    if scheme == "https":
        return check_url(field, link, settings.allowed_hosts).address
    if scheme == "s3":
        return _allowed_s3(field, link, base, settings)
    if scheme:
        remedy = "upload the file into the catalogue's folder and link it by its key, or use https://"
        raise MediaNotAllowed(field, f"{scheme}: links are not followed: {remedy}")
    try:
        uri = join(base, link.removeprefix("./"))
    except InvalidAddress as error:
        raise MediaNotAllowed(field, str(error)) from None
    if base.startswith("file://") and not _stays_below(to_path(uri), to_path(base)):
        raise MediaNotAllowed(field, f"{link!r} leads out of the feed's folder: copy the file into it")
    return uri


def _allowed_s3(field: str, link: str, base: str, settings: MediaSettings) -> str:
    try:
        bucket, key = split_s3(link)
        check_key(key)
    except InvalidAddress as error:
        raise MediaNotAllowed(field, str(error)) from None
    if not link.startswith(base) and bucket not in settings.allowed_buckets:
        raise MediaNotAllowed(
            field, f"{link[:200]} is outside {base}: upload it there, or let an operator allow it"
        )
    return link


def _stays_below(path: str, root: str) -> bool:
    real_root = os.path.realpath(root)
    real = os.path.realpath(path)
    return real.startswith(real_root.rstrip("/") + "/")
