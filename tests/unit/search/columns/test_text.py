import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.lake.schema import FIELD_MARKS, FIELD_WEIGHTS
from mmpipe.search.columns.layout import Layout
from mmpipe.search.columns.pack import DamagedPack, Pack
from mmpipe.search.columns.text import FIELDS, MAX_TOKENS, Arrays, TextColumn, build_text
from mmpipe.search.kernels.memory import Words, set_rows

# Some that share a beginning, some whose order by bytes is not that by UTF-16.
VOCABULARY = ("a", "ab", "b", "caf\u00e9", "\u7ea2\u8272", "\U0001f600", "\uffff", "x" * 40)
UNKNOWN = ("zz", "abc", "\u7ea2")
TEXTS = st.lists(
    st.tuples(st.none() | st.lists(st.sampled_from(VOCABULARY), max_size=12).map(" ".join), st.booleans()),
    max_size=200,
)
# Words behind the mark of a field by number, or, for 0, behind none of their own.
SAID_IN = st.tuples(st.integers(0, len(FIELDS)), st.lists(st.sampled_from(VOCABULARY), max_size=5))
QUERIES = st.lists(st.sampled_from(VOCABULARY + UNKNOWN), min_size=1, unique=True)
Rows = list[tuple[str | None, bool]]


class Version:
    """Rows, each a text and whether it is alive, laid out in fragments that end at ``cuts``; ``row`` is where
    each of them lies."""

    def __init__(self, rows: Rows, cuts: Sequence[int], former: TextColumn | None = None) -> None:
        edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
        pieces = [rows[start:end] for start, end in pairwise(edges)]
        self.parts = [part([text for text, _ in piece]) for piece in pieces]
        self.layout = Layout([len(piece) for piece in pieces])
        self.row = [
            int(base) + i
            for base, piece in zip(self.layout.bases[:-1], pieces, strict=True)
            for i in range(len(piece))
        ]
        self.alive = self.words([i for i, (_, alive) in enumerate(rows) if alive])
        self.column = TextColumn(self.parts, self.layout, self.alive, former)

    def words(self, chosen: Sequence[int]) -> Words:
        return set_rows(np.array([self.row[i] for i in chosen], np.int32), self.layout.rows)


def part(texts: Sequence[str | None]) -> Arrays:
    return Pack.of(build_text(pa.array(texts, pa.string()))).arrays


def bag(text: str | None) -> Counter[str]:
    return Counter((text or "").split())


def bm25(text: str | None, tokens: Sequence[str], weights: Sequence[float], average: float) -> float:
    counts = bag(text)
    norm = 1.2 * (1 - 0.75 + 0.75 * counts.total() / average)
    return math.fsum(
        weight * 2.2 * counts[token] / (counts[token] + norm)
        for token, weight in zip(tokens, weights, strict=True)
        if counts[token]
    )


@settings(deadline=None)
@given(data=st.data(), rows=TEXTS, query=QUERIES)
def test_matches_and_scores_are_those_of_the_texts_however_they_lie(
    data: st.DataObject, rows: Rows, query: list[str]
) -> None:
    cuts = st.lists(st.integers(0, len(rows)), max_size=4)
    versions = [Version(rows, data.draw(cuts)), Version(rows, data.draw(cuts))]
    allowed = [i for i, (_, alive) in enumerate(rows) if alive and data.draw(st.booleans())]
    required = data.draw(st.none() | st.integers(1, len(query) + 1))
    weights = [data.draw(st.floats(0, 12)) for _ in query]
    average = data.draw(st.floats(0.5, 40))
    living = [text for text, alive in rows if alive]
    holds = [sum(token in bag(text) for token in query) for text, _ in rows]
    most = max((holds[i] for i in allowed), default=0)
    least = most if required is None else required
    expected = [i for i in allowed if least and holds[i] >= least]
    given_scores = []
    for version in versions:
        text = version.column
        assert text.documents == len(living)
        assert text.total_length == sum(bag(each).total() for each in living)
        terms = text.find(query)
        assert terms.tokens == tuple(query)
        assert terms.df.tolist() == [sum(token in bag(each) for each in living) for token in query]
        mask = version.words(allowed)
        assert text.most(terms, mask) == most
        found = text.search(terms, np.array(weights), average, mask, required)
        assert found.required == least
        assert found.rows.tolist() == [version.row[i] for i in expected]
        scores = [bm25(rows[i][0], query, weights, average) for i in expected]
        assert found.scores.dtype == np.float32
        assert found.scores.tolist() == pytest.approx(scores, rel=1e-6, abs=1e-6)
        every = np.array(version.row, np.int32)
        asked = text.scores(terms, np.array(weights), average, every)
        assert asked[expected].tolist() == found.scores.tolist()
        assert np.array_equal(text.scores(terms, np.array(weights), average, every[::-1]), asked[::-1])
        assert [i for i, score in enumerate(asked) if score == 0] == [
            i for i in range(len(rows)) if bm25(rows[i][0], query, weights, average) < 1e-45
        ]
        given_scores.append(asked)
    assert np.array_equal(*given_scores)


@settings(deadline=None)
@given(data=st.data(), rows=TEXTS)
def test_what_is_taken_over_from_another_version_is_what_holds_in_this_one(
    data: st.DataObject, rows: Rows
) -> None:
    former = Version(rows, [60, 130])
    changed = {data.draw(st.integers(0, len(rows) - 1))} if rows and data.draw(st.booleans()) else set()
    alive = former.words([i for i, (_, lives) in enumerate(rows) if lives != (i in changed)])
    later = TextColumn(former.parts, former.layout, alive, former.column)
    fresh = TextColumn(former.parts, former.layout, alive)
    assert (later.documents, later.total_length) == (fresh.documents, fresh.total_length)
    assert later.find(VOCABULARY).df.tolist() == fresh.find(VOCABULARY).df.tolist()
    assert [later.holds(token) for token in VOCABULARY] == [df > 0 for df in fresh.find(VOCABULARY).df]


def test_fragments_may_change_places() -> None:
    first = Version([("a b", True), ("a", False), ("c", True)], [2])
    parts, layout = first.parts[::-1], Layout([1, 2])
    alive = set_rows(np.array([0, 64], np.int32), 128)
    later = TextColumn(parts, layout, alive, first.column)
    terms = later.find(["a", "b", "c"])
    assert terms.df.tolist() == [1, 1, 1]
    assert later.search(terms, np.ones(3), 1.0, alive, 1).rows.tolist() == [0, 64]


def test_of_many_tokens_the_rarest_are_used() -> None:
    many = [f"t{i:03}" for i in range(MAX_TOKENS + 10)]
    # Token i is in the first i + 1 rows, and a last row has the 10 commonest alone.
    rows: Rows = [(" ".join(many[i:]), True) for i in range(len(many))]
    rows.append((" ".join(many[MAX_TOKENS:]), True))
    version = Version(rows, [30])
    text = version.column
    terms = text.find(many[::-1])
    weights = np.ones(len(many))
    assert terms.df.tolist() == [df + (df > MAX_TOKENS) for df in range(len(many), 0, -1)]
    found = text.search(terms, weights, 5.0, version.alive)
    assert (found.rows.tolist(), found.required) == ([0], MAX_TOKENS)
    used = many[:MAX_TOKENS]
    assert found.scores[0] == pytest.approx(bm25(rows[0][0], used, [1.0] * len(used), 5.0), rel=1e-6)
    assert text.search(terms, weights, 5.0, version.alive, 1).rows.tolist() == version.row[:MAX_TOKENS]
    assert text.scores(terms, weights, 5.0, np.array(version.row[-1:], np.int32)).tolist() == [0]


def test_equally_rare_tokens_are_chosen_by_name() -> None:
    many = [f"t{i:03}" for i in range(MAX_TOKENS + 1)]
    version = Version([(many[-1], True), (many[0], True), (" ".join(many[1:-1]), True)], [])
    terms = version.column.find(many[::-1])
    weights = np.ones(len(many))
    assert version.column.search(terms, weights, 1.0, version.alive, 1).rows.tolist() == [1, 2]


def test_tokens_asked_twice_are_looked_up_once() -> None:
    text = Version([("a b", True)], []).column
    assert text.find(["b", "a", "b"]).tokens == ("b", "a")
    assert text.find(["\ud800"]).df.tolist() == [0]
    assert text.find([]).tokens == ()


def test_nothing_is_found_where_there_is_nothing() -> None:
    for version in (Version([], []), Version([("a", False)], []), Version([(None, True), ("", True)], [1])):
        text = version.column
        terms = text.find(["a", "b"])
        found = text.search(terms, np.ones(2), 1.0, version.alive)
        assert (len(found.rows), found.required, text.most(terms, version.alive)) == (0, 0, 0)
        assert not text.holds("a")
    no_fragments = TextColumn([], Layout([]), np.zeros(0, np.uint64))
    nothing = no_fragments.search(no_fragments.find(["a"]), np.ones(1), 1.0, np.zeros(0, np.uint64))
    assert (len(nothing.rows), nothing.required) == (0, 0)


def test_a_mask_of_another_size_or_no_required_token_is_refused() -> None:
    version = Version([("a", True)], [])
    terms = version.column.find(["a"])
    with pytest.raises(ValueError, match="words"):
        version.column.search(terms, np.ones(1), 1.0, np.zeros(2, np.uint64))
    with pytest.raises(ValueError, match="required"):
        version.column.search(terms, np.ones(1), 1.0, version.alive, 0)


def test_lists_are_in_the_order_of_bytes() -> None:
    built = part(["b \uffff a b", None, " a  \U0001f600 ", ""])
    starts, data = built["token_start"], built["token_bytes"].tobytes()
    tokens = [data[start:end].decode() for start, end in pairwise(starts)]
    assert tokens == ["a", "b", "\uffff", "\U0001f600"]
    assert built["post_start"].tolist() == [0, 2, 3, 4, 5]
    assert built["post_rows"].tolist() == [0, 2, 0, 0, 2]
    assert built["post_tf"].tolist() == [1, 1, 2, 1, 1]
    assert built["lengths"].tolist() == [4, 0, 2, 0]
    assert built["length_sum"].tolist() == [6]
    assert len(built["slots"]) == 8
    assert sorted(built["slots"].tolist()) == [-1, -1, -1, -1, 0, 1, 2, 3]


def test_words_count_as_often_as_their_field() -> None:
    built = part(["\x01 red lamp \x05 red oak", "lamp", None])
    starts, data = built["token_start"], built["token_bytes"].tobytes()
    tokens = [data[start:end].decode() for start, end in pairwise(starts)]
    assert tokens == ["\x01", "\x05", "lamp", "oak", "red"]
    assert np.diff(built["post_start"]).tolist() == [0, 0, 2, 1, 1]
    assert built["post_tf"].tolist() == [3, 1, 1, 4]
    assert built["lengths"].tolist() == [8, 1, 0]


@settings(deadline=None)
@given(
    st.lists(st.lists(SAID_IN, max_size=6), min_size=1, max_size=40),
    st.lists(st.integers(0, 40), max_size=3),
    st.lists(st.sampled_from(VOCABULARY + UNKNOWN), max_size=6),
    st.randoms(),
)
def test_each_word_stands_in_its_field(
    rows: list[list[tuple[int, list[str]]]], cuts: list[int], asked: list[str], random: Random
) -> None:
    marks = ["", *FIELD_MARKS.values()]
    texts = [" ".join(filter(None, [t for k, words in row for t in (marks[k], *words)])) for row in rows]
    version = Version([(text, True) for text in texts], cuts)
    expected = np.zeros((len(rows), len(asked), len(FIELDS)), np.int32)
    for i, row in enumerate(rows):
        field = 0  # words without a mark of their own stand behind the one before
        for number, words in row:
            field = number or field
            for t, token in enumerate(asked):
                if field:
                    expected[i, t, field - 1] += words.count(token)
    order = random.sample(range(len(rows)), len(rows))
    found = version.column.fields_of(np.array([version.row[i] for i in order], np.int32), asked)
    assert found.dtype == np.int32
    assert np.array_equal(found, expected[order])


def test_fields_weigh_what_they_are_said_to() -> None:
    built = part([" ".join(f"{mark} {name}" for name, mark in FIELD_MARKS.items())])
    starts, data = built["token_start"], built["token_bytes"].tobytes()
    counts = {
        data[start:end].decode(): built["post_tf"][post].item() if post < last else 0
        for (start, end), (post, last) in zip(pairwise(starts), pairwise(built["post_start"]), strict=True)
    }
    assert {name: count for name, count in counts.items() if count} == FIELD_WEIGHTS


def test_counts_and_lengths_saturate() -> None:
    built = part(["a " * 65_536 + "b"])
    assert built["post_tf"].tolist() == [65_535, 1]
    assert built["lengths"].tolist() == [65_535]
    assert built["length_sum"].tolist() == [65_535]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_a_slice_of_a_column_is_itself_alone(kind: pa.DataType) -> None:
    whole = pa.array(["x", None, "a b", "b"], kind)
    built, expected = build_text(whole.slice(1, 2)), build_text(pa.array([None, "a b"], pa.string()))
    assert {name: array.tolist() for name, array in built.items()} == {
        name: array.tolist() for name, array in expected.items()
    }


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("token_start", np.array([0, 3, 2], np.int64)),
        ("token_start", np.array([0, 1], np.int64)),
        ("token_bytes", np.zeros(1, np.uint8)),
        ("slots", np.array([0, 1], np.int32)),
        ("slots", np.array([0, 5, -1, -1], np.int32)),
        ("slots", np.array([0, 1, -1], np.int32)),
        ("post_start", np.array([1, 1, 2], np.int64)),
        ("post_start", np.array([0, 1, 2], np.int32)),
        ("post_rows", np.zeros(1, np.int32)),
        ("post_tf", np.zeros(3, np.uint16)),
        ("lengths", np.zeros(2, np.uint16)),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(name: str, array: np.ndarray) -> None:
    damaged = {**part(["a b"]), name: array}
    with pytest.raises(DamagedPack):
        TextColumn([damaged], Layout([1]), np.ones(1, np.uint64))
