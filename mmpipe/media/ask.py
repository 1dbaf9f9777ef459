"""Whether media still are what they were, without fetching them."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from mmpipe.errors import PermanentError, RetryableError
from mmpipe.media.https import HttpsClient
from mmpipe.media.refs import MediaRef, max_bytes
from mmpipe.media.stamps import MediaStamp, stamp_of
from mmpipe.objects import ObjectStore, stat_many
from mmpipe.objects.many import Found
from mmpipe.settings import MediaSettings

_MD5: Final = re.compile(r"[0-9a-f]{32}")

_HOST_REQUESTS: Final = 8
_PATIENCE: Final = 3

_HostQuestion = tuple[str, MediaStamp]
_HostAnswer = bool | RetryableError


@dataclass(frozen=True, slots=True)
class Question:
    """Whether ``ref`` still leads to what was read. ``seen``: by address (``ref.addresses``) the stamp read
    there, None where nothing was stored; an address that is missing was not looked at."""

    ref: MediaRef
    seen: Mapping[str, MediaStamp | None]


class Asker:
    """Asks object stores and hosts about media; safe to share between threads.

    ``store_for`` gives the store of an ``s3://`` or ``file://`` address; ``threads`` is how many requests
    one call sends to object stores at once. Hosts get eight requests at once at most, and in one call no
    more after three failures in a row.
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
        self._host_requests = threading.BoundedSemaphore(_HOST_REQUESTS)

    def unchanged(self, questions: Sequence[Question]) -> list[bool | RetryableError]:
        """For each question, whether a fetch now would end as it did then.

        True only where, by what the store or host says, it would give the very bytes that were read, or
        where nothing was stored at any of a link's addresses of an object store and still nothing is.
        Whatever cannot be told is False. A host that fails now has its error in the place of the answer; an
        object store that fails raises its ``RetryableError``. Nothing that was learnt is kept for the next
        call.
        """
        stored = stat_many(_to_look_at(questions), self._store_for, threads=self._threads)
        asked = self._ask_hosts(questions)
        return [self._answer(each, stored, asked) for each in questions]

    def changed(self, seen: Sequence[tuple[str, MediaStamp | None]]) -> list[bool | RetryableError]:
        """For each address and what was found there (None where nothing was), whether something else may be
        there now; fails as :meth:`unchanged` does, whose limits on sizes are not looked at."""
        stored = stat_many(
            (uri for uri, _ in seen if not uri.startswith("https://")), self._store_for, threads=self._threads
        )
        asked = self._ask(
            {(uri, then): "link" for uri, then in seen if then is not None and uri.startswith("https://")}
        )
        return [_is_other(uri, then, stored, asked) for uri, then in seen]

    def _answer(
        self, question: Question, stored: Mapping[str, Found], asked: Mapping[_HostQuestion, _HostAnswer]
    ) -> _HostAnswer:
        ref = question.ref
        if _scheme(ref) == "data":
            return True
        for uri in ref.addresses:
            if uri not in question.seen:
                return False
            then = question.seen[uri]
            if then is not None and not self._fits(ref, then):
                return False
            if _scheme(ref) == "https":
                return then is not None and asked[uri, then]
            now = stored[uri]
            if isinstance(now, PermanentError):
                return False
            if then is not None:
                return now is not None and same_object(then, stamp_of(now))
            if now is not None:
                return False
        return True

    def _fits(self, ref: MediaRef, stamp: MediaStamp) -> bool:
        # A fetch would refuse it, since somebody lowered the limit.
        return stamp.size is not None and stamp.size <= max_bytes(ref.modality, self._settings)

    def _ask_hosts(self, questions: Sequence[Question]) -> dict[_HostQuestion, _HostAnswer]:
        fields: dict[_HostQuestion, str] = {}
        for each in questions:
            then = each.seen.get(each.ref.uri)
            if _scheme(each.ref) == "https" and then is not None and self._fits(each.ref, then):
                fields.setdefault((each.ref.uri, then), each.ref.field)
        return self._ask(fields)

    def _ask(self, fields: Mapping[_HostQuestion, str]) -> dict[_HostQuestion, _HostAnswer]:
        if not fields:
            return {}
        failing = _FailingHosts()

        def ask(asked: _HostQuestion) -> _HostAnswer:
            uri, then = asked
            with self._host_requests:
                return failing.guarded(uri, lambda: self._https.unchanged(fields[asked], uri, then))

        with ThreadPoolExecutor(min(_HOST_REQUESTS, len(fields))) as pool:
            return dict(zip(fields, pool.map(ask, fields), strict=True))


def _is_other(
    uri: str,
    then: MediaStamp | None,
    stored: Mapping[str, Found],
    asked: Mapping[_HostQuestion, _HostAnswer],
) -> _HostAnswer:
    if uri.startswith("https://"):
        answer = asked[uri, then] if then is not None else False
        return answer if isinstance(answer, RetryableError) else not answer
    now = stored[uri]
    if isinstance(now, PermanentError):
        return True
    if then is None or now is None:
        return then is not None or now is not None
    return not same_object(then, stamp_of(now))


class _FailingHosts:
    """Hosts that failed several times in a row, which are left alone: each try may take the whole timeout."""

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()
        self._last: dict[str, RetryableError] = {}
        self._lock = threading.Lock()

    def guarded(self, uri: str, ask: Callable[[], bool]) -> _HostAnswer:
        host = urlsplit(uri).netloc
        with self._lock:
            if self._failures[host] >= _PATIENCE:
                return self._last[host]
        try:
            answer = ask()
        except PermanentError:
            answer = False
        except RetryableError as error:
            with self._lock:
                self._failures[host] += 1
                self._last[host] = error
            return error
        with self._lock:
            self._failures[host] = 0
        return answer


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
