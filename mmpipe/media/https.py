"""One https request that cannot be turned against the network it runs in."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final

import httpx

from mmpipe.errors import InvalidMedia, MediaNotAllowed, MediaNotFound, MediaTooLarge, StorageUnavailable
from mmpipe.media.guard import BROKEN, GuardedTransport, Resolver, resolve_host
from mmpipe.media.hosts import CheckedUrl, check_url, is_public, redirected
from mmpipe.media.stamps import MediaStamp, address_digest

_MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PASSING: Final = frozenset({408, 425, 429})
# A body that nobody wants is read to its end up to here: cheaper than a new connection.
_SMALL_BYTES: Final = 4 * 1024
# What can be sent back as it came. A longer one is no good in a table's column.
_ETAG: Final = re.compile(r"[\x20-\x7e]{1,200}")
_HEADERS: Final = {
    "User-Agent": "mmpipe/1 (product media)",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Download:
    """What came back."""

    data: bytes
    stamp: MediaStamp


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer that is no redirect, its body still unread."""

    url: CheckedUrl
    response: httpx.Response
    redirected: str | None

    def header(self, name: str) -> str:
        value: str = self.response.headers.get(name, "")
        return value.strip()

    @property
    def encoded(self) -> bool:
        return self.header("Content-Encoding").lower() not in ("", "identity")

    @property
    def length(self) -> int | None:
        """The body's length as declared."""
        text = self.header("Content-Length")
        return int(text) if text.isdecimal() and not self.header("Transfer-Encoding") else None

    def stamp(self, size: int | None) -> MediaStamp:
        etag = self.header("ETag")
        etag = etag if _ETAG.fullmatch(etag) else ""
        modified, now = _moment(self.header("Last-Modified")), _moment(self.header("Date"))
        if not etag and modified is not None and now is not None and now - modified < timedelta(seconds=2):
            # Written in this very second, it may be written again in the same one and look unchanged.
            modified = None
        return MediaStamp(etag, modified, size, self.redirected)


class HttpsClient:
    """Requests to allowed hosts alone; safe to share between threads, which share its connections.

    Each new connection's name is resolved once, every address it has must be public, and the connection goes
    to exactly the address that was checked, with the name in TLS and in the Host header
    (:class:`~mmpipe.media.guard.GuardedTransport`). Redirects, ``max_redirects`` at most, pass the same
    checks. The timeout covers everything together, the byte limit holds while streaming. ``resolver``,
    ``public`` and ``tls`` are replaced by tests only.
    """

    def __init__(
        self,
        allowed_hosts: Sequence[str],
        timeout_seconds: float,
        *,
        resolver: Resolver = resolve_host,
        public: Callable[[str], bool] = is_public,
        tls: ssl.SSLContext | None = None,
        max_redirects: int = _MAX_REDIRECTS,
    ) -> None:
        self._allowed_hosts = tuple(allowed_hosts)
        self._timeout = timeout_seconds
        self._max_redirects = max_redirects
        self._transport = GuardedTransport(resolver=resolver, public=public, tls=tls)

    def get(self, field: str, url: str, max_bytes: int) -> Download:
        """The body of ``url``. ``MediaNotFound``, ``MediaNotAllowed``, ``MediaTooLarge`` or
        ``InvalidMedia`` where a repetition cannot help; ``StorageUnavailable`` for timeouts, broken
        connections and 5xx."""
        deadline = time.monotonic() + self._timeout
        with self._following(field, url, {}, deadline) as answer:
            _check_status(field, answer)
            data = _body(field, answer, max_bytes)
            return Download(data, answer.stamp(len(data)))

    def unchanged(self, field: str, url: str, stamp: MediaStamp) -> bool:
        """Whether, by what the host says, ``url`` still gives the bytes that came with ``stamp``.

        A conditional request: 304 is a yes, and so is a 200 that tells the same ETag, or without one the same
        time and length; its body is not read. No where the stamp holds neither ETag nor time, or where
        redirects now lead elsewhere. Raises as :meth:`get` does.
        """
        conditions = _conditions(stamp)
        if not conditions:
            return False
        deadline = time.monotonic() + self._timeout
        with self._following(field, url, conditions, deadline) as answer:
            if answer.response.status_code == 304:
                return answer.redirected == stamp.redirected
            _check_status(field, answer)
            now = answer.stamp(answer.length)
            if answer.encoded or now.redirected != stamp.redirected:
                return False
            if stamp.etag is None:
                return (now.last_modified, now.size) == (stamp.last_modified, stamp.size)
            return now.etag == stamp.etag and now.size in (None, stamp.size)

    @contextmanager
    def _following(
        self, field: str, url: str, headers: Mapping[str, str], deadline: float
    ) -> Iterator[_Answer]:
        for hops in range(self._max_redirects + 1):
            checked = check_url(field, url, self._allowed_hosts)
            with self._answered(field, checked, headers, deadline) as response:
                if response.status_code not in _REDIRECTS:
                    yield _Answer(checked, response, address_digest(checked.address) if hops else None)
                    return
                location = response.headers.get("Location")
                if not location:
                    raise InvalidMedia(field, f"{checked.host} redirects to nowhere: link the file itself")
                url = redirected(field, checked, location)
        raise InvalidMedia(
            field, f"is redirected more than {self._max_redirects} times: link the file itself"
        )

    @contextmanager
    def _answered(
        self, field: str, url: CheckedUrl, headers: Mapping[str, str], deadline: float
    ) -> Iterator[httpx.Response]:
        """One request's answer, closed afterwards; what breaks meanwhile becomes one of our errors."""
        try:
            response = self._sent(field, url, headers, deadline)
            try:
                yield response
            finally:
                _settle(response)
        except ssl.SSLCertVerificationError as error:
            reason = f"{url.host} has no valid certificate ({error.verify_message})"
            raise InvalidMedia(field, f"{reason}: link another host") from None
        except BROKEN as error:
            if time.monotonic() >= deadline:
                raise StorageUnavailable(
                    f"{field}: {url.host} took longer than {self._timeout:g} s"
                ) from None
            raise StorageUnavailable(f"{field}: {url.host}: {type(error).__name__}") from error

    def _sent(
        self, field: str, url: CheckedUrl, headers: Mapping[str, str], deadline: float
    ) -> httpx.Response:
        try:
            request = httpx.Request(
                "GET",
                f"https://{url.authority}/",
                headers={"Host": url.authority, **_HEADERS, **headers},
                # httpx would encode the path its own way, and not ask for what was checked.
                extensions={"deadline": deadline, "target": url.target.encode("ascii")},
            )
            response = self._transport.handle_request(request)
        except httpx.InvalidURL:
            raise MediaNotAllowed(field, "names no host: write https://host/path") from None
        except InvalidMedia as error:
            raise type(error)(field, error.reason) from None
        except StorageUnavailable as error:
            raise StorageUnavailable(f"{field}: {error}") from error
        response.headers.encoding = "latin-1"
        return response


def _conditions(stamp: MediaStamp) -> dict[str, str]:
    if stamp.etag is not None and _ETAG.fullmatch(stamp.etag):
        return {"If-None-Match": stamp.etag}
    if stamp.etag is None and stamp.last_modified is not None:
        return {"If-Modified-Since": format_datetime(stamp.last_modified, usegmt=True)}
    return {}


def _check_status(field: str, answer: _Answer) -> None:
    status, host = answer.response.status_code, answer.url.host
    if status == 200:
        return
    if status in (404, 410):
        raise MediaNotFound(field, f"{host} has nothing at that address ({status}): correct the link")
    if status >= 500 or status in _PASSING:
        raise StorageUnavailable(f"{field}: {host} answered {status}")
    raise InvalidMedia(field, f"{host} answered {status}: link a file that everybody may read")


def _body(field: str, answer: _Answer, max_bytes: int) -> bytes:
    too_large = MediaTooLarge(field, f"holds more than {max_bytes:,} bytes: link a smaller file")
    if answer.encoded:
        raise InvalidMedia(
            field, f"{answer.url.host} sends it compressed although asked not to: link another host"
        )
    if answer.length is not None and answer.length > max_bytes:
        raise too_large
    parts: list[bytes] = []
    size = 0
    for chunk in answer.response.iter_raw():
        size += len(chunk)
        if size > max_bytes:
            raise too_large
        parts.append(chunk)
    return b"".join(parts)


def _settle(response: httpx.Response) -> None:
    """Close an answer, after reading what little of its body is left, so that its connection is kept."""
    length = response.headers.get("Content-Length", "")
    small = response.status_code == 304 or (length.isdecimal() and int(length) <= _SMALL_BYTES)
    if small and not response.is_stream_consumed:
        with suppress(*BROKEN):
            for _ in response.iter_raw():
                pass
    response.close()


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None
