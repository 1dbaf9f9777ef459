"""What a product's links mean, and which of them may be followed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final
from unicodedata import normalize
from urllib.parse import unquote

from mmpipe.encoders.base import Modality
from mmpipe.errors import InvalidMedia, MediaNotAllowed, MediaTooLarge
from mmpipe.media.hosts import check_url
from mmpipe.media.stamps import MediaStamp
from mmpipe.objects import InvalidAddress, check_key, join, split_s3, to_path, to_uri
from mmpipe.schemas.product import PublicProduct
from mmpipe.settings import MediaSettings

_SCHEME: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):")
_MAX_LINK: Final = 2_000
_FORMS: Final = ("NFC", "NFD")
# What a query may name.
_SHOWN: Final = frozenset({"data", "https"})


@dataclass(frozen=True, slots=True)
class MediaRef:
    """One medium of a product: ``uri`` is resolved (``s3://``, ``file://``, ``https://`` or ``data:``).

    ``field`` names where the link stood, as ``image_link`` or ``additional_image_link[2]``. ``others`` are
    the addresses that the link may mean where nothing is stored at ``uri``, in the order to try them.
    """

    field: str
    modality: Modality
    uri: str
    others: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """``uri`` and the others: a change at any of them may change what the link leads to."""
        return (self.uri, *self.others)

    def at(self, uri: str) -> MediaRef:
        """The same medium at this address alone."""
        return replace(self, uri=uri, others=())


@dataclass(frozen=True, slots=True)
class MediaBytes:
    """A medium as fetched, ``ref`` at the address where it was found. ``sha256`` is of ``data``, in hex;
    ``stamp`` is what its place told of it, None for ``data:`` addresses.
    """

    ref: MediaRef
    data: bytes
    sha256: str
    stamp: MediaStamp | None = None

    @property
    def etag(self) -> str | None:
        """The stamp's ETag."""
        return self.stamp.etag if self.stamp else None


def max_bytes(modality: Modality, settings: MediaSettings) -> int:
    """The size limit of one file of this modality."""
    limits = {"audio": settings.max_audio_bytes, "video": settings.max_video_bytes}
    return limits.get(modality, settings.max_image_bytes)


def resolve(
    product: PublicProduct, root: str, settings: MediaSettings
) -> tuple[list[MediaRef], list[InvalidMedia]]:
    """The product's media below ``root``, in the order image, further images, audio, video; and what is
    refused.

    A relative link is a key below the root and never leaves it, not even through a symbolic link.
    ``s3://`` must lie below the root or in an allowed bucket, ``https://`` on an allowed host, as must
    ``//host/path``, which means the same; ``file://``, ``http://`` and everything else is refused. Nothing is
    fetched here.

    Whoever writes a link may have percent-encoded the key, or spelt its accents in the other Unicode form
    (composed, NFC, or decomposed, NFD, as file names of macOS): a key is looked for as written, then
    percent-decoded, each also in the other forms. All of them pass the same checks.
    """
    refs: list[MediaRef] = []
    refused: list[InvalidMedia] = []
    base = to_uri(root).rstrip("/") + "/"
    for field, modality, link in _links(product):
        try:
            refs.append(resolve_link(field, modality, link, base, settings))
        except InvalidMedia as error:
            refused.append(error)
    return refs, refused


def resolve_link(field: str, modality: Modality, link: str, root: str, settings: MediaSettings) -> MediaRef:
    """What one link means that somebody else than the shop may have written, as :func:`resolve` would of a
    product's. Raises :class:`InvalidMedia` where it is refused."""
    base = to_uri(root).rstrip("/") + "/"
    uri, *others = _resolved(field, modality, link.strip(), base, settings)
    return MediaRef(field, modality, uri, tuple(others))


def media_root(product: PublicProduct, uris: Sequence[str], ledger: str | None) -> str | None:
    """What the product's relative links start from: the root of its upload by the run ledger, unless the
    addresses that its media were read from say otherwise. None where neither says anything."""
    links = [product.image_link, *product.additional_image_link, product.audio_link, product.video_link]
    relative = [link.strip().removeprefix("./") for link in links if link and ":" not in link]
    known = set(uris)
    roots = [] if ledger is None else [ledger]
    roots += [uri[: -len(link)] for link in relative for uri in uris if uri.endswith(f"/{link}")]
    best = max(roots, key=lambda root: sum(root + link in known for link in relative), default=None)
    if best is not None:
        return best
    stored = [uri for uri in uris if uri.startswith(("s3://", "file://"))]
    return stored[0].rpartition("/")[0] + "/" if stored else None


def shown(field: str, modality: Modality, link: str, settings: MediaSettings) -> MediaRef:
    """The medium that whoever asks shows by an address: ``data:``, or ``https://`` on an allowed host.

    Everything else is refused before anything else looks at it: a shopper must not be able to read the shop's
    bucket, its disk or its network.
    """
    link = link.strip()
    scheme = _scheme(link)
    if scheme not in _SHOWN:
        raise MediaNotAllowed(
            field, f"must be https:// on an allowed host, or data:, not {scheme[:20] or 'a relative path'}"
        )
    return MediaRef(field, modality, _resolved(field, modality, link, "", settings)[0])


def _scheme(link: str) -> str:
    found = _SCHEME.match(link)
    return found.group(1).lower() if found else ""


def _links(product: PublicProduct) -> Iterator[tuple[str, Modality, str]]:
    if product.image_link:
        yield "image_link", "image", product.image_link
    for number, link in enumerate(product.additional_image_link):
        yield f"additional_image_link[{number}]", "image", link
    if product.audio_link:
        yield "audio_link", "audio", product.audio_link
    if product.video_link:
        yield "video_link", "video", product.video_link


def _resolved(field: str, modality: Modality, link: str, base: str, settings: MediaSettings) -> list[str]:
    """The addresses that a link may mean, at least one."""
    if link.startswith("//"):
        link = "https:" + link
    scheme = _scheme(link)
    if scheme == "data":
        # Base64 needs four characters for three bytes.
        if len(link) > max_bytes(modality, settings) * 4 // 3 + _MAX_LINK:
            raise MediaTooLarge(
                field, f"is a data: URI of {len(link):,} characters: upload a file and link it"
            )
        return [link]
    if len(link) > _MAX_LINK:
        raise MediaNotAllowed(field, f"is longer than {_MAX_LINK:,} characters: shorten the link")
    if scheme == "https":
        return [check_url(field, link, settings.allowed_hosts).address]
    if scheme == "s3":
        return _spelt(field, link, lambda each: _allowed_s3(field, each, base, settings))
    if scheme:
        remedy = "upload the file into the catalogue's folder and link it by its key, or use https://"
        raise MediaNotAllowed(field, f"{scheme}: links are not followed: {remedy}")
    return _spelt(field, link.removeprefix("./"), lambda each: _below(field, each, base))


def _spelt(field: str, link: str, address_of: Callable[[str], str]) -> list[str]:
    """The address of a link as written, which must be allowed, and those of what else it may spell, where
    they are allowed too."""
    spellings = [link]
    if "%" in link:
        # What is no UTF-8 is a mere sign for per cent, or of an encoding that nobody can tell.
        with suppress(UnicodeDecodeError):
            spellings.append(unquote(link, errors="strict"))
    decoded = spellings[-1]
    # No file is called so, and whoever writes it wants something else.
    if "\x00" in decoded or ".." in decoded.split("/"):
        raise MediaNotAllowed(
            field, f"{link[:200]!r} holds '..' or a null character: link the file by its key"
        )
    addresses = [address_of(link)]
    forms = (form for each in spellings for form in (each, *(normalize(name, each) for name in _FORMS)))
    for spelling in dict.fromkeys(forms):
        if spelling != link:
            with suppress(MediaNotAllowed):
                addresses.append(address_of(spelling))
    return addresses


def _below(field: str, key: str, base: str) -> str:
    try:
        uri = join(base, key)
    except InvalidAddress as error:
        raise MediaNotAllowed(field, str(error)) from None
    if base.startswith("file://") and not _stays_below(to_path(uri), to_path(base)):
        raise MediaNotAllowed(field, f"{key!r} leads out of the feed's folder: copy the file into it")
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
