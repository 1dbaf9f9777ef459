"""One https download that cannot be turned against the network it runs in."""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from mmpipe.errors import InvalidMedia, MediaNotAllowed, MediaNotFound, MediaTooLarge, StorageUnavailable
from mmpipe.media.hosts import CheckedUrl, check_url, is_public, redirected
from mmpipe.media.stamps import MediaStamp

_MAX_REDIRECTS: Final = 3
_CHUNK_BYTES: Final = 64 * 1024
_MAX_TRIED: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PASSING: Final = frozenset({408, 425, 429})
_MAX_ETAG: Final = 200
_USER_AGENT: Final = "mmpipe/1 (product media)"

Resolver = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Download:
    """What came back."""

    data: bytes
    stamp: MediaStamp


def resolve_host(host: str, port: int) -> Sequence[str]:
    """The host's IP addresses, from the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class HttpsClient:
    """Downloads from allowed hosts alone.

    Each name is resolved once, every address it has must be public, and the connection goes to exactly the
    address that was checked, with the name in TLS and in the Host header. Redirects, three at most, pass
    the same checks. The timeout covers everything together, the byte limit holds while streaming.
    ``resolver``, ``public`` and ``tls`` are replaced by tests only.
    """

    def __init__(
        self,
        allowed_hosts: Sequence[str],
        timeout_seconds: float,
        *,
        resolver: Resolver = resolve_host,
        public: Callable[[str], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed_hosts = tuple(allowed_hosts)
        self._timeout = timeout_seconds
        self._resolver = resolver
        self._public = public
        self._tls = tls

    def get(self, field: str, url: str, max_bytes: int) -> Download:
        """The body of ``url``. ``MediaNotFound``, ``MediaNotAllowed``, ``MediaTooLarge`` or
        ``InvalidMedia`` where a repetition cannot help; ``StorageUnavailable`` for timeouts, broken
        connections and 5xx."""
        deadline = time.monotonic() + self._timeout
        for _ in range(_MAX_REDIRECTS + 1):
            checked = check_url(field, url, self._allowed_hosts)
            answer = self._once(field, checked, max_bytes, deadline)
            if isinstance(answer, Download):
                return answer
            url = redirected(field, checked, answer)
        raise InvalidMedia(field, f"is redirected more than {_MAX_REDIRECTS} times: link the file itself")

    def _once(self, field: str, url: CheckedUrl, max_bytes: int, deadline: float) -> Download | str:
        """A download, or the address to go on to."""
        connection = self._connect(field, url, deadline)
        # The socket's own timeout starts anew with every byte; this one does not.
        watch = threading.Timer(max(deadline - time.monotonic(), 0.0) + 0.01, _cut, [connection.sock])
        watch.daemon = True
        watch.start()
        try:
            connection.sock.do_handshake()
            headers = {
                "User-Agent": _USER_AGENT,
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                "Connection": "close",
            }
            connection.request("GET", url.target, headers={"Host": url.authority, **headers})
            response = connection.getresponse()
            if response.status in _REDIRECTS:
                location = response.getheader("Location")
                if not location:
                    raise InvalidMedia(field, f"{url.host} redirects to nowhere: link the file itself")
                return location
            _check_status(field, url, response.status)
            return _body(field, url, response, max_bytes, deadline)
        except ssl.SSLCertVerificationError as error:
            reason = f"{url.host} has no valid certificate ({error.verify_message})"
            raise InvalidMedia(field, f"{reason}: link another host") from None
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() >= deadline:
                raise StorageUnavailable(
                    f"{field}: {url.host} took longer than {self._timeout:g} s"
                ) from None
            raise StorageUnavailable(f"{field}: {url.host}: {type(error).__name__}") from error
        finally:
            watch.cancel()
            connection.close()

    def _connect(self, field: str, url: CheckedUrl, deadline: float) -> http.client.HTTPSConnection:
        """A connection to a checked address; TLS has not been negotiated yet."""
        addresses = self._addresses(field, url, deadline)
        tls = self._tls or ssl.create_default_context()
        failure: Exception | None = None
        for address in addresses[:_MAX_TRIED]:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            try:
                plain = socket.create_connection((address, url.port), timeout=left)
            except OSError as error:
                failure = error
                continue
            connection = http.client.HTTPSConnection(url.host, url.port, timeout=left, context=tls)
            connection.auto_open = 0  # it must never look the name up by itself
            connection.sock = tls.wrap_socket(plain, server_hostname=url.host, do_handshake_on_connect=False)
            return connection
        reason = type(failure).__name__ if failure else "the time was up"
        raise StorageUnavailable(f"{field}: {url.host} cannot be reached ({reason})") from failure

    def _addresses(self, field: str, url: CheckedUrl, deadline: float) -> Sequence[str]:
        # The system's resolver knows no timeout, so it runs beside.
        answers: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._resolver(url.host, url.port))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=max(deadline - time.monotonic(), 0.0))
        except queue.Empty:
            raise StorageUnavailable(f"{field}: the name {url.host} was not resolved in time") from None
        if isinstance(answer, Exception):
            if isinstance(answer, socket.gaierror) and answer.errno != socket.EAI_NONAME:
                raise StorageUnavailable(f"{field}: the name {url.host} cannot be resolved now") from answer
            raise MediaNotFound(field, f"there is no host {url.host}: correct the link") from None
        if not answer:
            raise MediaNotFound(field, f"host {url.host} has no address: correct the link")
        if not all(self._public(address) for address in answer):
            raise MediaNotAllowed(field, f"host {url.host} has a private network address: link a public one")
        return answer


def _cut(connected: socket.socket | None) -> None:
    if connected is not None:
        try:
            # Not TLS's own shutdown, which would take the session from under the reading thread.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)
        except OSError:
            return  # closed already


def _check_status(field: str, url: CheckedUrl, status: int) -> None:
    if status == 200:
        return
    if status in (404, 410):
        raise MediaNotFound(field, f"{url.host} has nothing at that address ({status}): correct the link")
    if status >= 500 or status in _PASSING:
        raise StorageUnavailable(f"{field}: {url.host} answered {status}")
    raise InvalidMedia(field, f"{url.host} answered {status}: link a file that everybody may read")


def _body(
    field: str, url: CheckedUrl, response: http.client.HTTPResponse, max_bytes: int, deadline: float
) -> Download:
    too_large = MediaTooLarge(field, f"holds more than {max_bytes:,} bytes: link a smaller file")
    if response.getheader("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise InvalidMedia(field, f"{url.host} sends it compressed although asked not to: link another host")
    declared = response.length
    if declared is not None and declared > max_bytes:
        raise too_large
    parts: list[bytes] = []
    size = 0
    while chunk := response.read1(_CHUNK_BYTES):
        size += len(chunk)
        if size > max_bytes:
            raise too_large
        if time.monotonic() >= deadline:
            raise TimeoutError
        parts.append(chunk)
    if time.monotonic() >= deadline:
        raise TimeoutError  # a connection that was cut looks like the end of a body of unknown length
    if declared is not None and size < declared:
        raise http.client.IncompleteRead(b"", declared - size)
    return Download(b"".join(parts), MediaStamp(_etag(response), _last_modified(response), size))


def _etag(response: http.client.HTTPResponse) -> str | None:
    tag = response.getheader("ETag", "").strip()
    return tag if 0 < len(tag) <= _MAX_ETAG else None


def _last_modified(response: http.client.HTTPResponse) -> datetime | None:
    try:
        moment = parsedate_to_datetime(response.getheader("Last-Modified", ""))
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None
