"""Photos of reviews to vectors: fetched, decoded and encoded as products' own pictures are, under the same
guards and limits.

A photo whose bytes are known has its vector already. One that cannot be used says why, and the rest goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from mmpipe import media
from mmpipe.errors import InvalidMedia, InvalidVector, MmpipeError, RetryableError
from mmpipe.lake.reviews import HeldPhoto
from mmpipe.lake.schema import UNIT_TOLERANCE

if TYPE_CHECKING:
    from mmpipe.indexing.pipeline.pipeline import Pipeline
    from mmpipe.lake.reviews import Photo
    from mmpipe.media import MediaBytes, MediaRef
    from mmpipe.settings import MediaSettings

Vector = NDArray[np.float16]
Known = Callable[[Sequence[str]], Mapping[str, Vector]]
# Fetched, decoded and encoded at once: few, so that an upload waits a moment for the encoder, no longer.
_TOGETHER: Final = 8
# A host that failed so often in a row is left alone for the rest of the call.
_FAILURES: Final = 3


@dataclass(slots=True)
class ReadPhoto:
    """A photo as it is to be held, and the fault that its ``fault`` tells of."""

    photo: Photo
    address: str
    sha256: str = ""
    etag: str | None = None
    vector: Vector | None = None
    error: MmpipeError | None = None

    def held(self, dim: int) -> HeldPhoto:
        """What is kept of it."""
        review = self.photo.review
        return HeldPhoto(
            key=self.photo.key,
            product_id=review.product_id,
            review_key=review.key,
            review_id=review.review_id,
            link=self.photo.link,
            root=review.root,
            address=self.address,
            number=self.photo.number,
            written_at=review.written_at.timestamp(),
            sha256=self.sha256,
            fault="" if self.error is None else type(self.error).__name__,
            vector=np.zeros(dim, np.float16) if self.vector is None else self.vector,
        )


class PhotoReader:
    """Reads photos by one pipeline, whose profile has an image encoder. For one call: what it learns of
    hosts it forgets. ``known`` gives the vectors of bytes that were encoded before, by their SHA-256."""

    def __init__(self, pipeline: Pipeline, settings: MediaSettings, known: Known) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._known = known
        self._failures: Counter[str] = Counter()

    def read(self, photos: Sequence[Photo]) -> Iterator[list[ReadPhoto]]:
        """The photos in their order, a few at a time. Raises ``RetryableError`` where the object store
        fails."""
        for start in range(0, len(photos), _TOGETHER):
            yield self._read(photos[start : start + _TOGETHER])

    def _read(self, photos: Sequence[Photo]) -> list[ReadPhoto]:
        read = [ReadPhoto(photo, "") for photo in photos]
        wanted: list[tuple[ReadPhoto, MediaRef]] = []
        for each in read:
            try:
                ref = self._ref(each.photo)
                each.address = "" if ref.uri.startswith("data:") else ref.uri
                self._check_host(ref)
            except (InvalidMedia, RetryableError) as error:
                each.error = error
            else:
                wanted.append((each, ref))
        fetched = self._pipeline.preparation.fetch([ref for _, ref in wanted])
        found: list[tuple[ReadPhoto, MediaBytes]] = []
        for (each, ref), got in zip(wanted, fetched, strict=True):
            self._learn(ref, got)
            if isinstance(got, MmpipeError):
                each.error = got
                continue
            each.sha256, each.etag = got.sha256, got.etag
            each.address = "" if got.ref.uri.startswith("data:") else got.ref.uri
            found.append((each, got))
        self._encode(found)
        return read

    def _ref(self, photo: Photo) -> MediaRef:
        if not photo.review.root:
            raise InvalidMedia(
                _field(photo), "nobody knows any more where its link starts: upload the review again"
            )
        return media.resolve_link(_field(photo), "image", photo.link, photo.review.root, self._settings)

    def _encode(self, found: Sequence[tuple[ReadPhoto, MediaBytes]]) -> None:
        hashes = list(dict.fromkeys(each.sha256 for each, _ in found))
        vectors = dict(self._known(hashes)) if hashes else {}
        fresh: dict[str, object] = {}
        for each, got in found:
            if each.sha256 in vectors or each.sha256 in fresh:
                continue
            try:
                fresh[each.sha256] = media.decode("image", got.data, self._settings, got.ref.field)
            except InvalidMedia as error:
                for other, _ in found:
                    if other.sha256 == each.sha256:
                        other.error = error
        if fresh:
            encoded = self._pipeline.encoding.images(list(fresh.values()))  # type: ignore[arg-type]
            vectors.update(zip(fresh, encoded.astype(np.float16), strict=True))
        for each, got in found:
            if each.error is not None:
                continue
            vector = vectors[each.sha256]
            length = float(np.linalg.norm(vector.astype(np.float32)))
            if abs(length - 1) <= UNIT_TOLERANCE:  # so written that NaN is bad
                each.vector = vector
            else:
                each.error = InvalidVector(
                    got.ref.field, "its vector is none of unit length: the model is at fault"
                )

    def _check_host(self, ref: MediaRef) -> None:
        host = _host(ref)
        if host and self._failures[host] >= _FAILURES:
            raise RetryableError(f"{ref.field}: {host} did not answer for other photos: replay it later")

    def _learn(self, ref: MediaRef, got: MediaBytes | MmpipeError) -> None:
        if host := _host(ref):
            self._failures[host] = self._failures[host] + 1 if isinstance(got, RetryableError) else 0


def _field(photo: Photo) -> str:
    return f"photos[{photo.number}]"


def _host(ref: MediaRef) -> str:
    return (urlsplit(ref.uri).hostname or "") if ref.uri.startswith("https://") else ""
