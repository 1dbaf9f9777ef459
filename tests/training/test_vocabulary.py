"""The vocabulary that is made of titles and queries."""

from __future__ import annotations

from mmpipe.encoders.starter.features import feature_key
from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.learn.data import Item
from training.data import normal_title
from training.vocabulary import build_vocabulary

TERMS = load_glossary().by_concept
SHIRT = Item(
    "1", "g", "Turtle Check Men Navy Blue Shirt", None,
    {"type": TERMS["type/shirts"], "colour": TERMS["colour/navy blue"], "gender": TERMS["gender/men"]},
)  # fmt: skip


def test_titles_that_differ_in_punctuation_are_one() -> None:
    assert normal_title("Turtle  Check MEN's Shirt!") == normal_title("turtle check men's shirt")


def test_vocabulary_ranks_concepts_and_words_first_and_keeps_to_its_size() -> None:
    other = Item("2", "h", "Turtle Red Dress", None, {})
    small = build_vocabulary([SHIRT, other], [], 600, seed=1)
    assert len(small) <= 600
    whole = build_vocabulary([SHIRT, other], [], 50_000, seed=1)
    assert feature_key("w:turtle") in whole.rows
    assert feature_key("c:type/shirts") in small.rows
    assert feature_key("w:zzz") not in whole.rows
    assert build_vocabulary([SHIRT, other], [], 50_000, seed=1).keys == whole.keys
