"""Full-text tokens: the same for products and queries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.lexical import MAX_TOKEN_CHARACTERS, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Women's Red Dresses", ["women", "red", "dress"]),
        ("glasses, watches & batteries", ["glass", "watch", "battery"]),
        ("Café CRÈME", ["cafe", "creme"]),
        ("红色连衣裙", ["红色", "色连", "连衣", "衣裙"]),
        ("茶 tea", ["茶", "tea"]),
        ("ＡＢＣ１２", ["abc12"]),
        ("iPhone手机 128GB", ["iphone", "手机", "128gb"]),
        ("—!?", []),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("one", "many"), [("dress", "dresses"), ("shoe", "shoes"), ("toy", "toys"), ("box", "boxes")]
)
def test_singular_and_plural_meet(one: str, many: str) -> None:
    assert tokens(one) == tokens(many)


@given(st.text(max_size=200))
def test_any_text_gives_tokens_that_a_whitespace_tokenizer_keeps(text: str) -> None:
    found = tokens(text)
    assert " ".join(found).split() == found
    assert all(len(token) <= MAX_TOKEN_CHARACTERS for token in found)
