"""A query's words, as full text looks for them: each in one or several ways."""

from __future__ import annotations

from typing import NamedTuple


class Way(NamedTuple):
    """``tokens`` that a product holds, all of them, for a word to be in it, and the ``factor`` that its
    occurrences count for: 1 for the word itself, less for what only stands for it."""

    tokens: tuple[str, ...]
    factor: float = 1.0


class Word(NamedTuple):
    """One word: a product holds it that holds one of the ``ways``. ``text`` is what it was asked as."""

    text: str
    ways: tuple[Way, ...]

    @property
    def plain(self) -> bool:
        """Whether it is one token as it stands."""
        return len(self.ways) == 1 and len(self.ways[0].tokens) == 1 and self.ways[0].factor == 1.0


def plain(token: str) -> Word:
    """The word that is one token."""
    return Word(token, (Way((token,)),))
