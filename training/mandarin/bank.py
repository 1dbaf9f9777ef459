"""Many voices' sentences on disk: made once, disturbed anew every time they are heard."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.speech.mandarin.units import FOREIGN
from training.mandarin.sentences import (
    chinese_targets,
    chinese_words,
    english_phrases,
    product_phrases,
    say_chinese,
    say_english,
)
from training.mandarin.voices import need_espeak, speak

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_WORDS = 30_000
_FOREIGN_VOICES = ("en-us", "en-gb", "en-gb-scotland", "en-us", "de", "fr-fr", "es", "it")
_FOREIGN_SHARE = 0.25


@dataclass(frozen=True)
class Bank:
    """``samples`` is int16 of all clips one after the other, clip ``i`` from ``starts[i]`` to
    ``starts[i + 1]``; ``targets[i]`` are its units, empty where nobody speaks."""

    samples: NDArray[np.int16]
    starts: NDArray[np.int64]
    targets: list[list[int]]
    texts: list[str]

    def clip(self, place: int) -> NDArray[np.float32]:
        part = self.samples[self.starts[place] : self.starts[place + 1]]
        return np.asarray(part / np.float32(32_768), dtype=np.float32)

    def __len__(self) -> int:
        return len(self.targets)


def foreign_targets(text: str) -> list[int]:
    """One unit for about each syllable: a run of vowels."""
    runs, inside = 0, False
    for letter in text.lower():
        vowel = letter in "aeiouy"
        runs += vowel and not inside
        inside = vowel
    return [FOREIGN] * max(1, runs)


def of_clips(clips: Sequence[NDArray[np.int16]], targets: list[list[int]], texts: list[str]) -> Bank:
    starts = np.concatenate([[0], np.cumsum([clip.size for clip in clips])]).astype(np.int64)
    return Bank(np.concatenate(clips), starts, targets, texts)


def make_bank(
    data: Path, count: int, voices: Sequence[str], seed: int, *, foreign: float = _FOREIGN_SHARE
) -> Bank:
    """``count`` sentences by these voices; deterministic by ``seed`` but for the program's version."""
    program = need_espeak()
    rng = random.Random(seed)  # noqa: S311  draws sentences, guards nothing
    words = chinese_words(data, random.Random(1), _WORDS)  # noqa: S311
    products, english = product_phrases(data), english_phrases()
    plans: list[tuple[str, str, str, int, int]] = []
    targets: list[list[int]] = []
    while len(plans) < count:
        voice, speed, pitch = rng.choice(voices), rng.randint(110, 220), rng.randint(20, 80)
        if rng.random() < _FOREIGN_SHARE:
            said = say_english(english, rng)
            plans.append((said, rng.choice(_FOREIGN_VOICES), voice, speed, pitch))
            targets.append(foreign_targets(said))
            continue
        said = say_chinese(products, words, rng)
        units = chinese_targets(said)
        if units is not None and len(said) <= 16:
            plans.append((said, "cmn", voice, speed, pitch))
            targets.append(units)
    with ThreadPoolExecutor(2) as pool:
        clips = list(pool.map(lambda plan: _quantised(speak(program, *plan)), plans))
    return of_clips(clips, targets, [plan[0] for plan in plans])


def _quantised(wave: NDArray[np.float32]) -> NDArray[np.int16]:
    peak = max(float(np.abs(wave).max(initial=0.0)), 1e-6)
    return np.asarray(wave / peak * 0.7 * 32_767, dtype=np.int16)
