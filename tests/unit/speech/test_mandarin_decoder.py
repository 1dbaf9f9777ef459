"""Syllables, the language of a catalogue, and the search for what was said."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mmpipe.speech.mandarin.decoder import best_units, decode, told_apart
from mmpipe.speech.mandarin.language import SpokenChinese
from mmpipe.speech.mandarin.units import BLANK, COUNT, FOREIGN, is_initial, units_of

_SAID = {
    "hong": 2, "yi": 1, "yu": 1, "xue": 2, "zhi": 2, "er": 1, "wo": 1, "lv": 2, "nve": 2, "jun": 2, "weng": 1,
    "a": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def language() -> SpokenChinese:
    return SpokenChinese(["红色连衣裙 Ayla", "白色运动鞋", "女士羊毛衫"])


def sounding(units: list[int], rng: np.random.Generator, noise: float = 0.0) -> NDArray[np.float32]:
    """Log probabilities of frames in which these units are heard, each for two frames and a blank after."""
    frames = [unit for one in units for unit in (one, one, BLANK)]
    scores = rng.normal(0, noise, (len(frames), COUNT)) if noise else np.zeros((len(frames), COUNT))
    scores[np.arange(len(frames)), frames] += 9.0
    return np.asarray(scores - np.log(np.exp(scores).sum(1, keepdims=True)), dtype=np.float32)


def spoken(syllables: str) -> list[int]:
    return [unit for syllable in syllables.split() for unit in units_of(syllable) or ()]


@pytest.mark.parametrize(("syllable", "count"), _SAID.items())
def test_a_syllable_is_an_initial_and_a_final_or_a_final(syllable: str, count: int) -> None:
    units = units_of(syllable)
    assert units is not None
    assert len(units) == count
    assert [is_initial(unit) for unit in units] == [True, False][-count:]


def test_spellings_of_one_sound_are_one() -> None:
    assert units_of("ju") == units_of("jv")
    assert units_of("yue") == ((units_of("xue") or ())[1],)
    assert (units_of("si") or ())[1] == (units_of("zhi") or ())[1] != (units_of("xi") or ())[1]


@pytest.mark.parametrize("text", ["", "iphone", "x", "ng", "bx"])
def test_what_is_no_syllable_has_no_units(text: str) -> None:
    assert units_of(text) is None


@pytest.mark.parametrize(
    ("syllables", "text"),
    [
        ("hong se lian yi qun", "红色连衣裙"),
        ("wo xiang mai bai se yun dong xie", "我想买白色运动鞋"),
        ("nv shi yang mao shan", "女士羊毛衫"),
    ],
)
def test_what_is_said_clearly_is_written_in_the_catalogues_characters(
    language: SpokenChinese, syllables: str, text: str
) -> None:
    found, explained = decode(sounding(spoken(syllables), np.random.default_rng(1)), language)
    assert language.written(found) == text
    assert explained > 0.9


def test_a_word_that_nobody_knows_is_explained_badly(language: SpokenChinese) -> None:
    clear = decode(sounding(spoken("hong se"), np.random.default_rng(1)), language)[1]
    strange = decode(sounding(spoken("kuang nve cuan"), np.random.default_rng(1)), language)[1]
    assert strange < clear / 5


def test_the_same_sound_twice_is_two_syllables(language: SpokenChinese) -> None:
    twice = SpokenChinese(["妈妈装"])
    found, _ = decode(sounding(spoken("ma ma zhuang"), np.random.default_rng(1)), twice)
    assert twice.written(found) == "妈妈装"


@given(seed=st.integers(0, 10_000), count=st.integers(0, 12))
def test_any_sound_gives_known_syllables_and_a_share(seed: int, count: int) -> None:
    language = _shared()
    rng = np.random.default_rng(seed)
    units = rng.integers(0, COUNT, count).tolist()
    found, explained = decode(sounding(units, rng, noise=3.0).reshape(-1, COUNT), language)
    assert all(syllable[-1] in language.finals[syllable[0] if syllable[1:] else 0] for syllable in found)
    assert 0.0 <= explained <= 1.0
    assert len(language.written(found)) == len(found)


def test_units_are_read_without_repeats_and_blanks() -> None:
    logs = sounding([5, 5, FOREIGN], np.random.default_rng(1))
    assert best_units(logs) == [5, 5, FOREIGN]
    assert told_apart([5, 5, FOREIGN]) == pytest.approx(1 / 3)
    assert told_apart([]) == 1.0


@lru_cache(maxsize=1)
def _shared() -> SpokenChinese:
    return SpokenChinese(["红色连衣裙"])
