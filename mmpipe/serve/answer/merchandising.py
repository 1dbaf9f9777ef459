"""What a shop's people set for its searches: merchandising rules and synonyms; the rules of one search."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mmpipe.lake.rules import RuleFile
from mmpipe.lake.synonyms import SynonymFile
from mmpipe.schemas.rules import RuleSet, RuleVersions
from mmpipe.search.page import cursor
from mmpipe.search.rules import RuleBook
from mmpipe.serve.answer.set_files import FollowedFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmpipe.lake import Lake
    from mmpipe.schemas.rules import Rule
    from mmpipe.schemas.search import SearchRequest
    from mmpipe.search.rules import Effects

# Versions of a collection's rules that page cursors go on with.
_HELD = 4


class Merchandising:
    """Of one replica. :meth:`effects` touches memory only; whatever reads or writes the lake is awaited.

    ``follow_synonyms`` is called with a collection whose synonyms were set here: searches know them at once.
    """

    def __init__(self, lake: Lake, follow_synonyms: Callable[[str], None]) -> None:
        self._lake = lake
        self._follow_synonyms = follow_synonyms
        self._books = FollowedFiles(lake, what="rules", file=RuleFile, make=RuleBook)
        self._held: dict[str, dict[int, RuleBook]] = {}

    def start(self) -> None:
        """Look once, then keep looking on a thread. Blocks for the look."""
        self._books.look()
        self._books.start()

    def close(self) -> None:
        """Stop looking."""
        self._books.close()

    def look(self) -> None:
        """Look at every collection's rules now. Blocks."""
        self._books.look()

    def effects(
        self, collection: str, request: SearchRequest, text: str | None, tried: RuleBook | None = None
    ) -> Effects | None:
        """What the rules of a search for ``text`` come to, None where none takes part; on later pages those
        of the first. ``tried`` are rules that are not set."""
        book = (tried or self._books.of(collection)) if request.rules else None
        if book is None:
            return None
        held = self._held.setdefault(collection, {})
        if book.version not in held:
            held[book.version] = book
            for version in sorted(held)[:-_HELD]:
                del held[version]
        if request.cursor is None:
            categories = request.filters.category or ()
            return book.effects(text, categories, request.context, datetime.now(UTC))
        pinned = cursor.decode(request.cursor).rules
        return None if pinned is None else held.get(pinned[0], book).named(pinned[1])

    async def rules(self, collection: str, version: int | None = None) -> RuleSet:
        """The rules of a version, unless given the current ones. Raises ``InvalidRequest`` for one that there
        is not, ``StorageUnavailable``."""
        file = await asyncio.to_thread(self._rule_file, collection)
        if version is None:
            return await asyncio.to_thread(file.read)
        return await asyncio.to_thread(file.version, version)

    async def versions(self, collection: str) -> RuleVersions:
        """See :class:`RuleVersions`."""
        file = await asyncio.to_thread(self._rule_file, collection)
        return RuleVersions(versions=await asyncio.to_thread(file.versions))

    async def set_rules(self, collection: str, rules: Sequence[Rule], former: int | None) -> RuleSet:
        """See :meth:`RuleFile.set`. This replica goes by them at once, the others within seconds."""
        file = await asyncio.to_thread(self._rule_file, collection)
        found = await asyncio.to_thread(file.set, rules, former=former)
        await asyncio.to_thread(self._books.look_at, collection)
        return found

    async def synonyms(self, collection: str) -> bytes:
        """The collection's own synonyms, as they were set."""
        file = await asyncio.to_thread(self._synonym_file, collection)
        return await asyncio.to_thread(file.text)

    async def set_synonyms(self, collection: str, data: bytes) -> int:
        """Replace them; gives how many lines there are. Raises ``InvalidRequest`` naming a bad line."""
        file = await asyncio.to_thread(self._synonym_file, collection)
        lines = await asyncio.to_thread(file.replace, data)
        await asyncio.to_thread(self._follow_synonyms, collection)
        return len(lines)

    def _rule_file(self, collection: str) -> RuleFile:
        held = self._lake.collection(collection)
        return RuleFile(held.store, held.uri)

    def _synonym_file(self, collection: str) -> SynonymFile:
        held = self._lake.collection(collection)
        return SynonymFile(held.store, held.uri)
