"""The shop's own profile, at ``/.well-known/ucp``: what it can do, and where."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from mmpipe.serve.ucp.extensions import SCHEMAS
from mmpipe.serve.ucp.names import (
    EXTENSION_VERSION,
    LOOKUP,
    MCP_PATH,
    PARENTS,
    PROTOCOL,
    REST_PATH,
    SEARCH,
    SERVICE,
    VERSION,
    is_local,
    namespace,
)  # fmt: skip
from mmpipe.serve.ucp.refused import Refused
from mmpipe.serve.ucp.terms import named

if TYPE_CHECKING:
    from mmpipe.settings import UcpSettings

# How long anybody may keep it, in seconds; the protocol asks for a minute at least.
MAX_AGE: Final = 300
_HOST: Final = re.compile(r"(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_ADDRESS: Final = re.compile(r"[0-9.:\[\]]+")


def base_of(settings: UcpSettings, host: str, scheme: str) -> str:
    """The address that agents reach the service by: as it is set, else what the ``Host`` of this request
    says, by https wherever that is a name on the internet. Raises :class:`Refused` for a host that is none.
    """
    if settings.public_url is not None:
        return settings.public_url
    if not _HOST.fullmatch(host) or not _is_authority(host):
        raise Refused("invalid_request", "the Host header names no host; send one, as in shop.example")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() and ":" in host else host
    public = "." in name and not _ADDRESS.fullmatch(name) and not is_local(name.strip("[]"))
    return f"{'https' if public else scheme}://{host.lower()}"


def _is_authority(host: str) -> bool:
    try:
        parts = urlsplit(f"https://{host}")
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def profile(base: str) -> dict[str, Any]:
    """The profile of a service at ``base``."""
    own = namespace(base)
    capabilities: dict[str, Any] = {
        SEARCH: [_entity("specification/catalog/search", "schemas/shopping/catalog_search.json")],
        LOOKUP: [_entity("specification/catalog/lookup", "schemas/shopping/catalog_lookup.json")],
    }
    for extension, parent in PARENTS.items() if own is not None else ():
        capabilities[named(own, extension)] = [
            {
                "version": EXTENSION_VERSION,
                "spec": f"{base}{SCHEMAS}/{extension}.json",
                "schema": f"{base}{SCHEMAS}/{extension}.json",
                "extends": parent,
            }
        ]
    services = [
        {
            **_entity("specification/overview", f"services/shopping/{schema}"),
            "transport": transport,
            "endpoint": f"{base}{path}",
        }
        for transport, schema, path in (
            ("rest", "rest.openapi.json", REST_PATH),
            ("mcp", "mcp.openrpc.json", MCP_PATH),
        )
    ]
    return {
        "ucp": {
            "version": VERSION,
            "services": {SERVICE: services},
            "capabilities": capabilities,
            # Nothing can be bought here.
            "payment_handlers": {},
        }
    }


def _entity(spec: str, schema: str) -> dict[str, Any]:
    return {"version": VERSION, "spec": f"{PROTOCOL}/{spec}", "schema": f"{PROTOCOL}/{schema}"}
