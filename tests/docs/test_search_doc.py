"""docs/search.md: its spellings are one, its figures those of the code, its commands exist."""

from __future__ import annotations

import re

from mmpipe.encoders.starter.loader import REACH
from mmpipe.lake.schema import FIELD_WEIGHTS
from mmpipe.lake.synonyms import parse_synonyms
from mmpipe.lexical import tokens
from mmpipe.search.find import pieces, synonyms, words
from mmpipe.search.find.meaning import LIFT
from mmpipe.search.find.question import THING
from tests.docs.doc_commands import faults, read

PAGE = read("docs/search.md")


def test_what_the_page_names_is_there() -> None:
    assert faults(PAGE, on_infrastructure=False) == []


def test_the_spellings_of_a_line_are_one() -> None:
    section = read("docs/search.md", "One spelling").text
    lines = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert len(lines) >= 8
    for line in lines:
        spellings = re.findall(r"`([^`]+)`", line)
        assert len({tuple(tokens(spelling)) for spelling in spellings}) == 1, line


def test_the_lines_of_a_file_are_read() -> None:
    (example,) = re.findall(r"```text\n(sofa.*?)```", PAGE.text, re.DOTALL)
    assert len(parse_synonyms(example.encode())) == 3


def test_figures_are_those_of_the_code() -> None:
    text = PAGE.text
    assert {name: FIELD_WEIGHTS[name] for name in ("title", "brand", "category", "attributes")} == {
        "title": 3,
        "brand": 2,
        "category": 2,
        "attributes": 2,
    }
    assert FIELD_WEIGHTS["description"] == FIELD_WEIGHTS["transcript"] == 1
    assert f"It counts {pieces.JOINED:g} of the word" in text
    assert f"of the same language counts {synonyms.SAME:g}, a translation {synonyms.TRANSLATED:g}" in text
    assert (
        f"a replacement {synonyms.REPLACED:g}; where the catalogue has the word itself, {pieces.BESIDE:g}"
        in text
    )
    assert f"It counts {synonyms.TYPED:g} of" in text
    assert f"One slip counts {words.ONE_SLIP:g}, two {words.TWO_SLIPS:g}" in text
    assert f"another first letter {words.FIRST_LETTER:g} of that" in text
    assert f"lift products that have them by {LIFT:g} of the span" in text
    assert f"are lifted by {THING:g} of the span" in text
    assert f"below {REACH.far:g} a product has nothing" in text
    assert f"from {REACH.near:g} on it counts in full" in text
    assert f"only a cosine of {REACH.sure:g} counts (of 1,000 products; {REACH.crowd:g} more for ten" in text
