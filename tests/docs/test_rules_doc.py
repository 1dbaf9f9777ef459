"""docs/rules.md says what the code does."""

from __future__ import annotations

import re

from mmpipe.lake.rules import parse_rules
from mmpipe.schemas.rules import MAX_RULES, Occasion, Rule
from tests.docs.doc_commands import faults, read

PAGE = read("docs/rules.md")


def test_what_the_page_names_is_there() -> None:
    assert faults(PAGE, on_infrastructure=False) == []


def test_the_rules_shown_are_such() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE.text, re.DOTALL)
    assert len(parse_rules(shown.encode()).rules) == 4


def test_every_member_is_told() -> None:
    told = set(re.findall(r"`([a-z_]+)`", PAGE.text))
    assert set(Occasion.model_fields) <= told
    assert set(Rule.model_fields) - {"name", "enabled", "when"} <= told
    assert f"At most {MAX_RULES} rules" in PAGE.text
