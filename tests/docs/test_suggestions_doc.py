"""docs/suggestions.md says what the code does."""

from __future__ import annotations

import json
import re

from mmpipe.schemas.suggest import SuggestParams, SuggestResponse
from mmpipe.search.suggest import asked, titles
from mmpipe.settings import SuggestSettings
from tests.docs.doc_commands import faults, read

PAGE = read("docs/suggestions.md")


def test_what_the_page_names_is_there() -> None:
    assert faults(PAGE, on_infrastructure=False) == []


def test_the_answer_shown_is_one() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE.text, re.DOTALL)
    found = SuggestResponse.model_validate(json.loads(shown))
    assert [each.text[: each.spans[-1][1]] for each in found.suggestions] == ["red dr", "Dr"]


def test_parameters_and_figures_are_those_of_the_code() -> None:
    told = set(re.findall(r"`([a-z_]+)`", PAGE.text))
    assert set(SuggestParams.model_fields) <= told
    own = SuggestSettings()
    assert f"`MMPIPE_SUGGEST__POLL_SECONDS` ({own.poll_seconds:g})" in PAGE.text
    assert f"every {own.half_life_days:g} days" in PAGE.text
    assert own.min_shoppers == 3
    assert f"latest {asked.MOST_PAIRS:,} pairs" in PAGE.text
    assert f"the {asked.MOST_QUERIES:,} most popular" in PAGE.text
    assert f"more than {asked.MAX_QUERY} characters" in PAGE.text
    assert f"first {titles.MOST_TITLE} characters" in PAGE.text
