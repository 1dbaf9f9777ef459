"""Python imports this by itself where its folder is on ``PYTHONPATH``: no connection leaves the machine.

An attempt is written to the file that ``LEAVING`` names, and refused. An address is this machine's where a
socket can be bound to it. Only Python's own sockets are seen: what Go, Rust and C++ send goes by the proxies
of the environment, which end at a closed door.
"""

from __future__ import annotations

import functools
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

LEAVING = "MMPIPE_TESTS_LEAVING"


@functools.lru_cache(maxsize=4_096)
def is_here(host: str, family: int) -> bool:
    """Whether this address is one of this machine."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


@functools.lru_cache(maxsize=1)
def own_names() -> frozenset[str]:
    """Names that are looked up without asking anybody."""
    return frozenset({"", "localhost", "localhost.localdomain", socket.gethostname()})


def is_address(host: str) -> bool:
    """Whether this is an address rather than a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except OSError:
            continue
        return True
    return False


def leaves(event: str, arguments: tuple[Any, ...]) -> str | None:
    """Where to, if this would send something to another machine."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
        name = host.decode() if isinstance(host, bytes) else host
        return None if name is None or name in own_names() or is_address(name) else f"lookup of {name}"
    if event not in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        return None
    made, address = arguments[:2]
    if made.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
        return None
    if event == "socket.connect" and made.type == socket.SOCK_DGRAM:
        return None  # chooses the address to send from, and sends nothing
    host = str(address[0])
    if host in own_names() or is_here(host, int(made.family)):
        return None
    return f"{host}:{address[1]}"


def watch(path: str) -> Callable[[], None]:
    """Watch this process from now on; call what is returned to let it be."""
    watching = [True]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if not watching or not event.startswith("socket."):
            return
        to = leaves(event, arguments)
        if to is not None:
            with open(path, "a", encoding="utf-8") as found:
                found.write(f"{to} by {' '.join(sys.orig_argv)[:200]}\n")
            raise OSError(f"{to} is off this machine, and nothing may be sent there")

    sys.addaudithook(hook)  # for good: hooks cannot be taken away
    return watching.clear


if os.environ.get(LEAVING):
    watch(os.environ[LEAVING])
