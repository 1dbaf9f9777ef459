"""Texts as they are said, and the sentences drawn around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.speech.phrases import number_words, phrases_of, sentences, spoken_words
from mmpipe.speech.pronunciation import pronounce, spell

PHONES = {
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY",
    "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y",
    "Z", "ZH",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("16 oz Café-Latte", ["sixteen", "oz", "cafe", "latte"]),
        ("Men's iPhone15", ["men's", "iphone", "fifteen"]),
        ("红色 dress", ["dress"]),
        ("", []),
    ],
)
def test_spoken_words(text: str, words: list[str]) -> None:
    assert spoken_words(text) == words


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("0", "zero"), ("12", "twelve"), ("40", "forty"), ("256", "two hundred fifty six"),
        ("2024", "two thousand twenty four"), ("007", "zero zero seven"),
        ("12345", "one two three four five"),
    ],
)  # fmt: skip
def test_numbers(digits: str, words: str) -> None:
    assert number_words(digits) == words.split()


def test_rare_words_cut_phrases() -> None:
    texts = ["red shoe", "red shoe", "red zyx shoe"]
    assert phrases_of(texts, most_words=2) == [["red", "shoe"], ["red"], ["shoe"]]


def test_sentences_are_drawn_alike_and_hold_every_phrase() -> None:
    phrases = [["dark", "roast"], ["latte"]]
    drawn = sentences(phrases, 50)
    assert drawn == sentences(phrases, 50)
    assert len(drawn) == 52
    assert phrases[0] in drawn
    assert sentences([], 50) == []


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=20))
def test_every_word_can_be_spelt_in_known_phones(word: str) -> None:
    spoken = spell(word).split()
    assert spoken
    assert set(spoken) <= PHONES


def test_spelling_by_rule_and_by_dictionary() -> None:
    assert spell("bmw") == "B IY EH M D AH B AH L Y UW"
    assert spell("pace") == "P EY S"
    assert pronounce("latte", {"latte": ("L AA T EY",)}) == ("L AA T EY",)
    assert pronounce("zara's", {}) == (spell("zaras"),)
    with pytest.raises(ValueError, match="a to z"):
        spell("café")
