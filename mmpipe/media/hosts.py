"""Which hosts may be asked, and which network addresses never."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from mmpipe.errors import MediaNotAllowed

_UNUSABLE: Final = re.compile("[\x00-\x1f\x7f\\\\\ud800-\udfff]")
_ASCII: Final = "".join(map(chr, range(0x80)))
_HOST: Final = re.compile(r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_LOCAL_NAT64: Final = ipaddress.ip_network("64:ff9b:1::/48")
_IPV4_COMPATIBLE: Final = ipaddress.ip_network("::/96")


@dataclass(frozen=True, slots=True)
class CheckedUrl:
    """An https address on an allowed host, taken apart once, so that what was checked is what is asked."""

    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The host, with its port where that is not 443."""
        return self.host if self.port == 443 else f"{self.host}:{self.port}"

    @property
    def address(self) -> str:
        """The normalised address."""
        return f"https://{self.authority}{self.target}"


def check_url(field: str, url: str, allowed_hosts: Sequence[str]) -> CheckedUrl:
    """The parts of ``url`` if it is https on a host of the list; ``MediaNotAllowed`` otherwise.

    An entry is an exact host (``cdn.shop.com``, with a port ``cdn.shop.com:8443`` where it is not 443) or
    ``*.shop.com`` for every host below it. What a path or query may not hold as it is, spaces and everything
    beyond ASCII, is percent-encoded as browsers do, in UTF-8; a percent sign stays, for it may have been
    encoded already.
    """
    url = url.strip(" ")
    _check_characters(field, url)
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port or 443
        host = host.encode("idna").decode().lower() if not host.isascii() else host
    except (ValueError, UnicodeError):
        raise MediaNotAllowed(field, "is no usable https:// address: correct it") from None
    if parts.scheme.lower() != "https":
        raise MediaNotAllowed(
            field, f"{parts.scheme[:20] or 'relative'} links are not followed: use https://"
        )
    if parts.username is not None or parts.password is not None:
        raise MediaNotAllowed(field, "carries a user name: use an address that needs none")
    if not _HOST.match(host):
        raise MediaNotAllowed(field, "names no host: write https://host/path")
    if not _listed(host, port, allowed_hosts):
        known = ", ".join(allowed_hosts[:10]) or "none yet"
        raise MediaNotAllowed(
            field, f"host {host[:100]} is not allowed: use one of the allowed hosts ({known})"
        )
    target = quote(parts.path or "/", safe="%/:@!$&'()*+,;=~-._")
    if parts.query:
        target += "?" + quote(parts.query, safe="%/:@!$&'()*+,;=~-._?")
    return CheckedUrl(host, port, target)


def redirected(field: str, url: CheckedUrl, location: str) -> str:
    """Where a ``Location`` header sends a request for ``url``; still to be checked.

    ``location`` is as :mod:`http.client` gives it, a character for each byte. Bytes beyond ASCII are UTF-8,
    or else stay the bytes that they are, as in browsers.
    """
    raw = location.strip(" \t").encode("latin-1")
    try:
        address = raw.decode()
    except UnicodeDecodeError:
        address = quote(raw, safe=_ASCII)
    _check_characters(field, address)
    try:
        return urljoin(url.address, address)
    except ValueError:
        raise MediaNotAllowed(
            field, f"{url.host} redirects to no usable address: link the file itself"
        ) from None


def is_public(address: str) -> bool:
    """Whether an IP address is an ordinary one of the public internet, also inside every way to wrap IPv4
    in IPv6.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _LOCAL_NAT64 or ip in _IPV4_COMPATIBLE:
            return False
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback)


def _check_characters(field: str, url: str) -> None:
    # Python's parser takes some of them out and browsers take back-slashes for slashes: what is checked and
    # what is asked must not depend on who reads it.
    if _UNUSABLE.search(url):
        raise MediaNotAllowed(field, "holds a back-slash or control character: encode it as in %5C")


def _listed(host: str, port: int, allowed: Sequence[str]) -> bool:
    for entry in allowed:
        name, _, entry_port = entry.strip().lower().rstrip(".").partition(":")
        if port != int(entry_port or 443):
            continue
        if host == name or (name.startswith("*.") and len(name) > 2 and host.endswith(name[1:])):
            return True
    return False
