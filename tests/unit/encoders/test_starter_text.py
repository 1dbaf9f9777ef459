"""The glossary and the text features."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mmpipe.encoders.starter.features import (
    PART_SEPARATOR,
    Vocabulary,
    feature_key,
    named_features,
    pack,
    text_features,
)
from mmpipe.encoders.starter.glossary import fold, is_han, load_glossary, split_words

DATA = Path(__file__).parents[4] / "shared" / "data"
KINDS = {"colour", "gender", "season", "usage", "pattern", "material", "type", "grocery", "detail"}


def concepts(text: str) -> set[str]:
    return {name[2:] for name, _, _ in named_features(text, load_glossary()) if name.startswith("c:")}


def test_every_term_is_complete_and_named_once() -> None:
    terms = load_glossary().terms
    assert len(terms) > 400
    assert {t.kind for t in terms} == KINDS
    assert not [c for c, n in Counter(t.concept for t in terms).items() if n > 1]
    for term in terms:
        assert term.en
        assert term.zh
        assert all(s == s.strip() and s for s in (*term.en, *term.zh)), term
        assert all(s.isascii() for s in term.en), term
        assert any(is_han(c) for c in "".join(term.zh)), term
        assert len(set(term.en)) == len(term.en), term
        assert len(set(term.zh)) == len(term.zh), term


def test_within_a_kind_no_surface_is_claimed_twice() -> None:
    for language in ("en", "zh"):
        claims = Counter((t.kind, fold(s)) for t in load_glossary().terms for s in set(getattr(t, language)))
        assert not [pair for pair, n in claims.items() if n > 1]


def test_canonical_surfaces_are_read_back_as_their_own_concept() -> None:
    for term in load_glossary().terms:
        assert term.concept in concepts(term.en[0]), term
        assert term.concept in concepts(term.zh[0]), term


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("red dress", "红色连衣裙"),
        ("men black running shoes", "男士黑色跑鞋"),
        ("women's navy-blue striped shirt", "女士藏青色条纹衬衫"),
        ("cotton t-shirt", "纯棉短袖T恤"),
        ("oat milk", "燕麦奶"),
        ("alarm clock", "闹钟"),
    ],
)
def test_both_languages_share_concepts(english: str, chinese: str) -> None:
    assert len(concepts(english) & concepts(chinese)) >= min(2, len(concepts(english)))


def test_the_longest_match_wins() -> None:
    assert "type/sports shoes" in concepts("运动鞋")
    assert "type/dresses" not in concepts("dress shoes")
    assert "type/formal shoes" in concepts("dress shoes")


def test_full_width_case_and_plurals_fold() -> None:
    def words(text: str) -> set[str]:
        return {name for name, _, _ in named_features(text, load_glossary()) if name.startswith("w:")}

    assert words("DRESSES") == words("dress")
    assert words("Ｔｓｈｉｒｔ") == words("tshirt")
    assert words("men’s bags") == words("Men's bag")
    assert split_words(fold("Off-White (T-Shirt), 2-pack!")) == ["off-white", "t-shirt", "2-pack"]


def test_parts_are_read_one_by_one() -> None:
    joined = text_features(f"red dress{PART_SEPARATOR}blue shoe")
    apart = [*text_features("red dress"), *text_features("blue shoe")]
    assert [(f.key, f.weight) for f in joined] == [(f.key, f.weight) for f in apart]
    assert len({f.piece for f in joined}) == 4


def test_vocabulary_keeps_what_it_knows() -> None:
    vocabulary = Vocabulary([feature_key("w:red"), feature_key("w:dress")])
    rows, weights, offsets = pack(vocabulary, ["red dress", "", "red", "unknown"])
    assert rows.tolist() == [0, 1, 0]
    assert offsets.tolist() == [0, 2, 2, 3]
    assert weights.tolist() == pytest.approx([0.5**0.5, 0.5**0.5, 1.0])
    assert vocabulary.known_share("red dress") == 1.0
    assert vocabulary.known_share("red hat") == 0.5
    assert vocabulary.known_share("hat") == 0.0
    assert vocabulary.known_share("") == 0.0


def test_long_text_is_bounded() -> None:
    assert len(text_features("word " * 100_000)) < 5_000


def test_the_glossary_covers_the_fashion_data() -> None:
    parquet = DATA / "kagl" / "catalogue.parquet"
    if not parquet.is_file():
        pytest.skip("the development data is not here")
    import pyarrow.parquet as pq

    kinds = {
        "type": "article_type",
        "colour": "base_colour",
        "gender": "gender",
        "season": "season",
        "usage": "usage",
    }
    table = pq.read_table(parquet, columns=list(kinds.values()))
    known = load_glossary().by_concept
    for kind, column in kinds.items():
        values = {str(v).lower() for v in table[column].to_pylist() if v is not None}
        assert not [v for v in values if f"{kind}/{v}" not in known], kind
