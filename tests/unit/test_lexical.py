"""Full-text tokens: the same for products and queries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.lexical import (
    MAX_TOKEN_CHARACTERS,
    amount,
    fold,
    heads,
    heads_of,
    identifier,
    items,
    parts_of,
    phrases,
    size,
    tokens,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Women's Red Dresses", ["women", "red", "dress"]),
        ("glasses, watches & batteries", ["glass", "watch", "battery"]),
        ("ties cookies knives bookshelves teeth", ["tie", "cookie", "knife", "bookshelf", "tooth"]),
        ("olives sleeves series brollies", ["olive", "sleeve", "sery", "brolly"]),
        ("Café CRÈME", ["cafe", "creme"]),
        ("红色连衣裙", ["红色", "色连", "连衣", "衣裙"]),
        ("茶 tea", ["茶", "tea"]),
        ("ＡＢＣ１２", ["abc12"]),
        ("iPhone手机 128GB", ["iphone", "手机", "128", "128gb"]),
        ("T-shirts & Wi-Fi", ["t", "shirt", "tshirt", "wi", "fi", "wifi"]),
        ("C++, C# or C", ["c++", "c#", "or", "c"]),
        ("Kaffee\u00adbecher, große Straße", ["kaffeebecher", "grosse", "strasse"]),
        ("Smørrebrød æon", ["smorrebrod", "aeon"]),
        ("電腦椅", ["电脑", "脑椅"]),
        ("black/white", ["black", "white"]),
        ("WH-1000XM5", ["wh", "1000xm5", "wh1000xm5"]),
        ("160 x 200 cm, 2 in 1", ["160", "200", "200cm", "2", "in", "1"]),
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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("500ml", "500 ml"),
        ("500ml", "500毫升"),
        ("1,500W", "1500 watts"),
        ("16 GB", "16gb"),
        ('15.6"', "15.6 inch"),
        ("15.6″", "15.6in"),
        ("1.0 L", "1 litre"),
        ("L'Oréal", "L\u2019Ore\u0301al"),
        ("H&M", "h&m"),
        ("ＵＳＢ－Ｃ", "usb-c"),
        ("人體工學", "人体工学"),
        ("160x200", "160 × 200"),
        ("1.500 W", "1500W"),
        ("20.000 mAh", "20,000mAh"),
        ("1'500 W", "1500 watt"),
        ("1.750 kg", "1,75 kg"),
        ("½ inch", '0.5"'),
        ("1 1/2 inch", "1½″"),
        ("EU 42 1/2", "eur42,5"),
        ("UK7½", "uk 7.5"),
        ("US10", "us 10"),
        ("-20 ℃", "20°C"),
        ("C ++", "c++"),
        ("M&M’s", "m&ms"),
        ("AT & T", "at&t"),
    ],
)
def test_one_spelling(one: str, other: str) -> None:
    assert tokens(one) == tokens(other)


def test_letters_with_signs_are_words_of_their_own() -> None:
    assert len({tuple(tokens(name)) for name in ("C", "C#", "C++", "F#")}) == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ABC-123/45", "abc12345"),
        ("978-3-16-148410-0", "09783161484100"),
        ("04433", "4433"),
        ("000", "0-0-0"),
    ],
)
def test_identifiers_in_any_punctuation(one: str, other: str) -> None:
    assert identifier(one) == identifier(other)
    assert identifier("--") is None


@given(st.text(max_size=200))
def test_any_text_gives_tokens_that_a_whitespace_tokenizer_keeps(text: str) -> None:
    found = tokens(text)
    assert " ".join(found).split() == found
    assert all(len(token) <= MAX_TOKEN_CHARACTERS for token in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("us 10", "us 10"), ("us10", "us 10"), ("10 us", "us 10"), ("us size 10", "us 10"), ("eur 42", "eu 42"),
     ("eu 42 1/2", "eu 42.5"), ("uk 7,5", "uk 7.5"), ("42.0", None), ("1.10", None), ("42,50", "42.5"),
     ("007", "007"), ("xl", None),
     ("eu 42 2/3", None), ("us 10 uk", None), ("40-42", None), ("bus 10", None)],
)  # fmt: skip
def test_a_size_has_one_spelling(text: str, expected: str | None) -> None:
    assert size(text) == expected


@pytest.mark.parametrize("text", ["0.500 kg", "iphone 15 256 gb", "abc-1/2", "24/7", "usr 10", "1/2 price"])
def test_what_is_no_thousand_no_fraction_and_no_system(text: str) -> None:
    assert not {"500kg", "15256gb", "0.5in", "us", "3.5"} & set(tokens(text))


def test_an_accent_by_itself_is_an_apostrophe() -> None:
    assert fold("L\u00b4Oréal") == fold("L’Oréal") == "l'oreal"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("500 ml", "500ml"), ("1,500W", "1500w"), ('15.6"', "15.6in"), ("1,5 l", "1.5l"),
     ("500 ml bottle", None), ("42", None), ("wi-fi", None), ("2x500 ml", None), ("", None)],
)  # fmt: skip
def test_an_amount_has_one_spelling(text: str, expected: str | None) -> None:
    assert amount(text) == expected


def test_a_number_of_any_length_is_a_token() -> None:
    for tail in (" 1/2 inch", " 1/2", " kg", ",5 w", ""):
        assert all(len(token) <= MAX_TOKEN_CHARACTERS for token in tokens("9" * 5_000 + tail))


@given(st.text(st.sampled_from("abs zéSß 红傘が-'&5x"), max_size=12))
def test_plain_words_and_runs_are_parted_as_any_text_is(text: str) -> None:
    found = list(items(text))
    assert heads(text) == heads_of(found)
    if len(found) == 1 and found[0].run:
        assert phrases(text) == (found[0].text, set())
    else:
        assert phrases(text) == (None, {key for key in (heads_of(found), parts_of(found)) if key})
