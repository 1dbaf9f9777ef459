"""Texts of feeds become words."""
# ruff: noqa: E501 - texts are written as they are

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.catalogue.text import as_text, clean, private_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>Warm <b>wool</b> coat</p>", "Warm wool coat"),
        ("<P CLASS='x'>Warm</P><P>coat</P>", "Warm coat"),
        ("Line<br>break<br/>twice<br />more", "Line break twice more"),
        ("<ul><li>one</li><li>two</li></ul>", "one two"),
        ("H<sub>2</sub>O and <i>super</i>soft", "H2O and supersoft"),
        ('<a href="https://shop/a?b=1&c=2" title="a > b">Link</a>', "Link"),
        ("<img src=x.jpg alt='a'>Picture", "Picture"),
        ("<o:p>Word</o:p>", "Word"),
        ("<?xml version='1.0'?><!DOCTYPE html>Text", "Text"),
        ("a<!-- no <b>words</b> -->b", "ab"),
        ("before<!-- never closed <p>lost", "before"),
        ("<script>if (a<b) { x('</p>'); }</script>Shown", "Shown"),
        ("<script>x = '<!--';</script>Shown", "Shown"),
        ("<style>p { color: red }</style><p>Shown</p>", "Shown"),
        ("<noscript><style>x</style>hidden</noscript>Shown", "Shown"),
        ("<script src='a.js'/>Shown", "Shown"),
        ("Shown<script>never closed", "Shown"),
    ],
)
def test_markup_goes(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    "text",
    ["a < b and c > d", "List<String>", "Map<K, V>", "AT&T", "Q&A", "R&D & more", "5 <3", "<3 you", "x<y>z", "if a<b", "1 <= 2", "<Brand>",
     "A&B;C", "100% & up", "C++ <vector>"],
)  # fmt: skip
def test_what_only_looks_like_markup_stays(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("Tom &amp;amp; Jerry", "Tom & Jerry"),
        ("Tom &amp;amp;amp; Jerry", "Tom & Jerry"),
        ("&lt;p&gt;Warm&lt;/p&gt; coat", "Warm coat"),
        ("&amp;lt;p&amp;gt;Warm&amp;lt;/p&amp;gt; coat", "Warm coat"),
        ("&amp;amp;lt;b&amp;amp;gt;Warm&amp;amp;lt;/b&amp;amp;gt; coat", "Warm coat"),
        ("&lt;p&gt;5 &amp;lt; 6&lt;/p&gt;", "5 < 6"),
        ("Men&#39;s &quot;Trail&quot; jacket", 'Men\'s "Trail" jacket'),
        ("caf&eacute;&nbsp;&#xe9;&#233;", "café éé"),
        ("&#8364;5 &#128; &euro;", "€5 € €"),
        ("soft&shy;ware", "software"),
        ("a&#0;b&#55296;", "a\ufffdb\ufffd"),
        ("a &#" + "9" * 5_000 + "; b", "a b"),
        ("a &#x" + "f" * 5_000 + "; b", "a \ufffd b"),
        ("&unknown; &;& &#; &#x;", "&unknown; &;& &#; &#x;"),
    ],
)
def test_entities_are_resolved_as_often_as_they_were_escaped(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Kaffee\u00adbecher", "Kaffeebecher"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\u202eright\u202c to \u2066left\u2069\u200f", "right to left"),
        ("nul\x00 bell\x07 \x9c", "nul bell"),
        ("no\u00a0break\u2003space\u3000wide", "no break space wide"),
        ("<b\u200b>bold</b>", "bold"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🔬", "👩\u200d🔬"),
    ],
)
def test_invisible_characters_go_but_joiners_stay(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_spaces_and_line_breaks_are_folded() -> None:
    assert clean("  two\r\nlines \t and\n\n more  ") == "two lines and more"
    assert clean(" plain ") == "plain"
    assert clean("") == clean(" \u200b ") == clean("<p></p>") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<a href="x>Link</a> text', "Link text"),
        ("<p title='it's'>Warm</p>", "Warm"),
        ("<p>Warm coat", "Warm coat"),
        ("Warm</p></div> coat", "Warm coat"),
        ('Warm coat <a href="https://shop.exam', "Warm coat"),
        ("Warm coat <img src=x", "Warm coat"),
        ("Warm coat <b", "Warm coat <b"),
        ("Warm <coat size=3", "Warm <coat size=3"),
    ],
)
def test_broken_markup(text: str, expected: str) -> None:
    assert clean(text) == expected


HOSTILE = ["<", "<a ", "<a '", '<a "', "<a b=", "<!--", "<!", "&", "&amp;", "&#", "&#9", "&#x", "<script>", "</script>",
           "<a\t\t", " ", "\u00ad", "<<b>b>", "<b" , '"\'', "&lt;", "<a:", "<a/", "\x00<"]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_grows_with_the_length_alone(piece: str) -> None:
    started = time.process_time()
    clean(piece * (400_000 // len(piece)))
    assert time.process_time() - started < 5


PIECES = ["<", ">", "b", "p", "/", "<b>", "</b>", "<p>", "<br/>", "<script>", "</script>", "<!--", "-->", "&", "amp;",
          "lt;", "gt;", "&amp;", "&lt;", "&gt;", "&#38;", "&#60;", "&nbsp;", ";", "#", "60", '"', "'", "=", " ", "\n", "\u00ad",
          "\u200b", "\x00", "\x1f", "word", "é", "中", "\u3000"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=60))
def test_what_is_clean_stays_as_it_is(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert once == once.strip()
    assert len(once) <= 2 * len(text)  # an entity of one character may stand for two


def test_values_as_text() -> None:
    assert as_text(" a ") == "a"
    assert as_text([1, "b", None, 2.0, True]) == "1, b, 2, true"
    assert as_text({"a": [1]}) == '{"a": [1]}'
    assert as_text([["a"]]) == '[["a"]]'
    assert as_text(b"1234") == "4 bytes"
    assert as_text(float("inf")) == "inf"
    assert as_text(list(range(1_000))).count(",") == 199


def test_private_texts_are_words_of_bounded_length() -> None:
    assert private_text("<p>a &amp; b</p>") == "a & b"
    assert private_text("x" * 10_000) == "x" * 500
    assert private_text(["a", "b"]) == "a, b"


# What the quick look at a text has to tell from plain words.
MARKS = ["a", "Ä", "7", " ", "  ", "\n", "\u00a0", "\u034f", "\u200b", "\u200d", "<", "<b>", "</p>", "&", "&amp;", "& ",
         "&#65", ";"]  # fmt: skip


@given(st.lists(st.sampled_from(MARKS), max_size=8).map("".join))
def test_a_text_that_looks_plain_gives_what_the_whole_cleaning_gives(text: str) -> None:
    # A zero character counts for nothing, and is reason enough to look at the whole text.
    assert clean(text) == clean(f"\0{text}")
