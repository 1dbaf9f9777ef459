"""Ids for the products of a file whose records stand alone: none is given to two products for sale."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Any, Final, NamedTuple

from mmpipe.catalogue.identity import id_of_text
from mmpipe.catalogue.rows import Meaning, Record
from mmpipe.catalogue.spool import Spool
from mmpipe.errors import InvalidFeed, InvalidRow

_FIRST_SLOTS: Final = 1 << 12


class Unnamed(NamedTuple):
    """A record that waits for its id. ``names`` are the ids that it would have, best first, at least one;
    ``owner`` is any text that is this product's alone in the file: a later record of the same owner is the
    same product again. The others as in :class:`~mmpipe.catalogue.rows.Record`."""

    row: int
    values: dict[str, Any]
    names: Sequence[str]
    owner: str
    meaning: Meaning = "product"
    group_id: str | None = None
    problem: InvalidRow | None = None

    def named(self, name: str) -> Record:
        """The record under this id; a withdrawn one says in its values that it is a deletion."""
        values = {"id": name, **self.values}
        if self.meaning == "withdrawn":
            values["_op"] = "delete"
        return Record(self.row, values, problem=self.problem, meaning=self.meaning, group_id=self.group_id)

    def candidates(self) -> Iterator[str]:
        """Its names, then ids that no other owner is given."""
        yield from self.names
        spare = f"{self.names[0]}/{self.owner}"
        yield id_of_text(spare)
        for number in count(2):
            yield id_of_text(f"{spare}/{number}")


def with_ids(found: Iterable[Record | Unnamed]) -> Iterator[Record]:
    """The records in their order, each under the first of its names that no other product for sale has.

    What is not for sale (withdrawn products, groups) comes last, so that it takes no id from what is,
    whichever stood first; only a product that was for sale further up is withdrawn where it stands. A file
    that breaks off gives what came before it, then its error.
    """
    ids = _Ids()
    broken: InvalidFeed | None = None
    with Spool[Unnamed]() as waiting:
        try:
            for item in found:
                if isinstance(item, Record):
                    yield item
                elif item.problem is not None:
                    yield item.named(item.names[0])
                elif item.meaning == "product":
                    yield item.named(ids.take(item))
                elif (name := ids.own(item)) is not None:
                    yield item.named(name)
                else:
                    waiting.put(str(item.row), item, 500 + len(repr(item.values)))
        except InvalidFeed as error:
            broken = error
        for _, items in waiting.groups():
            for item in items:
                yield item.named(ids.free(item))
    if broken is not None:
        raise broken


class _Ids:
    """Which product for sale has an id, in some twenty bytes each: an open hash table of hashes."""

    def __init__(self) -> None:
        self._keys, self._owners = _slots(_FIRST_SLOTS)
        self._used = 0

    def take(self, item: Unnamed) -> str:
        """The first of its names that is free or its own already; it is its own from now on."""
        owner = _short(item.owner)
        for name in item.candidates():
            slot = self._slot(hash(name) or 1)
            if not self._keys[slot]:
                self._keys[slot], self._owners[slot] = hash(name) or 1, owner
                self._used += 1
                if 3 * self._used > 2 * len(self._keys):
                    self._grow()
                break
            if self._owners[slot] == owner:
                break
        return name

    def own(self, item: Unnamed) -> str | None:
        """The name by which it is for sale already; None where it is not."""
        owner = _short(item.owner)
        for name in item.candidates():
            slot = self._slot(hash(name) or 1)
            if not self._keys[slot]:
                return None
            if self._owners[slot] == owner:
                return name
        return None

    def free(self, item: Unnamed) -> str:
        """The first of its names that no product for sale has."""
        return next(name for name in item.candidates() if not self._keys[self._slot(hash(name) or 1)])

    def _slot(self, key: int) -> int:
        keys = self._keys
        mask = len(keys) - 1
        slot = key & mask
        while keys[slot] and keys[slot] != key:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        keys, owners = self._keys, self._owners
        self._keys, self._owners = _slots(2 * len(keys))
        for key, owner in zip(keys, owners, strict=True):
            if key:
                slot = self._slot(key)
                self._keys[slot], self._owners[slot] = key, owner


def _slots(number: int) -> tuple[array[int], array[int]]:
    return array("q", bytes(8 * number)), array("i", bytes(4 * number))


def _short(owner: str) -> int:
    return hash(owner) >> 32
