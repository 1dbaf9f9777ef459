"""Which product of a file an id belongs to where several would have it, in a few bytes a variant."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final, NamedTuple

import numpy as np

from mmpipe.catalogue.identity import id_of_text

_BUCKETS: Final = 1 << 16
_MAX_BYTES: Final = 64 << 20


class Names(NamedTuple):
    """What a variant may be called: by its ``sku`` (an id already), by Shopify's ``number`` for it, or by its
    ``parts``: handle and option values."""

    sku: str
    parts: Sequence[str]
    number: str = ""

    @classmethod
    def of(cls, sku: str, parts: Sequence[str], number: str = "") -> Names:
        """Names of a SKU as an export writes it; spreadsheets put a quote before it."""
        return cls(id_of_text(sku.lstrip(" '")), parts, number)

    @property
    def wanted(self) -> list[str]:
        """The names that it should have, best first: the SKU, then the number, or ``handle-Red-M``."""
        return [name for name in (self.sku, self._second()) if name]

    @property
    def first(self) -> str:
        """The best of them; empty where there is none."""
        return self.sku or self._second()

    @property
    def spare(self) -> str:
        """A name that no variant of another product has."""
        return id_of_text("/".join([*self.parts, self.number]))

    def _second(self) -> str:
        return self.number or id_of_text("-".join(self.parts))


class Claims:
    """Settles who is called what: the first product for sale that claims an id has it.

    While a file is read, each variant claims the first of its names (:meth:`claim`) and each product says
    whether it is for sale (:meth:`said`). After :meth:`settle`, :meth:`name` gives every variant an id that
    no product for sale but its own has in this file. A product is named here by any text that is its alone.
    """

    def __init__(self) -> None:
        self._ids, self._owners = array("q"), array("q")
        self._heard, self._live = array("q"), array("b")
        self._sorted = self._sorted_owners = np.zeros(0, dtype=np.int64)
        # Ids that several products claim, and whose each is: None where none of them is for sale.
        self._contested: dict[int, int | None] = {}
        # Names other than the one that was claimed, and whose they became.
        self._given: dict[int, int] = {}

    def claim(self, names: Names, product: str) -> None:
        """A variant of ``product`` would be called by the first of ``names``."""
        if name := names.first:
            self._ids.append(hash(name))
            self._owners.append(hash(product))

    def said(self, product: str, live: bool) -> None:
        """Whether a product is for sale. The first word counts; without one it is."""
        self._heard.append(hash(product))
        self._live.append(live)

    def settle(self) -> None:
        """Compare all claims; once, when the whole file is read."""
        ids, owners = np.array(self._ids, dtype=np.int64), np.array(self._owners, dtype=np.int64)
        heard, first = np.unique(np.array(self._heard, dtype=np.int64), return_index=True)
        withdrawn = heard[np.array(self._live, dtype=np.int8)[first] == 0]
        order = np.argsort(ids, kind="stable")
        ids, owners = ids[order], owners[order]
        several = np.unique(ids[1:][(ids[1:] == ids[:-1]) & (owners[1:] != owners[:-1])])
        live = np.isin(ids, several) & ~np.isin(owners, withdrawn)
        winners, place = np.unique(ids[live], return_index=True)
        self._sorted, self._sorted_owners = ids, owners
        self._contested = dict.fromkeys(several.tolist())
        self._contested.update(zip(winners.tolist(), owners[live][place].tolist(), strict=True))

    def is_contested(self, name: str) -> bool:
        """Whether variants of several products claim this id."""
        return hash(name) in self._contested

    def name(self, names: Names, product: str, taken: set[str]) -> str:
        """The id of a variant: the first of its names that is neither another product's nor in ``taken``, the
        ids of its own product's earlier variants, and with a number behind it where they all are. It is added
        to ``taken``. What is withdrawn takes no id from what is for sale."""
        owner = hash(product)
        name = names.first
        if not name or name in taken or self._contested.get(hash(name)) not in (None, owner):
            others = _others(names, taken)
            name = next(name for name in others if name not in taken and self._is_free(name, owner))
            self._given[hash(name)] = owner
        taken.add(name)
        return name

    def _is_free(self, name: str, owner: int) -> bool:
        """Whether no other product claims a name or was given it."""
        key = hash(name)
        if self._given.get(key, owner) != owner:
            return False
        start = np.searchsorted(self._sorted, key, "left")
        end = np.searchsorted(self._sorted, key, "right")
        return bool((self._sorted_owners[start:end] == owner).all())


def _others(names: Names, taken: set[str]) -> Iterator[str]:
    """All names but the first, and then ever more."""
    wanted, spare = names.wanted, names.spare
    yield from wanted[1:]
    if wanted and wanted[-1] in taken:
        yield id_of_text(f"{wanted[-1]}-{len(taken) + 1}")
    if spare:
        yield spare
    for number in count(len(taken) + 1):
        yield id_of_text(f"{spare}-{number}")


class Shares:
    """How much of a file each product may hold, since what belongs together is read into memory together."""

    def __init__(self) -> None:
        self._bytes = array("Q", bytes(8 * _BUCKETS))

    def admits(self, product: str, size: int) -> bool:
        """Whether ``size`` bytes more of this product still fit into 64 MiB."""
        bucket = hash(product) & (_BUCKETS - 1)
        self._bytes[bucket] += size
        return self._bytes[bucket] <= _MAX_BYTES
