"""Other words for the same thing, in English and Chinese: which a query is looked for by besides its own.

A *group* is a set of words that stand for one another; a *replacement* goes one way, from what is asked to
what is looked for. The base set, ``synonyms.tsv``, is shipped, and the starter models' glossary is part of
it; a collection's own (:mod:`mmpipe.lake.synonyms`) come on top.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from itertools import count

import numpy as np

from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.lake.synonyms import Group, Replacement, SynonymLines, parse_synonyms
from mmpipe.lexical import fold, items
from mmpipe.search.find.dictionary import Dictionary
from mmpipe.search.find.pinyin import Readings
from mmpipe.search.kernels.memory import address
from mmpipe.search.kernels.similar import similar

# What occurrences of another word count for: of the same language, of the other one (the word that it is
# mostly called by, and the rest), of what a replacement names.
SAME, TRANSLATED, ALSO_TRANSLATED, REPLACED = 0.8, 0.9, 0.8, 0.6
# What a Chinese word counts for that was typed in letters: several words may read so.
TYPED = 0.9
_LONGEST = 5
_FILE = "synonyms.tsv"
_NUMBERS = count()


@dataclass(frozen=True, slots=True)
class Other:
    """Another way to say something: ``text``, found by any of ``tokens`` (all of one of them), for a
    ``factor`` of what the word itself earns."""

    text: str
    tokens: tuple[tuple[str, ...], ...]
    factor: float


@dataclass(frozen=True)
class _Vocabulary:
    """Single words that are known, in the order of their UTF-8."""

    words: tuple[str, ...] = ()
    starts: np.ndarray[tuple[int], np.dtype[np.int64]] = field(default_factory=lambda: np.zeros(1, np.int64))
    data: np.ndarray[tuple[int], np.dtype[np.uint8]] = field(default_factory=lambda: np.zeros(0, np.uint8))


class Synonyms:
    """Lookup of what stands for what."""

    def __init__(
        self,
        groups: Sequence[Group] = (),
        replacements: Sequence[Replacement] = (),
        *,
        alone: Sequence[str] = (),
        shipped: tuple[int, int] = (0, 0),
        dictionary: Dictionary | None = None,
    ) -> None:
        """The first ``shipped`` groups and replacements do not count for the words of ``alone``. A
        ``dictionary`` says what words mean that are not known here."""
        self.dictionary = dictionary
        # Tells what was understood by these from what was by others.
        self.number = next(_NUMBERS)
        self._words: dict[tuple[str, ...], dict[str, Other]] = {}
        self._runs: dict[str, dict[str, Other]] = {}
        self._take(groups[: shipped[0]], replacements[: shipped[1]])
        for text in alone:
            for keys in self._keys(text):
                keys.clear()
        self._take(groups[shipped[0] :], replacements[shipped[1] :])
        self._longest_run = max(map(len, self._runs), default=0)
        self._readings = Readings(self._runs)
        self._vocabulary = _vocabulary({key[0] for key in self._words if len(key) == 1})

    def _take(self, groups: Sequence[Group], replacements: Sequence[Replacement]) -> None:
        for group in groups:
            for said, same, foreign in ((group.en, group.en, group.zh), (group.zh, group.zh, group.en)):
                for text in said:
                    factors = [(other, SAME) for other in same if other != text]
                    factors += [(o, ALSO_TRANSLATED if n else TRANSLATED) for n, o in enumerate(foreign)]
                    self._add(text, factors)
        for replacement in replacements:
            for text in replacement.asked:
                self._add(text, [(other, REPLACED) for other in replacement.found])

    def of_words(self, heads: Sequence[str], start: int) -> tuple[int, tuple[Other, ...]] | None:
        """What stands for the longest phrase of tokens that begins at ``start``, and where it ends."""
        for stop in range(min(len(heads), start + _LONGEST), start, -1):
            found = self._words.get(tuple(heads[start:stop]))
            if found is not None:
                return stop, tuple(found.values())
        return None

    def in_run(self, run: str) -> Iterator[tuple[int, int, tuple[Other, ...]]]:
        """Longest phrases of a folded Chinese run, from left to right: begin, end and what stands for it."""
        start = 0
        while start < len(run):
            for stop in range(min(len(run), start + self._longest_run), start, -1):
                found = self._runs.get(run[start:stop])
                if found is not None:
                    yield start, stop, tuple(found.values())
                    start = stop
                    break
            else:
                start += 1

    def has(self, token: str) -> bool:
        """Whether a word is known, though nothing may stand for it."""
        return (token,) in self._words

    def of_run(self, word: str) -> tuple[Other, ...]:
        """What stands for one folded Chinese word."""
        return tuple(self._runs.get(word, {}).values())

    def similar(self, word: str, edits: int) -> dict[str, int]:
        """Known words like one that is not, see :meth:`mmpipe.search.columns.text.TextColumn.similar`."""
        known = self._vocabulary
        letters = np.array([ord(letter) for letter in word], np.int32)
        places, distances = similar(
            address(known.starts), address(known.data), len(known.words), letters, edits
        )
        pairs = zip(places.tolist(), distances.tolist(), strict=True)
        return {known.words[place]: distance for place, distance in pairs}

    def typed(self, letters: str) -> tuple[tuple[str, tuple[Other, ...]], ...]:
        """The known Chinese words that ``letters`` are when they are read as pinyin, each as its letters and
        what it may be: words that read so, and what stands for these. Empty where letters are left over."""
        return tuple((part, self._reading_so(part)) for part in self._readings.split(letters))

    def _reading_so(self, letters: str) -> tuple[Other, ...]:
        found: dict[str, Other] = {}
        for run in self._readings.of(letters):
            others = (Other(run, ways(run), 1.0), *self._runs[run].values())
            for other in others:
                held = Other(other.text, other.tokens, other.factor * TYPED)
                if other.text not in found or found[other.text].factor < held.factor:
                    found[other.text] = held
        return tuple(found.values())

    def _add(self, text: str, others: Sequence[tuple[str, float]]) -> None:
        for keys in self._keys(text):
            for other, factor in others:
                tokens = ways(other)
                if tokens:
                    held = keys.setdefault(other, Other(other, tokens, factor))
                    if held.factor < factor:
                        keys[other] = Other(other, tokens, factor)

    def _keys(self, text: str) -> list[dict[str, Other]]:
        found = list(items(text))
        if len(found) == 1 and found[0].run:
            return [self._runs.setdefault(found[0].text, {})]
        return [self._words.setdefault(key, {}) for key in {heads(text), *ways(text)} if key]


def heads(text: str) -> tuple[str, ...]:
    """The tokens of a text by which a phrase is looked up: of joined words the whole."""
    return tuple(head for item in items(text) for head in ((item.whole,) if item.whole else item.tokens))


def ways(text: str) -> tuple[tuple[str, ...], ...]:
    """The tokens that a product holds, all of one of these, that has ``text``. A single Chinese character is
    in none: only a lone one is a token."""
    found = list(items(text))
    if len(found) == 1 and found[0].run and len(found[0].text) == 1:
        return ()
    parts = tuple(token for item in found for token in item.tokens)
    return tuple(dict.fromkeys(way for way in (heads(text), parts) if way))


@lru_cache(maxsize=4)
def base(dictionary: Dictionary | None = None) -> Synonyms:
    """What is shipped."""
    shipped = _shipped()
    return Synonyms(shipped.groups, shipped.replacements, dictionary=dictionary)


def with_own(lines: SynonymLines, dictionary: Dictionary | None = None) -> Synonyms:
    """What is shipped and a collection's own."""
    shipped = _shipped()
    return Synonyms(
        (*shipped.groups, *lines.groups),
        (*shipped.replacements, *lines.replacements),
        alone=lines.alone,
        shipped=(len(shipped.groups), len(shipped.replacements)),
        dictionary=dictionary,
    )


def shipped_chinese() -> set[str]:
    """Every Chinese word of what is shipped."""
    lines = _shipped()
    said = {text for group in lines.groups for text in group.zh}
    for replacement in lines.replacements:
        said.update(replacement.asked, replacement.found)
    return said


@lru_cache(maxsize=1)
def _shipped() -> SynonymLines:
    lines = parse_synonyms((files(__package__) / _FILE).read_bytes())
    own = {fold(text) for group in lines.groups for text in (*group.en, *group.zh)}
    glossary = []
    # The glossary's terms are wider than words: they translate what is not known better.
    for term in load_glossary().terms:
        en = tuple(text for text in term.en if fold(text) not in own)
        zh = tuple(text for text in term.zh if fold(text) not in own)
        glossary += [Replacement(en, term.zh[:1]), Replacement(zh, term.en[:2])]
    return SynonymLines(lines.groups, (*lines.replacements, *glossary))


def _vocabulary(words: Iterable[str]) -> _Vocabulary:
    ordered = sorted(words, key=str.encode)
    encoded = [word.encode() for word in ordered]
    starts = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return _Vocabulary(tuple(ordered), starts, np.frombuffer(b"".join(encoded), np.uint8))
