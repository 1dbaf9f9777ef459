"""The text tower learns words, and what pictures are found by stays."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from mmpipe.encoders.starter.features import Vocabulary, feature_key, named_features
from mmpipe.encoders.starter.glossary import load_glossary
from mmpipe.encoders.starter.towers import TextTower
from mmpipe.lake.synonyms import Group
from training import finish_text
from training.finish_text import Lessons, Tower, product, query, teach

GROUPS = [Group((f"thing{n}", f"other{n}"), (f"东西{chr(0x4E00 + 7 * n)}",)) for n in range(24)]
ANCHORS = [f"anchor{n} shirt" for n in range(40)]


@pytest.fixture
def lessons() -> Lessons:
    texts = [text for group in GROUPS for text in (*group.en, *group.zh)]
    vectors = np.random.default_rng(0).normal(size=(len(texts), 8)).astype(np.float16)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    entries = [(f"word{n}", f"词语{chr(0x4E00 + 5 * n)}") for n in range(24)]
    return Lessons(GROUPS, entries, texts, vectors, vectors, ANCHORS)


def test_words_for_one_thing_draw_near_and_anchors_stay(
    lessons: Lessons, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_QUERIES", "_ENTRIES", "_COMPARED", "_ANCHORS"):
        monkeypatch.setattr(finish_text, name, 16)
    torch.manual_seed(1)
    said = [*lessons.texts, *ANCHORS, *(text for pair in lessons.entries for text in pair)]
    names = dict.fromkeys(name for text in said for name, _, _ in named_features(text, load_glossary()))
    vocabulary = Vocabulary([feature_key(name) for name in names])
    before = TextTower(len(vocabulary))
    was = Tower(before, vocabulary)
    pairs = [group.en[0] for group in GROUPS], [group.en[1] for group in GROUPS]
    apart = float((was.was(pairs[0]) * was.was(pairs[1])).sum(1).mean())
    now = Tower(teach(before, vocabulary, lessons, 24, 8e-3, 3), vocabulary)
    with torch.no_grad():
        near = float((now(pairs[0]) * now(pairs[1])).sum(1).mean())
        kept = float((now(ANCHORS) * was.was(ANCHORS)).sum(1).mean())
    assert near > apart + 0.1
    assert kept > 0.9


def test_products_and_queries_are_of_their_thing() -> None:
    group = GROUPS[3]
    for seed in range(30):
        made = product(group, random.Random(seed)).lower()
        assert any(word in made for word in group.en)
    asked = {query(group, random.Random(seed)) for seed in range(60)}
    assert set(group.zh) | set(group.en) <= asked
