"""The language model sums to one, and its ARPA file says what it says."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.speech.ngram import END, START, NGramModel

sentences = st.lists(st.lists(st.sampled_from("abcde"), max_size=6), min_size=1, max_size=15)
histories = st.lists(st.sampled_from(["a", "b", "c", "z", START]), max_size=3)


@given(sentences, histories, st.integers(1, 4))
def test_probabilities_sum_to_one_after_any_history(
    corpus: list[list[str]], history: list[str], order: int
) -> None:
    model = NGramModel(corpus, order)
    assert sum(model.probability(word, history) for word in model.vocabulary) == pytest.approx(1.0)


@given(sentences)
def test_the_arpa_file_gives_the_models_probabilities(corpus: list[list[str]]) -> None:
    model = NGramModel(corpus)
    scores: dict[tuple[str, ...], float] = {}
    backoffs: dict[tuple[str, ...], float] = {}
    for line in model.arpa().splitlines():
        cells = line.split("\t")
        if len(cells) < 2:
            continue
        gram = tuple(cells[1].split())
        scores[gram] = float(cells[0])
        backoffs[gram] = float(cells[2]) if len(cells) > 2 else 0.0

    def read(word: str, history: tuple[str, ...]) -> float:
        if (*history, word) in scores:
            return scores[(*history, word)]
        return backoffs.get(history, 0.0) + read(word, history[1:])

    for history in [(), ("a",), (START, "a"), ("a", "b"), ("b", "e")]:
        for word in model.vocabulary:
            assert read(word, history) == pytest.approx(
                math.log10(model.probability(word, history)), abs=1e-4
            )


def test_by_hand() -> None:
    model = NGramModel([["red", "shoe"], ["red", "hat"]], order=2)
    # Unigrams: red 2, shoe 1, hat 1, end 2 of 6, four kinds: (1 + 1) / (6 + 4).
    assert model.probability("shoe") == pytest.approx(0.2)
    # After "red": shoe 1 of 2, two kinds: (1 + 2 * 0.2) / (2 + 2).
    assert model.probability("shoe", ["red"]) == pytest.approx(0.35)
    assert model.probability("unknown") == 0.0
    assert END in model.vocabulary


def test_nothing_is_no_corpus() -> None:
    with pytest.raises(ValueError, match="sentence"):
        NGramModel([])
