"""docs/filters.md: its examples are conditions, its fields and bounds those of the code."""

from __future__ import annotations

import re

from mmpipe.schemas import conditions
from mmpipe.schemas.conditions import Condition
from mmpipe.search.columns.dictionaries import MAX_VALUES_PER_ATTRIBUTE
from tests.docs.doc_commands import faults, read

PAGE = read("docs/filters.md")
_RANGES = ("gte", "gt", "lte", "lt")


def test_what_the_page_names_is_there() -> None:
    assert faults(PAGE, on_infrastructure=False) == []


def test_the_examples_are_conditions() -> None:
    examples = re.findall(r"```json\n(.*?)```", PAGE.text, re.DOTALL)
    examples += re.findall(r"--filter '(.*?)'", PAGE.text)
    examples += re.findall(r"`(\{\"not\": \{\"field.*?\}\})`", PAGE.text)
    assert len(examples) >= 6
    for example in examples:
        Condition.model_validate_json(example)


def test_every_field_is_there_with_its_operators() -> None:
    told: dict[str, set[str]] = {}
    for line in read("docs/filters.md", "Fields").text.splitlines():
        cells = line.split(" | ")
        if not line.startswith("| `"):
            continue
        operators = set(re.findall(r"`([a-z]+)`", cells[1]))
        operators |= set(_RANGES) if "ranges" in cells[1] else set()
        operators |= set(conditions.OPERATORS) if cells[1] == "all" else set()
        told |= dict.fromkeys(re.findall(r"`([a-z_.A-Z]+)`", cells[0]), operators)
    taken = {name: set(conditions.takes(name)) for name in (*conditions.FIELDS, "attributes.NAME")}
    assert told == taken


def test_figures_are_those_of_the_code() -> None:
    text = PAGE.text
    assert f"At most {conditions.MAX_DEPTH} levels" in text
    assert f"{conditions.MAX_COMPARISONS} comparisons, {conditions.MAX_VALUES} values in `in`" in text
    assert f"texts of {conditions.MAX_TEXT} characters" in text
    assert conditions.MAX_NUMBER == 10**15
    assert f"{MAX_VALUES_PER_ATTRIBUTE:,} different values" in text


def test_search_leads_here() -> None:
    assert "(filters.md)" in read("docs/search.md").text
