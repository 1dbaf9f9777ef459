"""What the text tower learns words from."""

from __future__ import annotations

import random

from mmpipe.encoders.starter.glossary import fold
from mmpipe.lake.synonyms import Group, parse_synonyms
from mmpipe.search.find.synonyms import sections
from training.words import UNKNOWN, Corpus, asked_and_titled, shop_groups, unknown


def test_no_group_that_is_learnt_from_has_a_word_kept_out() -> None:
    learnt = {fold(text) for group in shop_groups() for text in (*group.en, *group.zh)}
    kept_out = {fold(text) for g in parse_synonyms(UNKNOWN.read_bytes()).groups for text in (*g.en, *g.zh)}
    shipped = {
        fold(text) for _, lines in sections() for group in lines.groups for text in (*group.en, *group.zh)
    }
    assert len(kept_out & shipped) > 150, "searches know them, the tower's lessons do not"
    assert not learnt & kept_out


def test_a_corpus_has_no_text_with_a_word_kept_out() -> None:
    corpus = Corpus(unknown())
    assert corpus.row("Linen napkins, set of 4") is None
    assert corpus.row("白色餐巾") is None
    corpus.pair("synonym", "napkin", "kitchen towel")
    assert corpus.pairs["synonym"] == []
    assert corpus.row("a  brown   towel") == corpus.row("a brown towel")
    corpus.pair("synonym", "sofa", "couch")
    first, second = corpus.pairs["synonym"][0]
    assert [list(corpus.rows)[first], list(corpus.rows)[second]] == ["sofa", "couch"]


def test_a_made_query_and_title_name_one_thing_in_both_languages() -> None:
    group = Group(("sofa", "couch"), ("沙发",))
    made = [each for seed in range(20) for each in asked_and_titled([group], random.Random(seed))]
    assert {"sofa", "couch"} >= {q.split()[-1] for q, _, _ in made}
    for _, chinese, title in made:
        assert chinese.endswith("沙发")
        assert "sofa" in title or "couch" in title


def test_the_groups_are_of_both_files() -> None:
    heads = {group.en[0] for group in shop_groups() if group.en}
    assert {"sofa", "black"} <= heads
