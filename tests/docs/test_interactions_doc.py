"""docs/interactions.md says what the code does."""

from __future__ import annotations

import re

from mmpipe.lake.interactions import SCHEMA
from mmpipe.schemas.interaction import EVENT_TYPES, Context, Interaction
from tests.docs.doc_commands import faults, read

PAGE = read("docs/interactions.md")


def test_what_the_page_names_is_there() -> None:
    assert faults(PAGE, on_infrastructure=False) == []


def test_every_type_field_and_column_is_told() -> None:
    told = set(re.findall(r"`([a-z_-]+)`", PAGE.text))
    assert set(EVENT_TYPES) <= told
    assert set(Interaction.model_fields) | set(Context.model_fields) <= told
    assert set(SCHEMA.names) <= told
