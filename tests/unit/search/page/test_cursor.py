"""Page cursors: they read back, and whatever is no cursor of this service is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.search import Filters, Heard, SearchRequest, Weights
from mmpipe.search import EncodedQuery, pinned_version
from mmpipe.search.columns.words import Way, Word, plain
from mmpipe.search.find.rank import After
from mmpipe.search.find.scoring import Lean, Scoring, Statistics, TextScale, VectorScale
from mmpipe.search.find.words import Change, Understood
from mmpipe.search.page.cursor import after, decode, digest_of, fixed, opened, room
from mmpipe.search.page.window import Begin
from mmpipe.serve.answer.voice import MAX_HEARD_CHARACTERS

SOUND: dict[str, Any] = {
    "f": 4,
    "version": "products@7",
    "digest": "ab",
    "key": 0.25,
    "after": "p1",
    "second": 3.0,
    "n": 20,
    "pinned": 2,
    "rest": ["p7", "p8"],
    "q": "abc",
    "words": ["red", ["wi-fi", [[1.0, ["wifi"]], [0.9, ["wi", "fi"]]]]],
    "times": [1, 2],
    "corrected": [["rde", "red"]],
    "text": {"n": 10, "l": 50, "df": [3, 10], "r": 2, "c": 4.5},
    "vector": [0.1, 0.9],
    "weights": [0.25, 0.75],
    "heard": ["red lamp", 0.9, "en"],
}


def raw(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


counts = st.integers(0, 2**53)
numbers = st.floats(-1e12, 1e12)
shares = st.floats(0, 1)


@st.composite
def scorings(draw: st.DrawFn) -> Scoring:
    text = None
    if draw(st.booleans()):
        documents = draw(counts)
        holding = tuple(draw(st.lists(st.integers(0, documents), min_size=1, max_size=5)))
        statistics = Statistics(documents, draw(counts), holding)
        text = TextScale(statistics, draw(st.integers(1, 64)), draw(st.floats(1e-300, 1e12)))
    vector = None
    if draw(st.booleans()):
        lean = st.builds(Lean, st.sampled_from(["text", "image"]), shares, numbers, numbers)
        leans = draw(st.lists(lean, max_size=2))
        bands = draw(st.lists(st.tuples(numbers, numbers), max_size=16))
        vector = VectorScale(draw(numbers), draw(numbers), tuple(leans), tuple(bands))
    return Scoring(text, vector, draw(shares), draw(shares))


@given(scorings(), numbers, st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_what_fixed_the_scores_reads_back_bit_for_bit(scoring: Scoring, key: float, product_id: str) -> None:
    heard = Heard(text="红 lamp", confidence=0.5, language="zh")
    begins = Begin(After(key, product_id, 7.0), 20, 3, ("p1", product_id))
    text = after(fixed("products@7", "ab", scoring, heard, query_id="q"), begins)
    found = decode(text)
    assert (found.scoring, found.begins, found.q) == (scoring, begins, "q")
    assert (found.version, found.digest, found.heard) == ("products@7", "ab", ("红 lamp", 0.5, "zh"))
    assert text.isascii()
    assert not set("+/=") & set(text)


def test_no_score_and_no_price() -> None:
    text = after(fixed("products@7", "ab", None, None), Begin(After(None, "p1")))
    found = decode(text)
    assert (found.key, found.scoring.text, found.scoring.vector, found.heard) == (None, None, None, None)
    assert pinned_version(None) is None
    assert pinned_version(text) == "products@7"
    assert opened(None, "ab") is None


def test_the_longest_query_has_a_cursor_that_may_be_sent() -> None:
    statistics = Statistics(9_999_999, 999_999_999, (9_999_999,) * 64)
    scoring = Scoring(TextScale(statistics, 64, 1 / 3), VectorScale(1 / 3, 2 / 3), 1 / 3, 2 / 3)
    heard = Heard(text="w" * MAX_HEARD_CHARACTERS, confidence=1 / 3, language="en")
    # As many other ways as a query is given.
    others = (Way(("中" * 13,), 1 / 3),)
    words = tuple(Word("w" * 15, (Way(("w" * 15,)), *others[: n < 54])) for n in range(64))
    understood = Understood(words, (9,) * 64, (Change("a" * 400, "b" * 400),), (Change("c", "d"),))
    held = fixed(
        "products_starter_12345678@123456", "d" * 24, scoring, heard, None, understood, query_id="q" * 12
    )
    left = room(held)
    assert left > 0
    begins = Begin(After(-1 / 3, "p" * 128, 2.0**53), 2**31, 1_000, ("w" * (left - 3),))
    text = after(held, begins)
    assert SearchRequest(cursor=text).cursor == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "?", "nonsense", "é", "AAAA", "W" * 500, "\ud800"),
        *(raw(value) for value in ({}, [], None, 7, "[" * 200, [1, "v", "d", 40], [2, "v", "d", 1])),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_foreign_cursors_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor: is no cursor"):
        decode(text)


BAD_NUMBERS = (None, "1", True, [], 1e13, -1e13, 10**30, float("nan"), float("inf"))
BAD_COUNTS = (None, "1", True, -1, 1.5, 2**53 + 1, float("nan"))
TAMPERED: dict[str, tuple[object, ...]] = {
    "f": (None, 1, 3, "4", True, 4.5),
    "version": (None, 7, "v" * 201, ["v"]),
    "digest": (None, 7, "d" * 65),
    "key": tuple(value for value in BAD_NUMBERS if value is not None),
    "after": (None, 7, "p" * 513),
    "second": BAD_NUMBERS[1:],
    "n": (None, "1", True, -1, 1.5, 2**31 + 1),
    "pinned": (None, "1", True, -1, 1.5, 1_001),
    "rest": (None, 7, ["p", 7], ["p" * 513], ["p"] * 301),
    "q": (7, "q" * 65),
    "text": (7, [], "x", {}, {**SOUND["text"], "more": 1}),
    "vector": (7, [0.1], [0.1, 0.9, 1.0], *([0.1, bad] for bad in BAD_NUMBERS)),
    "leans": (
        None,
        7,
        [["text", 0.5, 0.1]],
        [["words", 0.5, 0.1, 1.0]],
        [["text", 1.5, 0.1, 1.0]],
        *([["text", 0.5, 0.1, bad]] for bad in BAD_NUMBERS),
        [["text", 0.5, 0.1, 1.0]] * 5,
    ),
    "bands": (None, 7, [[0.1]], *([[0.1, bad]] for bad in BAD_NUMBERS), [[0.1, 0.2]] * 17),
    "weights": (None, 1, [1.0], [0.5, 1.1], [-0.1, 0.5], [float("nan"), 0.5], ["0.5", 0.5]),
    "heard": (7, "x", ["x"], ["x", 1.5, None], ["x" * 1_001, 0.5, None], [7, 0.5, None], ["x", 0.5, 7]),
    "words": (None, 7, ["red"], ["", "x"], ["a", ["b", []]], ["a", ["b", [[0, ["b"]]]]], ["w"] * 65),
    "times": (None, [1], [0, 1], [1, "2"], [1, 1.5]),
    "corrected": (None, ["a"], [["a", "b", "c"]], [["a", "b"]] * 65),
    "replaced": (7, [["a", 7]]),
    "unknown": (1, None),
}
TAMPERED_TEXT: dict[str, tuple[object, ...]] = {
    "n": (*BAD_COUNTS, 9),  # fewer documents than hold the second word
    "l": BAD_COUNTS,
    "df": (None, 7, [3, 11], [3] * 65, [-1, 3], [1.5, 3], ["3", 3]),
    "r": (*BAD_COUNTS, 0, 65),
    "c": (None, "1", True, 0, -1.0, 1e13, float("nan"), float("inf")),
}


@pytest.mark.parametrize(("name", "value"), [(name, v) for name, bad in TAMPERED.items() for v in bad])
def test_every_field_is_checked(name: str, value: object) -> None:
    assert decode(raw(SOUND)).after == "p1"
    with pytest.raises(InvalidRequest, match="cursor: is no cursor"):
        decode(raw({**SOUND, name: value}))


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, bad in TAMPERED_TEXT.items() for v in bad])
def test_every_statistic_is_checked(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match="cursor: is no cursor"):
        decode(raw({**SOUND, "text": {**SOUND["text"], name: value}}))


def test_a_cursor_without_what_it_needs_is_refused() -> None:
    for name in ("f", "version", "digest", "key", "after"):
        lacking = {key: value for key, value in SOUND.items() if key != name}
        with pytest.raises(InvalidRequest, match="cursor: is no cursor"):
            decode(raw(lacking))


def test_a_cursor_of_another_search_is_refused() -> None:
    sound = raw(SOUND)
    assert opened(sound, "ab") == decode(sound)
    fewer = raw({**SOUND, "words": ["red"], "times": [1]})
    for text, digest in ((sound, "ac"), (fewer, "ab")):
        with pytest.raises(InvalidRequest, match="belongs to another search"):
            opened(text, digest)


def test_what_the_words_were_taken_for_goes_with_it() -> None:
    found = decode(raw(SOUND)).understood
    assert found.words == (plain("red"), Word("wi-fi", (Way(("wifi",)), Way(("wi", "fi"), 0.9))))
    assert (found.times, found.corrected, found.replaced) == ((1, 2), (Change("rde", "red"),), ())
    held = fixed("v", "ab", None, None, None, found)
    assert decode(after(held, Begin(After(1.0, "p")))).understood == found


def test_a_search_is_its_query_weights_filters_and_order() -> None:
    request = SearchRequest(text="lamp")
    query = EncodedQuery(text="lamp", identity=b"lamp")
    digest = digest_of("shop", request, query)
    others: list[tuple[str, dict[str, object], EncodedQuery]] = [
        ("other", {}, query),
        ("shop", {"sort": "price_asc"}, query),
        ("shop", {"sort": "price_desc"}, query),
        ("shop", {"weights": Weights(text=2)}, query),
        ("shop", {"filters": Filters(brand=["Acme"])}, query),
        ("shop", {}, EncodedQuery(text="lamps", identity=b"lamps")),
    ]
    found = {digest_of(name, request.model_copy(update=change), asked) for name, change, asked in others}
    assert len(found) == len(others)
    assert digest not in found
    free: dict[str, object] = {"limit": 3, "facets": ["brand"], "explain": False, "cursor": "x"}
    assert digest_of("shop", request.model_copy(update=free), query) == digest
