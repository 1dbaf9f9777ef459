"""What texts say: negation, mixed sentences, places; and the figures that docs/reviews.md publishes."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from mmpipe.opinions import opinions_of, sentences
from mmpipe.opinions.classifier import WEIGHTS
from mmpipe.schemas.review import MAX_QUOTE
from training.reviews.frames import phrases
from training.reviews.measure import measure, table
from training.reviews.measure import sentences as labelled

ROOT = Path(__file__).parents[3]


def said(text: str) -> set[str]:
    return {f"{o.aspect}{'+' if o.positive else '-'}" for o in opinions_of(text)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("It is comfortable.", {"comfort+"}),
        ("It is not comfortable.", {"comfort-"}),
        ("Not uncomfortable.", {"comfort+"}),
        ("穿着舒服。", {"comfort+"}),
        ("穿着不舒服。", {"comfort-"}),
        ("不便宜。", {"price-"}),
        ("一点也不便宜。", {"price-"}),
        ("一点也不贵。", {"price+"}),
        ("质量不错。", {"quality+"}),
        ("Not only cheap but durable.", {"price+", "durability+"}),
        ("Lovely colour but the fabric is flimsy.", {"look+", "quality-"}),
        ("颜色好看，就是物流太慢。", {"look+", "delivery-"}),
        ("The SIZE is perfect", {"fit+"}),
        ("ＱＵＡＬＩＴＹ is poor", {"quality-"}),
        ("質量很好", {"quality+"}),
        ("I bought it in May.", set()),
        ("", set()),
        ("!!!", set()),
    ],
)
def test_what_is_said(text: str, says: set[str]) -> None:
    assert said(text) == says


def test_spans_are_sentences_as_they_stand() -> None:
    text = "  Costs $3.50 only, great price!  The <b>zip</b> is flimsy。很舒服\n"
    assert [text[s.start : s.end] for s in sentences(text)] == [
        "Costs $3.50 only, great price!", "The <b>zip</b> is flimsy。", "很舒服"
    ]  # fmt: skip
    found = {o.aspect: text[o.start : o.end] for o in opinions_of(text)}
    assert found["quality"] == "The <b>zip</b> is flimsy。"
    assert found["comfort"] == "很舒服"


def test_a_sentence_too_long_to_quote_is_quoted_by_its_clause() -> None:
    text = "it has a " + "blue and green and white " * 12 + ", it is very comfortable"
    (comfort,) = [o for o in opinions_of(text) if o.aspect == "comfort"]
    assert text[comfort.start : comfort.end] == "it is very comfortable"
    assert comfort.end - comfort.start <= MAX_QUOTE


@pytest.mark.parametrize(
    "text", ["好不" * 5_000, "not good " * 1_100, "a" * 10_000, ", " * 5_000, "\u0301" * 9_000]
)
def test_no_text_takes_long(text: str) -> None:
    begun = time.thread_time()
    opinions_of(text)
    assert time.thread_time() - begun < 2


def test_the_weights_are_small() -> None:
    assert (ROOT / "mmpipe" / "opinions" / WEIGHTS).stat().st_size < 300_000


@pytest.mark.parametrize(("language", "least"), [("en", 0.80), ("zh", 0.80)])
def test_f1_on_sentences_that_were_held_out(language: str, least: float) -> None:
    assert len(labelled(f"heldout_{language}")) >= 200
    assert measure(f"heldout_{language}").f1 >= least


def test_the_published_figures_are_what_is_measured() -> None:
    page = (ROOT / "docs" / "reviews.md").read_text("utf-8")
    for line in table().splitlines()[1:]:
        assert re.search(r" *\| *".join(map(re.escape, line.split())), page), line


def test_no_held_out_sentence_is_a_phrase_of_the_training() -> None:
    words = re.compile(r"[\s.!?,;，。！？]+")
    trained = {words.sub("", phrase.casefold()) for _, _, _, phrase in phrases() if "[" not in phrase}
    for language in ("en", "zh"):
        held = {words.sub("", sentence.casefold()) for sentence, _ in labelled(f"heldout_{language}")}
        assert not held & {phrase for phrase in trained if len(phrase) > 4}
