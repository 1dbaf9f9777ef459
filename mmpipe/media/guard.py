"""An httpx transport whose connections go to checked network addresses alone."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import httpcore
import httpx

from mmpipe.errors import MediaNotAllowed, MediaNotFound, StorageUnavailable
from mmpipe.media.hosts import is_public

# What broke on the way, as against what was refused.
BROKEN: Final = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)

_MAX_TRIED: Final = 3
_MAX_KEPT: Final = 32
_KEPT_SECONDS: Final = 15.0
# The errors here know a host, and no product's field: whoever asked puts that in its place.
_FIELD: Final = "link"

Resolver = Callable[[str, int], Sequence[str]]


def resolve_host(host: str, port: int) -> Sequence[str]:
    """The host's IP addresses, from the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedTransport(httpx.BaseTransport):
    """HTTP/1.1 over TLS; safe to share between threads. No proxy, no environment, no cookies, no redirects.

    For each new connection the name is resolved once, every address it has must be public, and the connection
    goes to exactly an address that was checked, with the name in TLS. Connections are kept, by name and port,
    and used again without asking the resolver: whatever a name means by then, they lead where was checked.
    A kept connection that turns out to have been closed is replaced by a new one, once per request.

    A request's ``deadline`` extension (a moment on the monotonic clock) covers every step together, the
    resolver and a server that drips included. Raises ``MediaNotFound``, ``MediaNotAllowed`` and
    ``StorageUnavailable`` about the host, ``ssl.SSLCertVerificationError``, and :data:`BROKEN`.
    """

    def __init__(
        self,
        *,
        resolver: Resolver = resolve_host,
        public: Callable[[str], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._network = _Network(resolver, public, _SharedTls(tls))
        # The streams bring their own context, made when it is first needed. Were this one ever used, no
        # certificate would pass.
        self._no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._pool = httpcore.ConnectionPool(
            ssl_context=self._no_tls,
            max_connections=None,
            max_keepalive_connections=_MAX_KEPT,
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=self._network,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        opened: list[str] = []

        def trace(event: str, _details: Any) -> None:
            if event == "connection.connect_tcp.started":
                opened.append(event)

        sent = _for_core(request, trace)
        try:
            return _for_httpx(self._pool.handle_request(sent))
        except (httpcore.NetworkError, httpcore.RemoteProtocolError):
            if opened:
                raise
        # The server had closed the kept connection. Others of the pool may be closed too.
        connection = httpcore.HTTPConnection(
            origin=sent.url.origin, ssl_context=self._no_tls, network_backend=self._network
        )
        try:
            return _for_httpx(connection.handle_request(sent), connection.close)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        self._pool.close()


def _for_core(request: httpx.Request, trace: Callable[[str, Any], None]) -> httpcore.Request:
    # httpcore hands what it calls timeouts on to the network as they are. As moments instead of durations
    # they hold for all steps of a request together; a duration begins anew with every byte that arrives.
    deadline: float = request.extensions["deadline"]
    return httpcore.Request(
        request.method,
        httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.extensions["target"],
        ),
        headers=request.headers.raw,
        extensions={
            "timeout": {"connect": deadline, "read": deadline, "write": deadline},
            "trace": trace,
        },
    )


def _for_httpx(answer: httpcore.Response, closed: Callable[[], None] | None = None) -> httpx.Response:
    return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer, closed))


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response, closed: Callable[[], None] | None) -> None:
        self._answer = answer
        self._closed = closed

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()
        if self._closed is not None:
            self._closed()


class _SharedTls:
    """One context for all connections, made when the first needs it: that takes 16 ms."""

    def __init__(self, given: ssl.SSLContext | None) -> None:
        self._context = given
        self._lock = threading.Lock()

    def context(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                self._context = ssl.create_default_context()
                self._context.set_alpn_protocols(["http/1.1"])
            return self._context


class _Network(httpcore.NetworkBackend):
    """Connects to checked addresses. What httpcore calls ``timeout`` is a moment on the monotonic clock."""

    def __init__(self, resolver: Resolver, public: Callable[[str], bool], tls: _SharedTls) -> None:
        self._resolver = resolver
        self._public = public
        self._tls = tls
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception | None = None
        for address in self._addresses(host, port, timeout)[:_MAX_TRIED]:
            try:
                return _Stream(self._sockets.connect_tcp(address, port, _left(timeout)), self._tls)
            except (httpcore.NetworkError, httpcore.TimeoutException) as error:
                failure = error
        reason = type(failure.__cause__ or failure).__name__ if failure else "no address"
        raise StorageUnavailable(f"{host} cannot be reached ({reason})") from failure

    def _addresses(self, host: str, port: int, deadline: float | None) -> Sequence[str]:
        # The system's resolver knows no timeout, so it runs beside.
        answers: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._resolver(host, port))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=_left(deadline))
        except queue.Empty:
            raise StorageUnavailable(f"the name {host} was not resolved in time") from None
        if isinstance(answer, Exception):
            if isinstance(answer, socket.gaierror) and answer.errno != socket.EAI_NONAME:
                raise StorageUnavailable(f"the name {host} cannot be resolved now") from answer
            raise MediaNotFound(_FIELD, f"there is no host {host}: correct the link") from None
        if not answer:
            raise MediaNotFound(_FIELD, f"host {host} has no address: correct the link")
        if not all(self._public(address) for address in answer):
            raise MediaNotAllowed(_FIELD, f"host {host} has a private network address: link a public one")
        return answer


class _Stream(httpcore.NetworkStream):
    """A connection each of whose steps ends at the deadline of the request that it serves."""

    def __init__(self, inner: httpcore.NetworkStream, tls: _SharedTls) -> None:
        self._inner = inner
        self._tls = tls

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        # Not the context of the pool, whose protocols httpcore sets anew for every connection: no thing to do
        # to one from which other threads are opening theirs.
        try:
            inner = self._inner.start_tls(self._tls.context(), server_hostname, _left(timeout))
        except httpcore.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise error.__cause__ from None
            raise
        return _Stream(inner, self._tls)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(deadline: float | None) -> float:
    left = (deadline or 0.0) - time.monotonic()
    if left <= 0:
        raise httpcore.TimeoutException("the time was up")
    return left
