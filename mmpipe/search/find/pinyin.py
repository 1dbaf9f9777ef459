"""Chinese as it is typed in letters: what characters read, and which known words a typed text reads as.

Readings are by pypinyin (MIT, https://github.com/mozillazg/python-pinyin), which knows them by the phrases
that characters stand in. Its tables take some 55 MB and half a second, so they are loaded with the first text
that needs them; those of the shipped words are in ``pinyin.tsv``, which is :func:`table` of
``synonyms.shipped_chinese()``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files

from mmpipe.lexical import items

# A single character reads as too many things.
_SHORTEST = 2
# Letters of what is looked at: the longest known word has 24.
MAX_TYPED = 64
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]+")
# In the names of goods it is long far oftener than it is grown-up.
_OF_GOODS = {"长": "chang"}
_FILE = "pinyin.tsv"


def read(run: str) -> list[str] | None:
    """The syllables of a run of simplified characters, one for each, without tones and with ``v`` for ü; None
    where it holds anything else, or a character that has none."""
    if not _HAN.fullmatch(run):
        return None
    from pypinyin import lazy_pinyin

    syllables = lazy_pinyin(run)
    if len(syllables) != len(run):
        return None
    found = [_OF_GOODS.get(char, syllable) for char, syllable in zip(run, syllables, strict=True)]
    return found if all(syllable.isascii() and syllable for syllable in found) else None


class Readings:
    """Known Chinese words by how they are typed: without tones and blanks, ü as ``v`` or as ``u``."""

    def __init__(self, words: Iterable[str], upon: Readings | None = None) -> None:
        """Of ``words`` behind those known ``upon``. Words of one character, and those that hold anything but
        characters, are left out."""
        self._words: dict[str, tuple[str, ...]] = {} if upon is None else dict(upon._words)
        for word in words:
            reading = _reading(word)
            if reading is not None:
                for typed in dict.fromkeys((reading, reading.replace("v", "u"))):
                    known = self._words.get(typed, ())
                    if word not in known:
                        self._words[typed] = (*known, word)
        self._longest = max(map(len, self._words), default=0)

    def of(self, typed: str) -> Sequence[str]:
        """The words that read so, as folded runs of characters."""
        return self._words.get(typed, ())

    def split(self, typed: str) -> tuple[str, ...]:
        """The fewest known readings that ``typed`` is made of, of several the longest first; none where it
        is not, or is longer than :data:`MAX_TYPED`."""
        if len(typed) > MAX_TYPED:
            return ()
        best: list[tuple[str, ...] | None] = [None] * len(typed) + [()]
        for start in range(len(typed) - 1, -1, -1):
            for stop in range(min(len(typed), start + self._longest), start, -1):
                rest, here = best[stop], best[start]
                if rest is None or typed[start:stop] not in self._words:
                    continue
                if here is None or len(rest) + 1 < len(here):
                    best[start] = (typed[start:stop], *rest)
        return best[0] or ()

    def ends(self, typed: str) -> set[int]:
        """Where known readings in a row may end that begin with ``typed``."""
        found = {0}
        for start in range(min(len(typed), MAX_TYPED)):
            if start in found:
                stops = range(start + 1, min(len(typed), start + self._longest) + 1)
                found.update(stop for stop in stops if typed[start:stop] in self._words)
        return found


def _reading(word: str) -> str | None:
    if len(word) < _SHORTEST:
        return None
    return _shipped().get(word) or "".join(read(word) or ()) or None


@lru_cache(maxsize=1)
def _shipped() -> Mapping[str, str]:
    lines = (files(__package__) / _FILE).read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


def table(words: Iterable[str]) -> str:
    """``pinyin.tsv`` for these words: each folded run of two characters or more, a tab, what it reads."""
    runs = {found[0].text for word in words if len(found := list(items(word))) == 1 and found[0].run}
    readings = {run: "".join(read(run) or ()) for run in runs if len(run) >= _SHORTEST}
    return "".join(f"{run}\t{reading}\n" for run, reading in sorted(readings.items()) if reading)
