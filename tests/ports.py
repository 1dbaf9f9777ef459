"""Ports of this machine for processes that are told theirs."""

from __future__ import annotations

import socket
from typing import Final

_HELD: Final[list[socket.socket]] = []


def free_port() -> int:
    """A port of the loopback address on which nobody listens, and that no other socket is given until this
    process ends. Who asks for it by its number, and lets addresses be used again as servers do, may."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    return int(held.getsockname()[1])
