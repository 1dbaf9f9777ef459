"""Log probabilities of units → the likeliest syllables that the language knows.

Prefix beam search of CTC (Hannun et al., 2014) over syllables: an initial has to be followed by a final that
makes a known syllable of it, and each whole syllable adds what the language model says of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.speech.mandarin.units import BLANK, FOREIGN, is_initial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmpipe.speech.mandarin.language import SpokenChinese, Syllable

_BEAM = 24
# Units less likely than this in a frame are not tried: e⁻⁸.
_LEAST = -8.0
_WEIGHT = 0.7
# What a syllable earns, so that the language model does not shorten what was said.
_EARNED = 1.5
_NEVER = -math.inf
# Whole syllables, and the initial of the one begun (0 for none).
_Prefix = tuple[tuple["Syllable", ...], int]


def best_units(logs: NDArray[np.float32]) -> list[int]:
    """The likeliest unit of each frame, repeats and blanks removed."""
    units = logs.argmax(axis=1).tolist()
    return [u for place, u in enumerate(units) if u != BLANK and (place == 0 or u != units[place - 1])]


def decode(logs: NDArray[np.float32], language: SpokenChinese) -> tuple[tuple[Syllable, ...], float]:
    """The syllables, and how well they explain the sound: per unit, the probability of the frames under them
    over that under whatever is likeliest, in (0, 1]. ``logs`` has shape ``(frames, units)``."""
    finals = language.finals
    beam: dict[_Prefix, tuple[float, float, float]] = {((), 0): (0.0, _NEVER, 0.0)}
    for frame in logs:
        tried = [unit for unit in np.flatnonzero(frame > _LEAST).tolist() if unit > FOREIGN]
        blank = float(frame[BLANK])
        after: dict[_Prefix, tuple[float, float, float]] = {}
        for prefix, (ended, going, said) in beam.items():
            done, begun = prefix
            total = _add(ended, going)
            _take(after, prefix, total + blank, _NEVER, said)
            last = begun or (done[-1][-1] if done else 0)
            for unit in tried:
                score = float(frame[unit])
                if unit == last:
                    _take(after, prefix, _NEVER, going + score, said)
                # Said twice in a row, a unit needs a blank between.
                here = score + (ended if unit == last else total)
                if here == _NEVER:
                    continue
                if is_initial(unit):
                    if not begun and unit in finals:
                        _take(after, (done, unit), _NEVER, here, said)
                elif unit in finals.get(begun, ()):
                    syllable = (begun, unit) if begun else (unit,)
                    gain = _WEIGHT * language.log_probability(syllable, done) + _EARNED
                    _take(after, ((*done, syllable), 0), _NEVER, here, said + gain)
        best = sorted(after.items(), key=lambda item: _add(*item[1][:2]) + item[1][2], reverse=True)
        beam = dict(best[:_BEAM])
    whole = [
        (_add(ended, going), said + _WEIGHT * language.log_probability(None, done), done)
        for (done, begun), (ended, going, said) in beam.items()
        if not begun and done
    ]
    if not whole:
        return (), 0.0
    heard, _, syllables = max(whole, key=lambda item: item[0] + item[1])
    free = float(logs.max(axis=1).sum())
    return syllables, math.exp(min(0.0, heard - free) / sum(map(len, syllables)))


def _take(
    beam: dict[_Prefix, tuple[float, float, float]], prefix: _Prefix, ended: float, going: float, said: float
) -> None:
    old = beam.get(prefix)
    beam[prefix] = (ended, going, said) if old is None else (_add(old[0], ended), _add(old[1], going), said)


def _add(first: float, second: float) -> float:
    """``log(eᵃ + eᵇ)``."""
    high, low = (first, second) if first > second else (second, first)
    return high if low == _NEVER else high + math.log1p(math.exp(low - high))


def told_apart(units: Sequence[int]) -> float:
    """The share of what was heard that is no Mandarin."""
    return sum(unit == FOREIGN for unit in units) / len(units) if units else 1.0
