"""Files of marketplaces' own programs, told by their first line and refused once, with the remedy."""

from __future__ import annotations

from typing import Final

from mmpipe.errors import InvalidFeed

_REMEDY: Final = (
    "upload a feed with a header in its first line instead: the shop's own export, or a Google Merchant"
    " Center feed"
)
_TEMPLATES: Final = (
    ("templatetype=", "is an inventory template of Amazon"),
    ("version 1.00", "is a file of Taobao's assistant"),
    ("version1.00", "is a file of Taobao's assistant"),
)


def refuse_first_line(line: str) -> None:
    """Raise ``InvalidFeed`` for Amazon's flat files and for Taobao's assistant, whose header is not their
    first line and whose columns change from template to template."""
    start = line.lstrip('\ufeff" #').lower()
    for beginning, name in _TEMPLATES:
        if start.startswith(beginning):
            raise InvalidFeed(f"{name}, whose header is not the first line: {_REMEDY}")
