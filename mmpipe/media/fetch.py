"""A resolved address to its bytes."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from mmpipe.errors import (
    InvalidMedia,
    MediaNotAllowed,
    MediaNotFound,
    MediaTooLarge,
    ObjectNotFound,
    PermanentError,
)
from mmpipe.media.https import HttpsClient
from mmpipe.media.refs import MediaBytes, MediaRef, max_bytes
from mmpipe.media.stamps import stamp_of
from mmpipe.objects import InvalidAddress, ObjectStore, ObjectTooLarge
from mmpipe.settings import MediaSettings


class Fetcher:
    """Fetches media within the limits of ``settings``; safe to share between threads.

    ``store_for`` gives the store of an ``s3://`` or ``file://`` address; without it none is read. Whether
    such an address may be read at all was settled by :func:`~mmpipe.media.resolve`; https hosts are checked
    here again.
    """

    def __init__(
        self,
        settings: MediaSettings,
        store_for: Callable[[str], ObjectStore] | None = None,
        *,
        https: HttpsClient | None = None,
    ) -> None:
        self._settings = settings
        self._store_for = store_for
        self._https = https or HttpsClient(settings.allowed_hosts, settings.timeout_seconds)

    def fetch(self, ref: MediaRef) -> MediaBytes:
        """The whole medium, from the first of the link's addresses where something is stored.

        ``MediaNotFound``, ``MediaNotAllowed``, ``MediaTooLarge`` and ``InvalidMedia`` name the field and the
        remedy; a ``RetryableError`` means that the same call may succeed later.
        """
        limit = max_bytes(ref.modality, self._settings)
        scheme = ref.uri[:8].lower()
        if scheme.startswith("data:"):
            data = data_of(ref.field, ref.uri, limit)
            return MediaBytes(ref, data, hashlib.sha256(data).hexdigest())
        if scheme == "https://":
            got = self._https.get(ref.field, ref.uri, limit)
            return MediaBytes(ref, got.data, hashlib.sha256(got.data).hexdigest(), got.stamp)
        return self._from_store(ref, limit)

    def _from_store(self, ref: MediaRef, limit: int) -> MediaBytes:
        if self._store_for is None:
            raise MediaNotAllowed(ref.field, "names a stored object, which is not read here: use https://")
        failures: list[PermanentError] = []
        for uri in ref.addresses:
            try:
                data, found = self._store_for(uri).read(uri, max_bytes=limit)
            except (ObjectNotFound, InvalidAddress) as error:
                # Percent-encoded, a name may be too long for the place that holds it as it is.
                failures.append(error)
                continue
            except ObjectTooLarge as error:
                raise MediaTooLarge(
                    ref.field, f"holds {error.size:,} bytes, {limit:,} are allowed: upload a smaller file"
                ) from None
            except PermanentError as error:
                raise InvalidMedia(ref.field, f"cannot be read: {error}") from error
            digest = hashlib.sha256(data).hexdigest()
            return MediaBytes(ref.at(uri), data, digest, stamp_of(found))
        if all(isinstance(error, InvalidAddress) for error in failures):
            raise MediaNotAllowed(ref.field, str(failures[0]))
        raise MediaNotFound(ref.field, f"nothing is stored at {ref.uri[:300]}: upload it there")


def data_of(field: str, uri: str, limit: int) -> bytes:
    """The bytes of a ``data:`` URI (RFC 2397), base64 or percent-encoded."""
    head, comma, body = uri.partition(",")
    if not comma:
        raise InvalidMedia(field, "is a data: URI without a comma: write data:image/png;base64,…")
    too_large = MediaTooLarge(field, f"holds more than {limit:,} bytes: upload a file and link it")
    if len(body) > limit * 4 + 4:
        raise too_large
    raw = unquote_to_bytes(body)
    if head.rstrip().lower().endswith(";base64"):
        try:
            # Some writers leave the padding out, or use the alphabet for URLs.
            compact = b"".join(raw.split()).rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
            raw = base64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise InvalidMedia(field, "is a data: URI whose base64 is broken: encode the file anew") from None
    if len(raw) > limit:
        raise too_large
    if not raw:
        raise InvalidMedia(field, "is a data: URI without data: encode the file anew")
    return raw
