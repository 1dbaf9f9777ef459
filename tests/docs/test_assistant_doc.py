"""docs/assistant.md says what the code does."""

from __future__ import annotations

import json
import re

from mmpipe.assistant.checked import _MAX_OWN
from mmpipe.assistant.finding import MEASURED
from mmpipe.assistant.shop import MOST_SEARCHES
from mmpipe.schemas.assistant import (
    MAX_SHOWN,
    MAX_STATE,
    MAX_TEXT,
    AssistantRequest,
    AssistantResponse,
)
from tests.docs.doc_commands import faults, read

PAGE = read("docs/assistant.md")


def test_what_the_page_names_is_there() -> None:
    assert faults(PAGE, on_infrastructure=False) == []


def test_the_answer_shown_is_one_and_its_claims_stand_in_it() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE.text, re.DOTALL)
    found = AssistantResponse.model_validate(json.loads(shown))
    assert [found.text[each.start : each.end] for each in found.claims] == [
        each.value for each in found.claims
    ]


def test_members_and_bounds_are_those_of_the_code() -> None:
    text = PAGE.text
    assert set(AssistantRequest.model_fields) <= set(re.findall(r"`([a-z_]+)`", text))
    assert f"up to {MAX_TEXT} characters" in text
    assert f"at most {MAX_STATE:,} characters" in text
    assert f"(3, at most {MAX_SHOWN})" in text
    assert MOST_SEARCHES == 4
    assert "four searches at most" in text
    assert f"at most {MEASURED} products" in text
    assert f"at most {_MAX_OWN} characters" in text
