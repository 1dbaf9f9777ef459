"""What must be known of the catalogue to understand a query's words, and the answer.

What the catalogue knows is asked of all shards that hold a part of it, so understanding is a generator that
says what it needs to be told and goes on with the answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Need:
    """What must be known of the catalogue: how many products hold each of ``tokens``, and which of its words
    are like each of ``unknown``, with how many slips at most."""

    tokens: tuple[str, ...]
    unknown: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Told:
    """The answer to a :class:`Need`: products by token, without those that none holds, and of each unknown
    word the words that are like it, with their distances; how many products hold these is in ``holding``
    too."""

    holding: Mapping[str, int]
    similar: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def total(cls, parts: Sequence[Told]) -> Told:
        """Of several shards, told the same need."""
        holding: Counter[str] = Counter()
        similar: dict[str, dict[str, int]] = {}
        for part in parts:
            holding.update(part.holding)
            for word, found in part.similar.items():
                similar.setdefault(word, {}).update(found)
        return cls(holding, similar)


Telling = Generator[Need, Told, T]
