"""Titles of a version's products, each distinct one once, by what somebody types."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.suggest.index import GONE_STANDING, Sought, WordIndex
from mmpipe.search.suggest.words import keys, words

if TYPE_CHECKING:
    from mmpipe.search.versions.version import Version

Page = Mapping[str, NDArray[Any]]
# A title is found by so many of its characters.
MOST_TITLE = 120
IN_STOCK, OUT_OF_STOCK = 0, 1
OTHER_SCRIPT = 2
"""Added to a standing where another language is preferred."""
# Fragments of fewer rows share a part with those of their size: a small write makes a small part anew.
_SIZES = (64, 512, 4_096)
_MOST_ROWS = 65_536


@dataclass(frozen=True)
class Title:
    """A title by the version's ``row`` of a product that has it, one in stock if any is; ``products`` are
    how many do."""

    row: int
    products: int


class TitlePart:
    """The titles of some fragments, whatever version they are of. Titles that differ in case or punctuation
    only are one, and shorter ones come first."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self.pages = tuple(pages)
        rows: dict[str, list[int]] = {}
        texts: dict[str, str] = {}
        row = 0
        for page in pages:
            start, data = page["json_start"].tolist(), page["json_bytes"]
            for begin, end in pairwise(start):
                title = _title(data[begin:end].tobytes())
                said = " ".join(word.text for word in words(title))
                if said:
                    rows.setdefault(said, []).append(row)
                    texts.setdefault(said, title)
                row += 1
        self.rows = row
        order = sorted(rows, key=lambda said: (said.count(" "), len(said), rows[said][0]))
        self.index = WordIndex(keys(texts[said], everywhere=False) for said in order)
        self.start = np.zeros(len(order) + 1, np.int64)
        np.cumsum([len(rows[said]) for said in order], out=self.start[1:])
        self.held = np.array([row for said in order for row in rows[said]], np.int32)
        self.foreign = np.array([is_foreign(texts[said]) for said in order], np.bool_)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        arrays = (self.start, self.held, self.foreign)
        return self.index.nbytes + sum(array.nbytes for array in arrays)


class PlacedPart:
    """A part in a version: which of its rows are there, and in stock."""

    def __init__(self, part: TitlePart, firsts: Sequence[int], alive: Any, in_stock: Any) -> None:
        """``firsts`` are the version's first rows of the part's fragments; ``alive`` and ``in_stock`` tell
        of each row of the version."""
        self.part = part
        of_row = [
            np.arange(first, first + len(page["json_start"]) - 1, dtype=np.int32)
            for first, page in zip(firsts, part.pages, strict=True)
        ]
        self.row = np.concatenate(of_row)[part.held] if len(part.held) else np.zeros(0, np.int32)
        lives = alive[self.row]
        of_rows = np.where(lives, np.where(in_stock[self.row], IN_STOCK, OUT_OF_STOCK), GONE_STANDING).astype(
            np.uint8
        )
        self.of_rows = of_rows
        empty = not len(self.row)
        self.standing = of_rows if empty else np.minimum.reduceat(of_rows, part.start[:-1])
        self.products = (
            np.zeros(0, np.int64) if empty else np.add.reduceat(lives.astype(np.int64), part.start[:-1])
        )

    @property
    def nbytes(self) -> int:
        """Bytes in memory, with the part's."""
        arrays = (self.row, self.of_rows, self.standing, self.products)
        return self.part.nbytes + sum(array.nbytes for array in arrays)

    def find(
        self, wanted: Sequence[Sought], limit: int, *, slips: bool, foreign: bool | None
    ) -> list[tuple[int, int]]:
        """The best entries, each behind its rank, see :meth:`WordIndex.find`; ``foreign`` prefers titles that
        are so, or are not."""
        standing = preferred(self.standing, self.part.foreign, foreign)
        entries, ranks = self.part.index.find(wanted, standing, limit, slips=slips)
        return list(zip(ranks.tolist(), entries.tolist(), strict=True))

    def title(self, entry: int) -> Title:
        """A living entry's product."""
        begin, end = self.part.start[entry], self.part.start[entry + 1]
        best = begin + int(np.argmin(self.of_rows[begin:end]))
        return Title(int(self.row[best]), int(self.products[entry]))


def preferred(
    standing: NDArray[np.uint8], foreign: NDArray[np.bool_], wanted: bool | None
) -> NDArray[np.uint8]:
    """Standings by which what is ``foreign``, or is not, comes before all else."""
    if wanted is None or not len(standing):
        return standing
    behind = (standing != GONE_STANDING) & (foreign != wanted)
    return standing + np.where(behind, OTHER_SCRIPT, 0).astype(np.uint8)


def is_foreign(text: str) -> bool:
    """Whether any of it is Chinese, Japanese or Korean."""
    return not text.isascii() and any(word.run for word in words(text))


def placed(version: Version, former: Sequence[PlacedPart]) -> list[PlacedPart]:
    """The titles of a version; parts of ``former`` whose fragments are the same are taken over."""
    groups = _groups(version.layout.sizes)
    pages = [fragment.parts["page"] for fragment in version.fragments.values()]
    bases = version.layout.bases.tolist()
    alive = _bits(version.alive)
    in_stock = _bits(version.coded["availability"].mask(["in_stock"]))
    found = []
    for places in groups:
        own = [pages[place] for place in places]
        part = next((held.part for held in former if _same(held.part.pages, own)), None) or TitlePart(own)
        found.append(PlacedPart(part, [bases[place] for place in places], alive, in_stock))
    return found


def _groups(sizes: Sequence[int]) -> list[list[int]]:
    """The places of the fragments of each part: those of about the same size, of large ones as many as have
    :data:`_MOST_ROWS` together."""
    groups: dict[tuple[int, int], list[int]] = {}
    rows = number = 0
    for place, size in enumerate(sizes):
        small = next((at for at, most in enumerate(_SIZES) if size < most), None)
        if small is None and rows and rows + size > _MOST_ROWS:
            rows, number = 0, number + 1
        rows += size if small is None else 0
        groups.setdefault((len(_SIZES), number) if small is None else (small, 0), []).append(place)
    return list(groups.values())


def _same(one: Sequence[Page], other: Sequence[Page]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _bits(words: NDArray[np.uint64]) -> NDArray[np.bool_]:
    return np.unpackbits(np.ascontiguousarray(words).view(np.uint8), bitorder="little").view(np.bool_)


def _title(members: bytes) -> str:
    title = json.loads(b"{%b}" % members)["title"]
    return title[:MOST_TITLE] if title else ""
