"""The text of one cell: what programs write into it, as it is meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mmpipe.errors import InvalidRow

_MOST_PARTS: Final = 100
# What programs write where there is nothing; a title may be such a word.
NOTHING: Final = frozenset(
    ("n/a", "n.a.", "#n/a", "null", "nan", "undefined", "-", "--", "—", "not applicable", "does not apply")
)
_NEVER_NOTHING: Final = frozenset({"id", "title", "language"})
_LONGEST_NOTHING: Final = 14


def text_of(field: str, value: Any) -> str:
    """One scalar, or a list of them joined by ``/``, as text; ``InvalidRow`` for anything nested."""
    if value.__class__ is str:
        return str(value).replace("\x00", "").strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # A column of whole numbers with gaps comes out of many tools as 2011.0.
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, list | tuple):
        return "/".join(
            part for item in value[:_MOST_PARTS] if item is not None and (part := text_of(field, item))
        )
    if isinstance(value, Mapping):
        raise InvalidRow(field, "is a nested object: write one text")
    if isinstance(value, bytes):
        raise InvalidRow(field, "holds bytes: write a text")
    return str(value).strip()


def as_written(text: str) -> str:
    """Without the apostrophe by which spreadsheets are told to leave a number as it is."""
    return text[1:].lstrip() if text[:1] == "'" and text[-1:] != "'" else text


def says_nothing(name: str, text: str) -> bool:
    """Whether the text of a field is a word that programs write where there is nothing."""
    if name in _NEVER_NOTHING or len(text) > _LONGEST_NOTHING:
        return False
    word = text.lower()
    if name == "item_group_id":  # one group of all that have none
        return word in NOTHING or word in ("none", "0", "0.0")
    return word in NOTHING or (word == "none" and name != "description")


def first_gtin(text: str) -> str:
    """The first of several, as digits where a spreadsheet made a number of them; empty where one has rounded
    it, and where it is none."""
    code = re.split("[,;|]", text, maxsplit=1)[0].strip("' ").removesuffix(".0")
    return code if code.strip("0 -.") and "E+" not in code.upper() and any(map(str.isdecimal, code)) else ""
