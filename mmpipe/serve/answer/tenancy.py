"""Who asks, and which collections that caller has.

What a request may see is told once, by the guard of its route, and held here for as long as the request runs:
every :class:`~mmpipe.serve.answer.source.Source` asks :func:`chosen` before it opens a collection, so that no
route can forget to. A request that no guard has let in has no collection. Work that no request began, as a
job's or a test's, may open every one.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from mmpipe.errors import InvalidRequest, UnknownCollection


class _OfCollection(Protocol):
    @property
    def collection(self) -> str: ...


V = TypeVar("V", bound=_OfCollection)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one caller may do: ``scopes``, in ``collections``; ``None`` is every collection."""

    name: str
    scopes: frozenset[str] = frozenset()
    collections: frozenset[str] | None = frozenset()

    def has(self, collection: str) -> bool:
        """Whether this collection is one of the caller's."""
        return self.collections is None or collection in self.collections


NOBODY: Final = Grant("")
EVERYBODY: Final = Grant("", collections=None)
"""Who asks a service that asks nobody who it is."""


class Caller:
    """The caller of one request; ``collection`` is the last one that was opened for it."""

    __slots__ = ("collection", "grant")

    def __init__(self, grant: Grant = NOBODY) -> None:
        self.grant = grant
        self.collection: str | None = None


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


def begin(caller: Caller) -> Token[Caller | None]:
    """From now on ``caller`` asks; :func:`end` takes the result."""
    return _caller.set(caller)


def end(token: Token[Caller | None]) -> None:
    """Who asked before asks again."""
    _caller.reset(token)


def current() -> Caller | None:
    """Who asks; ``None`` where no request does."""
    return _caller.get()


def let_in(grant: Grant) -> None:
    """From now on the request is that of this caller."""
    caller = _caller.get()
    if caller is not None:
        caller.grant = grant


def chosen(collection: str | None) -> str | None:
    """The collection that is meant, ``None`` for the lake's only one.

    Without a name it is the caller's own where that is one. Raises ``UnknownCollection`` for what is not the
    caller's, in the words for what there is not, ``InvalidRequest`` where the caller has several.
    """
    caller = _caller.get()
    if caller is None or (held := caller.grant.collections) is None:
        return collection
    if collection is None:
        if len(held) != 1:
            names = ", ".join(sorted(held)[:20])
            raise InvalidRequest("collection", f"say which: {names}" if held else "this caller has none")
        return next(iter(held))
    if collection not in held:
        raise no_such(collection)
    return collection


def no_such(collection: str) -> UnknownCollection:
    """The error for a collection that there is not, or not for this caller."""
    return UnknownCollection(f"there is no collection {collection[:80]!r}")


def opened(version: V) -> V:
    """Note that the request is about this version's collection."""
    caller = _caller.get()
    if caller is not None:
        caller.collection = version.collection
    return version


def visible(collection: str) -> bool:
    """Whether the caller may know of this collection."""
    caller = _caller.get()
    return caller is None or caller.grant.has(collection)
