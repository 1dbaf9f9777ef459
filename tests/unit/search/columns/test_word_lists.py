"""Words that may be said in several ways, phrases, and words like others: against the texts themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.search.columns.text import TextColumn
from mmpipe.search.columns.words import Way, Word
from mmpipe.search.kernels.memory import rows_of
from mmpipe.search.kernels.text import BEST, PARTS
from tests.unit.search.columns.test_text import TEXTS, VOCABULARY, Rows, Version, bag

WAYS = st.lists(
    st.builds(
        Way,
        st.lists(st.sampled_from((*VOCABULARY, "zz")), min_size=1, max_size=3, unique=True).map(tuple),
        st.sampled_from((1.0, 0.95, 0.8, 0.5, 8.0)),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda way: way.tokens,
).map(tuple)


def count(text: str | None, ways: Sequence[Way]) -> float:
    """What a text's occurrences of a word count for: in 64ths, rounded."""
    held = bag(text)
    best = max((min(held[token] for token in way.tokens) * way.factor for way in ways), default=0.0)
    return max(int(best * PARTS + 0.5), 1) / PARTS if best else 0.0


@settings(deadline=None)
@given(data=st.data(), rows=TEXTS, words=st.lists(WAYS, min_size=1, max_size=3, unique=True))
def test_a_word_is_in_what_says_it_in_any_way(
    data: st.DataObject, rows: Rows, words: list[tuple[Way, ...]]
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(rows)), max_size=3))
    version = Version(rows, cuts)
    asked = [Word(f"w{n}", ways) for n, ways in enumerate(words)]
    for text in (version.column, TextColumn(version.parts, version.layout, version.alive, version.column)):
        terms = text.find(asked)
        for word, df in zip(asked, terms.df.tolist(), strict=True):
            good = [w for w in word.ways if w.factor >= BEST * max(way.factor for way in word.ways)]
            assert df == sum(alive and count(said, good) > 0 for said, alive in rows)
        living = [i for i, (_, alive) in enumerate(rows) if alive]
        held = {i: [count(rows[i][0], word.ways) for word in asked] for i in living}
        most = max((sum(c > 0 for c in counts) for counts in held.values()), default=0)
        found = text.search(terms, np.ones(len(asked)), 5.0, version.alive)
        assert found.required == most
        expected = [i for i in living if most and sum(c > 0 for c in held[i]) == most]
        assert found.rows.tolist() == [version.row[i] for i in expected]
        for i, score in zip(expected, found.scores.tolist(), strict=True):
            norm = 1.2 * (0.25 + 0.75 * bag(rows[i][0]).total() / 5.0)
            assert score == pytest.approx(sum(2.2 * c / (c + norm) for c in held[i] if c), rel=1e-5)


@settings(deadline=None)
@given(
    data=st.data(),
    rows=TEXTS,
    phrase=st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=3).map(tuple),
)
def test_a_phrase_is_in_what_says_its_words_one_after_the_other(
    data: st.DataObject, rows: Rows, phrase: tuple[str, ...]
) -> None:
    version = Version(rows, data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    size = len(phrase)
    expected = []
    for i, (text, alive) in enumerate(rows):
        said = (text or "").split()
        if alive and any(tuple(said[at : at + size]) == phrase for at in range(len(said))):
            expected.append(version.row[i])
    assert rows_of(version.column.with_phrase(phrase, version.alive)).tolist() == expected


@settings(deadline=None)
@given(data=st.data(), rows=TEXTS, ways=WAYS)
def test_what_is_not_wanted_is_taken_out(data: st.DataObject, rows: Rows, ways: tuple[Way, ...]) -> None:
    version = Version(rows, data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    left = version.column.without([Word("w", ways)], version.alive)
    expected = [version.row[i] for i, (text, alive) in enumerate(rows) if alive and not count(text, ways)]
    assert rows_of(left).tolist() == expected


@settings(deadline=None)
@given(data=st.data(), rows=TEXTS, one=WAYS, other=WAYS)
def test_all_words_are_held_in_any_of_their_ways(
    data: st.DataObject, rows: Rows, one: tuple[Way, ...], other: tuple[Way, ...]
) -> None:
    version = Version(rows, data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    held = version.column.with_all([Word("v", one), Word("w", other)], version.alive)
    expected = [
        version.row[i]
        for i, (text, alive) in enumerate(rows)
        if alive and count(text, one) and count(text, other)
    ]
    assert rows_of(held).tolist() == expected


def distance(one: str, other: str) -> int:
    table = {(i, 0): i for i in range(len(one) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            changed = table[i - 1, j - 1] + (one[i - 1] != other[j - 1])
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, changed)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(one), len(other)]


LETTERS = st.text("abcdeжü", min_size=3, max_size=8)


@settings(deadline=None)
@given(
    words=st.lists(LETTERS, min_size=1, max_size=40, unique=True),
    asked=LETTERS,
    edits=st.sampled_from((1, 2)),
)
def test_words_like_one_are_those_a_few_slips_away(words: list[str], asked: str, edits: int) -> None:
    rows: Rows = [(f"{word} 12 #{word} 红色", n % 5 > 0) for n, word in enumerate(words)]
    version = Version(rows, [len(rows) // 2])
    expected = {
        word: distance(asked, word)
        for n, word in enumerate(words)
        if n % 5 and 0 < distance(asked, word) <= edits
    }
    assert version.column.similar(asked, edits) == expected
