"""The product glossary: what one thing is called in English and in Chinese.

``glossary.tsv`` holds one term a line (kind, key, English surfaces, Chinese surfaces). The text encoder
looks terms up by longest match, so "red dress" and "红色连衣裙" share the same two concepts; the trainer
writes its Chinese and code-mixed queries from the same table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

_LONGEST_WORDS = 5
_FULL_WIDTH_OFFSET = 0xFEE0


@dataclass(frozen=True, slots=True)
class Term:
    """One product term. The first surface of each language is the one phrases are written with."""

    kind: str
    key: str
    en: tuple[str, ...]
    zh: tuple[str, ...]

    @property
    def concept(self) -> str:
        """The language-independent name, ``kind/key``."""
        return f"{self.kind}/{self.key}"


@dataclass(frozen=True, slots=True)
class Span:
    """A glossary match: ``[start, stop)`` over the tokens (or characters) searched."""

    start: int
    stop: int
    terms: tuple[Term, ...]


def fold(text: str) -> str:
    """Lower-case, full-width forms to ASCII, curly quotes to straight ones."""
    lowered = text.lower().replace("’", "'").replace("‘", "'").replace("\u3000", " ")
    if lowered.isascii():
        return lowered
    return "".join(chr(ord(c) - _FULL_WIDTH_OFFSET) if "\uff01" <= c <= "\uff5e" else c for c in lowered)


def is_han(char: str) -> bool:
    """Whether ``char`` is a CJK ideograph (unified block, extension A, compatibility, iteration mark)."""
    return "\u4e00" <= char <= "\u9fff" or "\u3400" <= char <= "\u4dbf" or char in "〇々"


class Glossary:
    """Longest-match lookup over the terms, in both languages."""

    def __init__(self, terms: Iterable[Term]) -> None:
        self.terms: tuple[Term, ...] = tuple(terms)
        self.by_concept: dict[str, Term] = {t.concept: t for t in self.terms}
        self._en: dict[tuple[str, ...], tuple[Term, ...]] = {}
        self._zh: dict[str, tuple[Term, ...]] = {}
        for term in self.terms:
            for surface in term.en:
                words = tuple(split_words(fold(surface)))
                self._en[words] = (*self._en.get(words, ()), term)
            for surface in term.zh:
                key = fold(surface)
                self._zh[key] = (*self._zh.get(key, ()), term)
        self._longest_zh = max((len(s) for s in self._zh), default=0)

    def of_kind(self, kind: str) -> list[Term]:
        """The terms of one kind, in file order."""
        return [t for t in self.terms if t.kind == kind]

    def match_en(self, words: Sequence[str]) -> Iterator[Span]:
        """Longest matches, left to right, over folded English words."""
        start = 0
        while start < len(words):
            for stop in range(min(len(words), start + _LONGEST_WORDS), start, -1):
                terms = self._en.get(tuple(words[start:stop]))
                if terms:
                    yield Span(start, stop, terms)
                    start = stop
                    break
            else:
                start += 1

    def match_zh(self, run: str) -> Iterator[Span]:
        """Longest matches, left to right, over one folded run of Chinese text."""
        start = 0
        while start < len(run):
            for stop in range(min(len(run), start + self._longest_zh), start, -1):
                terms = self._zh.get(run[start:stop])
                if terms:
                    yield Span(start, stop, terms)
                    start = stop
                    break
            else:
                start += 1


def split_words(folded: str) -> list[str]:
    """Words of folded text: runs of letters, digits, apostrophes and inner hyphens become one word each.

    A hyphenated word is kept whole ("t-shirt"); Chinese characters are not part of any word.
    """
    words: list[str] = []
    current: list[str] = []
    for char in folded:
        if (char.isalnum() and not is_han(char)) or char in "'-":
            current.append(char)
        elif current:
            words.append("".join(current))
            current = []
    if current:
        words.append("".join(current))
    return [w for w in (word.strip("'-") for word in words) if w]


@lru_cache(maxsize=1)
def load_glossary() -> Glossary:
    """The glossary shipped in the package."""
    text = (files(__package__) / "glossary.tsv").read_text(encoding="utf-8")
    terms = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            kind, key, en, zh = line.split("\t")
            terms.append(Term(kind, key, tuple(en.split("|")), tuple(zh.split("|"))))
    return Glossary(terms)
