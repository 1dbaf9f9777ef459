"""The two clients: one waits, the other is awaited. What they send and read is the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, TypeVar, Unpack

import httpx

from mmpipe.client.asking import AskedSearch, SearchOptions, search_of
from mmpipe.client.calls import Call, search_call
from mmpipe.client.problems import Unreachable, error_of
from mmpipe.client.retrying import Retry, Tries
from mmpipe.client.routes import Routes
from mmpipe.errors import InvalidRequest, MmpipeError
from mmpipe.schemas.search import Hit, SearchResponse

R = TypeVar("R")
_CONNECT_SECONDS: Final = 5.0


class Client(Routes):
    """A service at ``url``, asked with ``api_key``. Safe to share between threads; a context manager.

    ``timeout`` is for each attempt, in seconds; ``retry`` says what follows an attempt that failed. Every
    route is a method, see :class:`Routes`; each raises the errors of :mod:`mmpipe.errors`:
    ``InvalidRequest`` and ``InvalidMedia`` name the field and the remedy, :class:`Refused` wants another key,
    ``NotFound`` says what there is not, ``RetryableError`` (:class:`Unreachable`, ``NotReady``) what was
    tried again in vain.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        retry: Retry | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._retry = retry or Retry()
        self._sleep = sleep
        self._http = httpx.Client(transport=transport, **_options(url, api_key, timeout))

    def send(self, call: Call[R]) -> R:
        """Send a call, again where that may help, and read the answer."""
        tries = Tries(self._retry, again=call.again)
        while True:
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = self._http.send(_request(self._http, call))
            except httpx.TransportError as error:
                outcome = error
            wait = tries.pause(outcome)
            if wait is None:
                return _result(call, outcome)
            self._sleep(wait)

    def pages(self, text: str | None = None, **options: Unpack[SearchOptions]) -> Iterator[SearchResponse]:
        """A search's pages, one request each, until the last one."""
        asked: AskedSearch | None = search_of(text, options)
        while asked is not None:
            page = self.send(search_call(asked))
            yield page
            asked = _next(asked, page)

    def hits(self, text: str | None = None, **options: Unpack[SearchOptions]) -> Iterator[Hit]:
        """A search's hits over all pages; ``limit`` is how many a page holds."""
        for page in self.pages(text, **options):
            yield from page.hits

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(Routes):
    """The same for an event loop: every method is awaited, pages and hits are iterated by ``async for``."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        retry: Retry | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retry = retry or Retry()
        self._http = httpx.AsyncClient(transport=transport, **_options(url, api_key, timeout))

    async def send_later(self, call: Call[R]) -> R:
        """Send a call, again where that may help, and read the answer."""
        tries = Tries(self._retry, again=call.again)
        while True:
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = await self._http.send(_request(self._http, call))
            except httpx.TransportError as error:
                outcome = error
            wait = tries.pause(outcome)
            if wait is None:
                return _result(call, outcome)
            await asyncio.sleep(wait)

    async def pages(
        self, text: str | None = None, **options: Unpack[SearchOptions]
    ) -> AsyncIterator[SearchResponse]:
        """A search's pages, one request each, until the last one."""
        asked: AskedSearch | None = search_of(text, options)
        while asked is not None:
            page = await self.send_later(search_call(asked))
            yield page
            asked = _next(asked, page)

    async def hits(self, text: str | None = None, **options: Unpack[SearchOptions]) -> AsyncIterator[Hit]:
        """A search's hits over all pages; ``limit`` is how many a page holds."""
        async for page in self.pages(text, **options):
            for hit in page.hits:
                yield hit

    async def close(self) -> None:
        """End the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _options(url: str, api_key: str | None, timeout: float) -> dict[str, Any]:
    if not url.startswith(("http://", "https://")):
        raise InvalidRequest("url", f"{url[:200]!r} is no http:// or https:// address")
    headers = {"User-Agent": "mmpipe-client", "Accept": "application/json"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    # A redirect could carry the key elsewhere.
    limits = httpx.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS))
    return {"base_url": url.rstrip("/"), "headers": headers, "timeout": limits, "follow_redirects": False}


def _request(http: httpx.Client | httpx.AsyncClient, call: Call[Any]) -> httpx.Request:
    if call.files:
        parts = {name: (name, data) for name, data in call.files.items() if name != "request"}
        form = {"request": call.files["request"]}
        return http.build_request(call.method, call.path, params=call.query(), data=form, files=parts)
    if call.file is not None:
        sent = {"Content-Type": call.content_type, "Content-Length": str(call.file.size)}
        pieces = call.file.pieces() if isinstance(http, httpx.Client) else call.file.pieces_later()
        return http.build_request(call.method, call.path, params=call.query(), content=pieces, headers=sent)
    headers: Mapping[str, str] = {} if call.body is None else {"Content-Type": call.content_type}
    return http.build_request(call.method, call.path, params=call.query(), content=call.body, headers=headers)


def _result(call: Call[R], outcome: httpx.Response | httpx.TransportError) -> R:
    if isinstance(outcome, httpx.TransportError):
        reason = str(outcome) or type(outcome).__name__
        raise Unreachable(f"no answer from the service ({reason})") from outcome
    if outcome.is_success:
        return call.read(outcome.content)
    if outcome.is_redirect:
        raise MmpipeError(f"the service sends elsewhere (HTTP {outcome.status_code}): give that address")
    raise error_of(outcome)


def _next(asked: AskedSearch, page: SearchResponse) -> AskedSearch | None:
    """The search for the page after, or None. What was heard on the first page is asked as words."""
    if page.next_cursor is None:
        return None
    return AskedSearch(asked.request.model_copy(update={"cursor": page.next_cursor}), asked.files)
