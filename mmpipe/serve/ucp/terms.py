"""What was agreed with the agent that asks: the capabilities that both sides have.

An agent says who it is by the address of its profile (``UCP-Agent``, a dictionary of RFC 8941, or MCP's
``meta``). Where profiles are fetched, the intersection of that and ours is agreed; where they are not, what a
request uses shows what its agent knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from mmpipe.serve.ucp.names import EXTENSION_VERSION, LOOKUP, PARENTS, SEARCH, VERSION, is_local
from mmpipe.serve.ucp.refused import DISCOVERY, Refused

if TYPE_CHECKING:
    from mmpipe.serve.ucp.names import Extension

_MOST_HEADER: Final = 8_000
_MOST_URL: Final = 2_000
_KEY: Final = r"[a-z*][a-z0-9_.*-]*"
_STRING: Final = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_WORD: Final = r"[A-Za-z*][!#$%&'*+.^_`|~:/0-9A-Za-z-]*"
_BARE: Final = rf"{_STRING}|{_WORD}|-?[0-9]{{1,15}}(?:\.[0-9]{{1,3}})?|\?[01]|:[A-Za-z0-9+/=]*:"
_INNER: Final = rf"\((?:[ ]*(?:{_BARE})(?:;[ ]*{_KEY}(?:=(?:{_BARE}))?)*(?=[ )]))*[ ]*\)"
_MEMBER: Final = re.compile(
    rf"[ ]*(?P<key>{_KEY})(?:=(?P<value>{_BARE}|{_INNER}))?"
    rf"(?P<parameters>(?:;[ ]*{_KEY}(?:=(?:{_BARE}))?)*)[ \t]*(?:,[ \t]*|$)"
)
_PARAMETER: Final = re.compile(rf";[ ]*(?P<key>{_KEY})(?:=(?P<value>{_BARE}))?")
_ESCAPED: Final = re.compile(r"\\(.)")
_VERSION: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Agent:
    """Who asks: its profile's address, and the version of the protocol where it says it itself."""

    profile: str | None = None
    version: str | None = None

    @classmethod
    def of_header(cls, header: str) -> Agent:
        """Of the header's value; empty where there is none. Raises :class:`Refused`."""
        if not header.strip():
            return cls()
        members = _dictionary(header)
        if members is None or "profile" not in members:
            raise _invalid('UCP-Agent is no dictionary with a profile; send profile="https://host/path"')
        profile, parameters = members["profile"]
        version = members.get("version", (parameters.get("version"), {}))[0]
        return cls._checked(profile, version)

    @classmethod
    def of_meta(cls, meta: Any) -> Agent:
        """Of MCP's ``meta`` argument, None where there is none. Raises :class:`Refused`."""
        told = meta.get("ucp-agent") if isinstance(meta, dict) else meta
        if told is None:
            return cls()
        if not isinstance(told, dict):
            raise _invalid('meta names no agent; send {"ucp-agent": {"profile": "https://host/path"}}')
        return cls._checked(told.get("profile"), told.get("version"))

    @classmethod
    def _checked(cls, profile: Any, version: Any) -> Agent:
        if not isinstance(profile, str) or not _is_address(profile):
            raise _invalid('the agent\'s profile has no usable address; send profile="https://host/path"')
        if version is not None:
            check_version(version)
        return cls(profile, version)


def check_version(version: Any) -> None:
    """Raises :class:`Refused` for another version of the protocol than ours."""
    if version != VERSION:
        named = version if isinstance(version, str) and _VERSION.fullmatch(version) else "that is named"
        raise Refused(
            "version_unsupported",
            f"the version {named} is not supported; this shop speaks {VERSION}",
            status=422,
            rpc=DISCOVERY,
        )


@dataclass(frozen=True)
class Terms:
    """``agreed`` are the capabilities that both have, with their versions; None where nobody knows the
    agent's. ``namespace`` is where our extensions are named, None where they cannot be declared."""

    namespace: str | None
    agreed: Mapping[str, str] | None = None

    @classmethod
    def between(cls, profile: Mapping[str, Any], namespace: str | None) -> Terms:
        """Those of a fetched profile: the same name, and a version that both have; of an extension, only
        where its parent is agreed too."""
        theirs = profile.get("capabilities")
        declared = theirs if isinstance(theirs, dict) else {}
        agreed = {
            name: version for name, version in ours(namespace).items() if version in _versions(declared, name)
        }
        orphans = [
            named(namespace, extension)
            for extension, parent in PARENTS.items()
            if namespace is not None and parent not in agreed
        ]
        return cls(namespace, {name: each for name, each in agreed.items() if name not in orphans})

    def covers(self, capability: str) -> bool:
        """Whether an operation of this capability may be carried out."""
        return self.agreed is None or capability in self.agreed

    def allows(self, extension: Extension) -> bool:
        """Whether an extension that a request uses takes part."""
        return self.agreed is None or (
            self.namespace is not None and named(self.namespace, extension) in self.agreed
        )

    def envelope(self, capability: str, used: Iterable[Extension] = (), *, ok: bool = True) -> dict[str, Any]:
        """The ``ucp`` member of an answer: the operation's capability, and its extensions that are agreed,
        or else in use."""
        active: dict[str, Any] = {}
        if self.covers(capability):
            active[capability] = [{"version": VERSION}]
        for extension, parent in PARENTS.items():
            known = extension in used if self.agreed is None else self.allows(extension)
            if self.namespace is not None and parent == capability and known:
                active[named(self.namespace, extension)] = [{"version": EXTENSION_VERSION, "extends": parent}]
        return {"version": VERSION, "status": "success" if ok else "error", "capabilities": active}


def named(namespace: str | None, extension: Extension) -> str:
    """The whole name of one of our extensions."""
    return f"{namespace}.{extension}"


def ours(namespace: str | None) -> dict[str, str]:
    """What this service can do, with its versions."""
    own = {} if namespace is None else {named(namespace, each): EXTENSION_VERSION for each in PARENTS}
    return {SEARCH: VERSION, LOOKUP: VERSION, **own}


def _versions(capabilities: Mapping[str, Any], name: str) -> list[Any]:
    entries = capabilities.get(name)
    return (
        [each.get("version") for each in entries if isinstance(each, dict)]
        if isinstance(entries, list)
        else []
    )


def _invalid(content: str) -> Refused:
    return Refused("invalid_profile_url", content, rpc=DISCOVERY)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return (
        len(url) <= _MOST_URL
        and url.isascii()
        and url.isprintable()
        and bool(host)
        and (parts.scheme == "https" or (parts.scheme == "http" and is_local(host or "")))
    )


def _dictionary(text: str) -> dict[str, tuple[str | None, dict[str, str | None]]] | None:
    """The members of an RFC 8941 dictionary, each with its parameters; None where it is none. Strings alone
    have a value."""
    if len(text) > _MOST_HEADER:
        return None
    found: dict[str, tuple[str | None, dict[str, str | None]]] = {}
    at, text = 0, text.strip(" ")
    while at < len(text):
        member = _MEMBER.match(text, at)
        if member is None:
            return None
        parameters = {each["key"]: _text(each["value"]) for each in _PARAMETER.finditer(member["parameters"])}
        found[member["key"]] = _text(member["value"]), parameters
        at = member.end()
    return None if text.endswith(",") else found


def _text(value: str | None) -> str | None:
    return _ESCAPED.sub(r"\1", value[1:-1]) if value is not None and value.startswith('"') else None
