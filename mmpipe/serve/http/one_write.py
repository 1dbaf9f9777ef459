"""Answers that leave in one write: uvicorn's protocol writes head and body apart.

Each write of a small answer costs this process about as long as a search of a small catalogue, for it wakes
the proxy, which then reads, forwards and waits twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Data = bytes | bytearray | memoryview


class OneWriteProtocol(HttpToolsProtocol):
    """uvicorn's protocol over a :class:`JoiningTransport`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See :class:`asyncio.Protocol`."""
        super().connection_made(JoiningTransport(transport, self.loop))


class JoiningTransport(asyncio.Transport):
    """Holds what is written until the next write of the same turn of ``loop``, and then writes both at once.

    What no second write follows leaves with the next turn, or before the connection is closed. Order is kept.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._held: Data = b""

    def write(self, data: Data) -> None:
        """See :class:`asyncio.WriteTransport`."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(b"".join((held, data)))
        else:
            self._held = data
            self._loop.call_soon(self._flush)

    def writelines(self, list_of_data: Iterable[Data]) -> None:
        """See :class:`asyncio.WriteTransport`."""
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        """See :class:`asyncio.BaseTransport`."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """See :class:`asyncio.WriteTransport`."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """See :class:`asyncio.BaseTransport`."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See :class:`asyncio.BaseTransport`."""
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See :class:`asyncio.BaseTransport`."""
        self._flush()
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """See :class:`asyncio.BaseTransport`."""
        return self._transport.get_protocol()

    def pause_reading(self) -> None:
        """See :class:`asyncio.ReadTransport`."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """See :class:`asyncio.ReadTransport`."""
        self._transport.resume_reading()

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)
