"""What else than products is suggested: categories, brands, and what others asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.columns.words import Word
from mmpipe.search.find.synonyms import base
from mmpipe.search.find.words import understand_by
from mmpipe.search.suggest.index import Ranks, Sought, WordIndex
from mmpipe.search.suggest.titles import is_foreign, preferred
from mmpipe.search.suggest.words import keys_of_name

if TYPE_CHECKING:
    from mmpipe.search.suggest.asked import Popular
    from mmpipe.search.versions.version import Version

# Of a field, the commonest so many values are suggested.
MOST_NAMES = 20_000
_LEVEL = " > "


@dataclass(frozen=True)
class Name:
    """``count`` products are of it; None where it is not known. ``value`` is what to filter by."""

    text: str
    count: int | None
    value: str | None = None


@dataclass(frozen=True)
class Names:
    """Names of one kind, the likeliest first."""

    names: tuple[Name, ...] = ()

    @cached_property
    def index(self) -> WordIndex:
        """Which of them hold words."""
        return WordIndex(keys_of_name(name.text) for name in self.names)

    @cached_property
    def _foreign(self) -> NDArray[np.bool_]:
        return np.array([is_foreign(name.text) for name in self.names], np.bool_)

    @cached_property
    def _standing(self) -> NDArray[np.uint8]:
        return np.zeros(len(self.names), np.uint8)

    def find(
        self, wanted: Sequence[Sought], limit: int, *, slips: bool, foreign: bool | None
    ) -> list[tuple[int, Name]]:
        """The best with their ranks, see :meth:`WordIndex.find`; ``foreign`` prefers those that are so, or
        are not."""
        found: tuple[NDArray[np.int64], Ranks] = self.index.find(
            wanted, preferred(self._standing, self._foreign, foreign), limit, slips=slips
        )
        pairs = zip(*(each.tolist() for each in found), strict=True)
        return [(rank, self.names[entry]) for entry, rank in pairs]

    def first(self, limit: int, *, foreign: bool | None) -> list[Name]:
        """The likeliest."""
        order = np.argsort(preferred(self._standing, self._foreign, foreign), kind="stable")
        return [self.names[at] for at in order[:limit].tolist()]


def names_of(found: Iterable[Name], former: Names) -> Names:
    """``former`` where that has the same, with the index that was made for it."""
    made = tuple(found)
    return former if made == former.names else Names(made)


def categories(version: Version) -> list[Name]:
    """Every category of living products and every one above, by its last label; the largest first."""
    tally = version.coded["category"].tally(version.alive, MOST_NAMES)
    return [Name(path.split(_LEVEL)[-1], count, path) for path, count in tally]


def brands(version: Version) -> list[Name]:
    """Every brand of living products, the largest first."""
    tally = version.coded["brand"].tally(version.alive, MOST_NAMES)
    return [Name(brand, count, brand) for brand, count in tally]


def queries(version: Version, popular: Iterable[Popular]) -> list[Name]:
    """Of what was asked, what finds something in this version, in the order given.

    Every word must be one that a living product holds, or one that stands for such a word: whoever is named
    in a query is none of the catalogue's words. One product must hold all of them, or somebody must have
    clicked in what was found.
    """
    found = []
    for each in popular:
        products = matching(version, each.text)
        if products is not None and (products or each.clicked):
            found.append(Name(each.text, products or None))
    return found


def matching(version: Version, text: str) -> int | None:
    """How many living products hold all words of a text; None where none holds one of them."""
    words: tuple[Word, ...] = understand_by(version.text, text, base(), typos=False).words
    if not words:
        return None
    terms = version.text.find(words)
    if int(terms.df.min()) == 0:
        return None
    weights = np.zeros(len(terms.df), np.float64)
    required = len(terms.df) if terms.used is None else len(terms.used)
    return len(version.text.search(terms, weights, 1.0, version.alive, required).rows)
