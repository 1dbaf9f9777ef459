"""Other words for the same thing, in English and Chinese: which a query is looked for by besides its own.

A *group* is a set of words that stand for one another; a *replacement* goes one way, from what is asked to
what is looked for. The base set, ``synonyms/``, is shipped, and the starter models' glossary is part of
it; a collection's own (:mod:`mmpipe.lake.synonyms`) come on top.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.resources import files
from itertools import count
from typing import TypeVar

import numpy as np

from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.lake.synonyms import Group, Replacement, SynonymLines, parse_synonyms
from mmpipe.lexical import fold, heads_of, items, parts_of, phrases, splits
from mmpipe.search.find.dictionary import Dictionary
from mmpipe.search.find.pinyin import Readings
from mmpipe.search.kernels.memory import address
from mmpipe.search.kernels.similar import similar

# What occurrences of another word count for: of the same language, of the other one (the word that it is
# mostly called by, and the rest), of what a replacement names.
SAME, TRANSLATED, ALSO_TRANSLATED, REPLACED = 0.8, 0.9, 0.8, 0.6
# What a Chinese word counts for that was typed in letters: several words may read so.
TYPED = 0.9
# What occurrences of a word count for that is written apart where it was asked as one, or the other way
# round.
JOINED = 0.95
LONGEST_PHRASE = 5
_FOLDER = "synonyms"
_NUMBERS = count()
# Of words that were asked for lately, so many have what stands for them at hand.
_MOST_HELD = 2_048
_Line = Group | Replacement
# Most texts stand in one line.
_Lines = _Line | tuple[_Line, ...]
_Key = TypeVar("_Key", str, tuple[str, ...])


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


@dataclass(frozen=True, slots=True)
class _Known:
    """The lines that each phrase of tokens and each folded Chinese run stands in, in their order. What stands
    for one is made of them when it is asked for: few ever are."""

    words: dict[tuple[str, ...], _Lines] = field(default_factory=dict)
    runs: dict[str, _Lines] = field(default_factory=dict)

    def copy(self) -> _Known:
        return _Known(dict(self.words), dict(self.runs))

    def take(self, groups: Iterable[Group], replacements: Iterable[Replacement]) -> None:
        for group in groups:
            for text in (*group.en, *group.zh):
                self._put(text, group)
        for replacement in replacements:
            for text in replacement.asked:
                self._put(text, replacement)

    def leave_alone(self, texts: Iterable[str]) -> None:
        for text in texts:
            run, keys = phrases(text)
            if run is not None:
                self.runs[run] = ()
            for key in keys:
                self.words[key] = ()

    def _put(self, text: str, line: _Line) -> None:
        run, keys = phrases(text)
        if run is not None:
            _add(self.runs, run, line)
        for key in keys:
            _add(self.words, key, line)


def _add(known: dict[_Key, _Lines], key: _Key, line: _Line) -> None:
    before: tuple[_Line, ...] = _all(known[key]) if key in known else ()
    # Two texts of a line may be looked up alike.
    if not before or before[-1] is not line:
        known[key] = (*before, line) if before else line


def _all(lines: _Lines) -> tuple[_Line, ...]:
    return lines if isinstance(lines, tuple) else (lines,)


class Synonyms:
    """Lookup of what stands for what."""

    def __init__(
        self,
        groups: Sequence[Group] = (),
        replacements: Sequence[Replacement] = (),
        *,
        alone: Sequence[str] = (),
        upon: _Known | None = None,
        dictionary: Dictionary | None = None,
    ) -> None:
        """Besides what is known ``upon``, which is what is shipped, where nothing stands for the words of
        ``alone``. A ``dictionary`` says what words mean that are not known here."""
        self.dictionary = dictionary
        # Tells what was understood by these from what was by others.
        self.number = next(_NUMBERS)
        known = _Known() if upon is None else upon
        if groups or replacements or alone:
            known = known.copy()
            known.leave_alone(alone)
            known.take(groups, replacements)
        self._words, self._runs = known.words, known.runs
        self._upon = upon
        self._longest_run = max(map(len, self._runs), default=0)
        self._of_words: dict[tuple[str, ...], tuple[Other, ...]] = {}
        self._of_runs: dict[str, tuple[Other, ...]] = {}

    @cached_property
    def _readings(self) -> Readings:
        if self._upon is None:
            return Readings(self._runs)
        own = [run for run in self._runs if run not in self._upon.runs]
        return Readings(own, _shipped_readings()) if own else _shipped_readings()

    @cached_property
    def _tokens(self) -> frozenset[str]:
        return frozenset(token for key in self._words for token in key)

    @cached_property
    def _vocabulary(self) -> _Vocabulary:
        return _vocabulary({key[0] for key in self._words if len(key) == 1})

    def of_words(
        self, heads: Sequence[str], start: int, longest: int = LONGEST_PHRASE
    ) -> tuple[int, tuple[Other, ...]] | None:
        """What stands for the longest phrase of tokens that begins at ``start``, and where it ends. A word
        that is a phrase of two written as one stands for that."""
        for stop in range(min(len(heads), start + longest), start, -1):
            key = tuple(heads[start:stop])
            lines = self._words.get(key)
            if lines is not None:
                others = self._of_words.get(key)
                if others is None:
                    others = _keep(self._of_words, key, _others(key, lines))
                return stop, others
        word = heads[start] if start < len(heads) else ""
        parts = next((pair for pair in splits(word) if pair in self._words), None) if word.isalpha() else None
        if parts is None:
            return None
        lines = self._words[parts]
        whole = tuple(Other(text, ways(text), JOINED) for text in _said(parts, lines)[:1])
        return start + 1, (*whole, *_others(parts, lines))

    def in_run(self, run: str) -> Iterator[tuple[int, int, tuple[Other, ...]]]:
        """Longest phrases of a folded Chinese run, from left to right: begin, end and what stands for it."""
        start = 0
        while start < len(run):
            for stop in range(min(len(run), start + self._longest_run), start, -1):
                if run[start:stop] in self._runs:
                    yield start, stop, self.of_run(run[start:stop])
                    start = stop
                    break
            else:
                start += 1

    def load(self) -> None:
        """Make what only words need that no list has: the dictionary, and how known words are typed. Half a
        second of a CPU and more; else the first search for such a word waits."""
        if self.dictionary is not None:
            self.dictionary.load()
        _ = self._readings, self._tokens

    def has(self, token: str) -> bool:
        """Whether a word is known, by itself or of a phrase, though nothing may stand for it."""
        return token in self._tokens

    def of_run(self, word: str) -> tuple[Other, ...]:
        """What stands for one folded Chinese word."""
        others = self._of_runs.get(word)
        if others is None:
            lines = self._runs.get(word)
            others = () if lines is None else _keep(self._of_runs, word, _others(word, lines))
        return others

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

    def typed_ends(self, letters: str) -> set[int]:
        """Behind how many of ``letters`` :meth:`typed` may have an end."""
        return self._readings.ends(letters)

    def _reading_so(self, letters: str) -> tuple[Other, ...]:
        found: dict[str, Other] = {}
        for run in self._readings.of(letters):
            others = (Other(run, ways(run), 1.0), *self.of_run(run))
            for other in others:
                held = Other(other.text, other.tokens, other.factor * TYPED)
                if other.text not in found or found[other.text].factor < held.factor:
                    found[other.text] = held
        return tuple(found.values())


def _keep(held: dict[_Key, tuple[Other, ...]], key: _Key, others: tuple[Other, ...]) -> tuple[Other, ...]:
    if len(held) >= _MOST_HELD:
        held.clear()
    held[key] = others
    return others


def _others(key: str | tuple[str, ...], lines: _Lines) -> tuple[Other, ...]:
    """What stands for a text that stands in these lines."""
    found: dict[str, Other] = {}
    for line in _all(lines):
        for text in _said(key, line):
            for other, factor in _standing_for(text, line):
                held = found.get(other)
                if held is not None:
                    found[other] = Other(other, held.tokens, max(held.factor, factor))
                elif tokens := ways(other):
                    found[other] = Other(other, tokens, factor)
    return tuple(found.values())


def _said(key: str | tuple[str, ...], lines: _Lines) -> list[str]:
    """The texts of lines that are looked up as ``key``."""
    found: list[str] = []
    for line in _all(lines):
        for text in (*line.en, *line.zh) if isinstance(line, Group) else line.asked:
            run, keys = phrases(text)
            if key == run or key in keys:
                found.append(text)
    return found


def _standing_for(text: str, line: _Line) -> Iterator[tuple[str, float]]:
    if isinstance(line, Replacement):
        yield from ((other, REPLACED) for other in line.found)
        return
    for said, foreign in ((line.en, line.zh), (line.zh, line.en)):
        if text in said:
            yield from ((other, SAME) for other in said if other != text)
            yield from ((o, ALSO_TRANSLATED if n else TRANSLATED) for n, o in enumerate(foreign))


def ways(text: str) -> tuple[tuple[str, ...], ...]:
    """The tokens that a product holds, all of one of these, that has ``text``. A single Chinese character is
    in none: only a lone one is a token."""
    found = list(items(text))
    if len(found) == 1 and found[0].run and len(found[0].text) == 1:
        return ()
    return tuple(dict.fromkeys(way for way in (heads_of(found), parts_of(found)) if way))


@lru_cache(maxsize=4)
def base(dictionary: Dictionary | None = None) -> Synonyms:
    """What is shipped."""
    return Synonyms(upon=_shipped_known(), dictionary=dictionary)


def with_own(lines: SynonymLines, dictionary: Dictionary | None = None) -> Synonyms:
    """What is shipped and a collection's own."""
    return Synonyms(
        lines.groups, lines.replacements, alone=lines.alone, upon=_shipped_known(), dictionary=dictionary
    )


def shipped_chinese() -> set[str]:
    """Every Chinese word of what is shipped."""
    lines = _shipped()
    said = {text for group in lines.groups for text in group.zh}
    for replacement in lines.replacements:
        said.update(replacement.asked, replacement.found)
    return said


@lru_cache(maxsize=1)
def sections() -> tuple[tuple[str, SynonymLines], ...]:
    """The shipped files' lines by the remark that they stand under, with it."""
    found: list[tuple[str, SynonymLines]] = []
    remark, lines = "", list[str]()
    for line in (*_shipped_lines(), "#"):
        if not line.startswith("#"):
            lines.append(line)
            continue
        found.append((remark, parse_synonyms("\n".join(lines).encode(), bounded=False)))
        remark, lines = line, []
    return tuple(found)


def _shipped_lines() -> Iterator[str]:
    shipped = (file for file in (files(__package__) / _FOLDER).iterdir() if file.name.endswith(".tsv"))
    for file in sorted(shipped, key=lambda file: file.name):
        yield from file.read_text(encoding="utf-8").splitlines()


@lru_cache(maxsize=1)
def _shipped_known() -> _Known:
    lines = _shipped()
    known = _Known()
    known.take(lines.groups, lines.replacements)
    return known


@lru_cache(maxsize=1)
def _shipped_readings() -> Readings:
    return Readings(_shipped_known().runs)


@lru_cache(maxsize=1)
def _shipped() -> SynonymLines:
    parts = [lines for _, lines in sections()]
    groups = tuple(group for lines in parts for group in lines.groups)
    own = {fold(text) for group in groups for text in (*group.en, *group.zh)}
    glossary = []
    # The glossary's terms are wider than words: they translate what is not known better.
    for term in load_glossary().terms:
        en = tuple(text for text in term.en if fold(text) not in own)
        zh = tuple(text for text in term.zh if fold(text) not in own)
        glossary += [Replacement(en, term.zh[:1]), Replacement(zh, term.en[:2])]
    replacements = [line for lines in parts for line in lines.replacements]
    return SynonymLines(groups, (*replacements, *glossary))


def _vocabulary(words: Iterable[str]) -> _Vocabulary:
    ordered = sorted(words, key=str.encode)
    encoded = [word.encode() for word in ordered]
    starts = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return _Vocabulary(tuple(ordered), starts, np.frombuffer(b"".join(encoded), np.uint8))
