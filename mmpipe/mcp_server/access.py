"""Who calls: what a caller may do, and with which collections."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from mmpipe.errors import InvalidRequest, UnknownCollection

Scope = Literal["search", "admin"]
SEARCH: Final[Scope] = "search"
ADMIN: Final[Scope] = "admin"
SCOPES: Final[tuple[Scope, ...]] = (SEARCH, ADMIN)


@dataclass(frozen=True, slots=True)
class Caller:
    """What one caller may do; ``collections`` None means all of them. ``name`` is its key's, empty where
    it has none."""

    scopes: frozenset[Scope] = frozenset(SCOPES)
    collections: frozenset[str] | None = None
    name: str = ""

    def may(self, scope: Scope) -> bool:
        """Whether tools of this scope are the caller's to use."""
        return scope in self.scopes

    def sees(self, collection: str) -> bool:
        """Whether the caller may know of this collection."""
        return self.collections is None or collection in self.collections

    def collection(self, asked: str | None) -> str | None:
        """The collection that a call is about; None leaves it to whoever answers, for the only one there is.

        Raises ``UnknownCollection`` for one that is not the caller's, whether or not it exists, and
        ``InvalidRequest`` where the caller has several and names none.
        """
        if self.collections is None:
            return asked
        if asked is not None:
            if asked not in self.collections:
                raise UnknownCollection(f"no collection {asked[:63]!r} for this caller; {self._own()}")
            return asked
        if len(self.collections) != 1:
            raise InvalidRequest("collection", self._own())
        return next(iter(self.collections))

    def within(self, other: Caller) -> Caller:
        """What both of them may do, by the name of this one."""
        mine, others = self.collections, other.collections
        both = others if mine is None else mine if others is None else mine & others
        return Caller(self.scopes & other.scopes, both, self.name)

    def _own(self) -> str:
        names = ", ".join(sorted(self.collections or ())[:20])
        return f"name one of: {names}" if names else "it may use no collection at all"


Access = Callable[[str], Awaitable[Caller]]
"""From the value of an ``Authorization`` header, empty where there is none, to its caller. Raises
``Unauthorized``, and ``NotReady`` while keys cannot be read."""
