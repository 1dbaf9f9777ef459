"""What a shopper may say in Chinese: the catalogue's and the glossary's words among the phrases of asking.

Two trigram models of the same drawn sentences: one of syllables, which the decoder searches by, and one of
characters, which then tells the characters of one sound apart.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.speech.mandarin.units import units_of
from mmpipe.speech.ngram import END, START, NGramModel

OPENINGS = (
    "", "", "", "我想买", "我想要", "我要", "我要买", "有没有", "找", "帮我找", "请给我找", "给我看看",
    "我想看看", "搜索", "来一件", "来一双", "买一个", "我需要", "你们有", "推荐",
)  # fmt: skip
JOINTS = ("", "", "", "", "的", "和", "配")
CLOSINGS = ("", "", "", "", "吗", "谢谢", "有吗", "元以下", "元以内", "块以下")
_NUMBERS = (
    "一百", "两百", "三百", "四百", "五百", "六百", "七百", "八百", "九百", "一千", "两千", "三千",
    "五千", "五十", "二十", "三十", "八十", "一百五十", "一百五", "两百五",
)  # fmt: skip
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]+")
_DRAWN = 8_000
_LONGEST = 12
_CACHED = 100_000
Syllable = tuple[int, ...]


class SpokenChinese:
    """The language model of some texts' Chinese words. Immutable; safe to share between threads.

    ``finals`` are those that make a syllable of a known word, by their initial (0 for none).
    """

    def __init__(self, texts: Iterable[str]) -> None:
        """Texts without Chinese add nothing; the glossary's words and phrases of asking are always known."""
        own = [run[:_LONGEST] for text in texts for run in _HAN.findall(text)]
        readings = _readings(own) | _glossary() | _asking()
        self._characters: dict[Syllable, dict[str, None]] = {}
        for run, syllables in readings.items():
            for character, syllable in zip(run, syllables, strict=True):
                self._characters.setdefault(syllable, {}).setdefault(character)
        self.finals = _finals(self._characters)
        drawn = _sentences([run for run in readings if run not in _asking()])
        self._sounds = NGramModel([_name(s) for part in said for s in readings[part]] for said in drawn)
        self._signs = NGramModel(list("".join(said)) for said in drawn)
        self._log = lru_cache(maxsize=_CACHED)(self._log_probability)

    def log_probability(self, syllable: Syllable | None, before: tuple[Syllable, ...]) -> float:
        """Of a syllable, or of the end (None), after what came before."""
        return self._log(syllable, before[-2:])

    def _log_probability(self, syllable: Syllable | None, before: tuple[Syllable, ...]) -> float:
        history = [START] * (len(before) < 2) + [_name(one) for one in before]
        found = self._sounds.probability(END if syllable is None else _name(syllable), history)
        return math.log(max(found, 1e-9))

    def written(self, syllables: Sequence[Syllable]) -> str:
        """The likeliest characters of these sounds (Viterbi over pairs of characters)."""
        paths: dict[tuple[str, str], tuple[float, str]] = {("", START): (0.0, "")}
        for syllable in syllables:
            after: dict[tuple[str, str], tuple[float, str]] = {}
            for (earlier, last), (score, text) in paths.items():
                history = [earlier, last] if earlier else [last]
                for character in self._characters[syllable]:
                    total = score + math.log(max(self._signs.probability(character, history), 1e-9))
                    if (last, character) not in after or total > after[last, character][0]:
                        after[last, character] = (total, text + character)
            paths = after
        return max(paths.values())[1]


@cache
def _glossary() -> dict[str, tuple[Syllable, ...]]:
    """The glossary's Chinese words and their sounds."""
    return _readings(surface for term in load_glossary().terms for surface in term.zh)


@cache
def _asking() -> dict[str, tuple[Syllable, ...]]:
    """Phrases of asking, likewise."""
    return _readings(part for part in (*OPENINGS, *JOINTS, *CLOSINGS, *_NUMBERS) if part)


def _name(syllable: Syllable) -> str:
    return "-".join(map(str, syllable))


def _readings(runs: Iterable[str]) -> dict[str, tuple[Syllable, ...]]:
    return {run: read for run in dict.fromkeys(runs) if (read := _read(run))}


def _read(run: str) -> tuple[Syllable, ...] | None:
    """The syllables of a run of characters; None where one has no reading."""
    from pypinyin import lazy_pinyin

    if not _HAN.fullmatch(run):
        return None
    found = [units_of(syllable) for syllable in lazy_pinyin(run)]
    known = tuple(units for units in found if units is not None)
    return known if len(known) == len(run) else None


def _finals(syllables: Iterable[Syllable]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for syllable in syllables:
        found.setdefault(syllable[0] if len(syllable) == 2 else 0, set()).add(syllable[-1])
    return found


def _sentences(phrases: Sequence[str], seed: int = 11) -> list[list[str]]:
    """Drawn sentences as their parts, then every phrase by itself; deterministic."""
    rng = random.Random(seed)  # noqa: S311  draws sentences, guards nothing
    drawn: list[list[str]] = []
    for _ in range(_DRAWN if phrases else 0):
        parts = [rng.choice(OPENINGS)]
        for number in range(rng.choice((1, 1, 2, 2, 3))):
            parts += [rng.choice(JOINTS) if number else "", rng.choice(phrases)]
        closing = rng.choice(CLOSINGS)
        parts += [rng.choice(_NUMBERS) if closing.startswith(("元", "块")) else "", closing]
        drawn.append([part for part in parts if part])
    return [*drawn, *([phrase] for phrase in phrases)]
