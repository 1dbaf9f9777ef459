"""Whether media still are what they were, without fetching them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from mmpipe.errors import ObjectNotFound, PermanentError, RetryableError
from mmpipe.media.https import HttpsClient
from mmpipe.media.refs import MediaRef, max_bytes
from mmpipe.media.stamps import MediaStamp, stamp_of
from mmpipe.objects import InvalidAddress, ObjectStore
from mmpipe.settings import MediaSettings

_MD5: Final = re.compile(r"[0-9a-f]{32}")

Seen = Mapping[str, MediaStamp | None]


@dataclass(frozen=True, slots=True)
class Question:
    """Whether ``ref`` still leads to what was read. ``seen``: by address (``ref.addresses``) the stamp read
    there, None where nothing was stored; an address that is missing was not looked at."""

    ref: MediaRef
    seen: Seen


class Asker:
    """Asks object stores and hosts about media; safe to share between threads.

    ``store_for`` gives the store of an ``s3://`` or ``file://`` address; ``threads`` is how many requests
    one call sends to object stores at once.
    """

    def __init__(
        self,
        settings: MediaSettings,
        store_for: Callable[[str], ObjectStore],
        *,
        https: HttpsClient | None = None,
        threads: int = 16,
    ) -> None:
        self._settings = settings
        self._store_for = store_for
        self._https = https or HttpsClient(settings.allowed_hosts, settings.timeout_seconds)
        self._threads = threads

    def unchanged(self, questions: Sequence[Question]) -> list[bool | RetryableError]:
        """For each question, whether a fetch now would end as it did then.

        True only where, by what the store or host says, it would give the very bytes that were read, or
        where nothing was stored at any of a link's addresses of an object store and still nothing is.
        Whatever cannot be told is False. A host that fails now has its error in the place of the answer; an
        object store that fails raises its ``RetryableError``. Nothing that was learnt is kept for the next
        call.
        """
        found = self._found(list(dict.fromkeys(_to_look_at(questions))))
        return [self._answer(each, found) for each in questions]

    def _answer(self, question: Question, found: Mapping[str, MediaStamp | PermanentError | None]) -> bool:
        ref = question.ref
        if _scheme(ref) == "data":
            return True
        if _scheme(ref) == "https":
            return False
        for uri in ref.addresses:
            if uri not in question.seen:
                return False
            then, now = question.seen[uri], found[uri]
            if isinstance(now, PermanentError):
                return False
            if then is not None:
                return now is not None and same_object(then, now) and self._fits(ref, then)
            if now is not None:
                return False
        return True

    def _fits(self, ref: MediaRef, stamp: MediaStamp) -> bool:
        return stamp.size is not None and stamp.size <= max_bytes(ref.modality, self._settings)

    def _found(self, uris: Sequence[str]) -> dict[str, MediaStamp | PermanentError | None]:
        with ThreadPoolExecutor(self._threads) as pool:
            return dict(zip(uris, pool.map(self._look, uris), strict=True))

    def _look(self, uri: str) -> MediaStamp | PermanentError | None:
        try:
            return stamp_of(self._store_for(uri).stat(uri))
        except (ObjectNotFound, InvalidAddress):
            return None
        except PermanentError as error:
            return error


def same_object(then: MediaStamp, now: MediaStamp) -> bool:
    """Whether two stamps of one object tell of the same bytes.

    ETag and size must be equal, and the time too unless the ETag is an MD5 digest, as S3 gives to an object
    that was uploaded in one part: then it speaks of the content alone, and uploading the same photo again
    changes nothing.
    """
    if then.etag is None or then.size is None or (then.etag, then.size) != (now.etag, now.size):
        return False
    return bool(_MD5.fullmatch(then.etag)) or then.last_modified == now.last_modified


def _to_look_at(questions: Sequence[Question]) -> Iterator[str]:
    """The addresses of object stores whose state decides an answer: a fetch reads no further than the first
    that holds something."""
    for question in questions:
        if _scheme(question.ref) in ("data", "https"):
            continue
        for uri in question.ref.addresses:
            if uri not in question.seen:
                break
            yield uri
            if question.seen[uri] is not None:
                break


def _scheme(ref: MediaRef) -> str:
    return ref.uri[:8].partition(":")[0].lower()
