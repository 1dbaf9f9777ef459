"""Which words name things, and which of a query's words says what is looked for.

Compounds are named by their last part: a phone case is a case. So a word that the shipped synonyms have
alone, or as the last part of compounds more than half as often as before another word, names things;
*wireless* does not, though a line has *wireless headphones*. What a line has beside such a name names a thing
too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import compress
from typing import TYPE_CHECKING, Final

from mmpipe.lexical import heads as heads_of
from mmpipe.search.columns.names import Roles
from mmpipe.search.find.synonyms import sections

if TYPE_CHECKING:
    from mmpipe.lexical import Item
    from mmpipe.search.find.pieces import Piece

# The part of the shipped synonyms that names no things begins with such a line.
_LOOKS: Final = "# Words of looks"
# What a title tells of a thing behind these is another one; in the other language the same.
_RELATIONS: Final = frozenset(("for", "with", "without", "including", "适用", "用于", "兼容"))
# Behind these a query tells no more what it is that is looked for.
_FOR: Final = frozenset(("for", "with", "without", "by", "from"))
# Several of a thing are that thing.
_SEVERAL: Final = frozenset(("set", "kit", "pack", "collection", "accessory", "套装", "套件", "组合", "配件"))


@dataclass(frozen=True)
class Things:
    """``names`` are tokens that a query may ask for a thing by; ``roles`` what tokens are to a title."""

    names: frozenset[str]
    roles: Roles


@lru_cache(maxsize=1)
def things() -> Things:
    """Of what is shipped."""
    last: Counter[str] = Counter()
    before: Counter[str] = Counter()
    joined: set[str] = set()
    alone: set[str] = set()
    groups: list[set[str]] = []
    for looks, group in _groups():
        for parts in group:
            (before if looks else last)[parts[-1]] += 1
            before.update(parts[:-1])
            if not looks:
                (joined if len(parts) > 1 else alone).add(parts[-1])
        if not looks:
            groups.append({parts[-1] for parts in group})
    ending = {token for token, count in last.items() if token in alone or before[token] <= 2 * count}
    named = {token for group in groups if group & ending & joined for token in group & ending}
    return Things(
        frozenset(named - _SEVERAL), Roles(sorted(named - _SEVERAL), sorted(_RELATIONS), _characters())
    )


def behind(found: Sequence[Item]) -> int:
    """How many of a text's words stand before what only says what the thing is for or has."""
    return next((at for at, item in enumerate(found) if at and item.text in _FOR), len(found))


def heads(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces of a query that say what is looked for, the likeliest to name it first: what names a thing
    before what does not, the last before what it stands behind. Amounts say nothing of it, nor does what is
    aside."""
    said = [piece for piece in pieces if not piece.aside and not piece.text[:1].isdecimal()]
    said.reverse()
    names = things().names
    named = [_names(piece, names) for piece in said]
    return [
        *compress(said, named),
        *(piece for piece, names_it in zip(said, named, strict=True) if not names_it),
    ]


def is_part(piece: Piece) -> bool:
    """Whether a piece is a single character of a longer run."""
    return piece.run is not None and len(piece.text) == 1 < len(piece.run)


def known(pieces: Iterable[Piece]) -> bool:
    """Whether products hold what names the thing that is looked for, or what stands for it; of a word whose
    last character names any device, what is before that does."""
    said = [piece for piece in heads(pieces) if piece.found or piece.text not in _characters()]
    return not said or bool(said[0].found)


def _names(piece: Piece, names: frozenset[str]) -> bool:
    if piece.run is not None:
        return piece.text[-2:] in names or any(not names.isdisjoint(way.tokens) for way, _ in piece.found)
    ways = piece.found[:1]
    return piece.ways[0][-1] in names or any(not names.isdisjoint(way.tokens) for way, _ in ways)


def _groups() -> Iterator[tuple[bool, list[tuple[str, ...]]]]:
    """The words of each line, by their tokens; and whether it says how things look."""
    for remark, lines in sections():
        for group in lines.groups:
            parts = [parts for text in (*group.en, *group.zh) if (parts := heads_of(text))]
            yield remark.startswith(_LOOKS), parts


@lru_cache(maxsize=1)
def _characters() -> tuple[str, ...]:
    lines = (files(__package__) / "parts.tsv").read_text(encoding="utf-8").splitlines()
    return tuple(line[0] for line in lines if line and not line.startswith("#"))
