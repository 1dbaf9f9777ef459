"""The protocol's names and addresses, and how ours are spelt."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import urlsplit

VERSION: Final = "2026-04-08"
SERVICE: Final = "dev.ucp.shopping"
SEARCH: Final = "dev.ucp.shopping.catalog.search"
LOOKUP: Final = "dev.ucp.shopping.catalog.lookup"
PROTOCOL: Final = f"https://ucp.dev/{VERSION}"
REST_PATH: Final = "/ucp"
MCP_PATH: Final = "/ucp/mcp"
MEDIA_PATH: Final = "/ucp/media"
PROFILE_PATH: Final = "/.well-known/ucp"

Extension = Literal["image_search", "facets", "recommendations"]
# Of each extension, its parent.
PARENTS: Final[dict[Extension, str]] = {
    "image_search": SEARCH,
    "facets": SEARCH,
    "recommendations": LOOKUP,
}
EXTENSION_VERSION: Final = "2026-11-29"
_FIRST: Final = re.compile(r"[a-z][a-z0-9]*")
_LABEL: Final = re.compile(r"[a-z][a-z0-9_]*")
_LOCAL: Final = "localhost"


def is_for_agents(path: str) -> bool:
    """Whether a path is one of the doors for agents, or below them."""
    return path in (PROFILE_PATH, REST_PATH) or path.startswith(f"{REST_PATH}/")


def is_local(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == _LOCAL


def namespace(base: str) -> str | None:
    """Where our extensions are named, for a service at ``base``: its host, reversed, and ``mmpipe``. None for
    a host that the protocol cannot spell, such as one with a hyphen.

    An agent takes an extension whose schema comes from the host that its name says, and no other.
    """
    host = (urlsplit(base).hostname or "").rstrip(".").lower()
    if is_local(host):
        return f"{_LOCAL}.mmpipe"
    labels = host.split(".")[::-1]
    if not _FIRST.fullmatch(labels[0]) or not all(_LABEL.fullmatch(label) for label in labels[1:]):
        return None
    return ".".join((*labels, "mmpipe"))
