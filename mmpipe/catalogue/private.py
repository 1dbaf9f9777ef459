"""Columns that are nobody else's business."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# What a shop pays, whom, and what its people write to one another. Never public, whoever chooses it.
_NEVER_PUBLIC: Final = re.compile(
    r"(?:.*_)?(?:costs?|cogs|cost_of_goods(?:_sold)?|cost_price|cost_per_item|purchas(?:e|ing)_price|buying_price"
    r"|wholesale|wholesale_price|trade_price|dealer_price|margin|mark_?up|profit|commission"
    r"|suppliers?|supplier_.*|internal|internal_.*|admin|admin_.*|staff_.*|private|private_.*|confidential.*"
    r"|tax|tax_.*|taxes|taxable|taxcode|charge_tax(?:es)?|vat_rate)"
    r"(?:_(?:[a-z]{3}|gross|percent|price|rate|value|amount))?(?:_?\d{1,2})?"
    r"|notes?|comments?|remarks?|(?:.*_)?(?:internal|private|admin|staff|seller|purchase|order|supplier|buyer)_"
    r"(?:notes?|comments?|remarks?)"
    r"|auto_pricing_min_price|minimum_advertised_price|map_price|floor_price|custom_label(?:_\d)?|custom_number(?:_\d)?"
    r"|.*(?:成本|进价|采购|进货|供应商|毛利|利润|备注|内部|税率).*"
)
_REMEMBERED_CHARACTERS: Final = 64


def is_never_public(column: str) -> bool:
    """Whether a column of this name (as :func:`~mmpipe.catalogue.columns.column_name` gives it) is kept
    privately even where somebody chose to publish it."""
    # Names come from feeds: only so many of them, and only short ones, are worth remembering.
    return _remembered(column) if len(column) <= _REMEMBERED_CHARACTERS else _matches(column)


@lru_cache(maxsize=4_096)
def _remembered(column: str) -> bool:
    return _matches(column)


def _matches(column: str) -> bool:
    return _NEVER_PUBLIC.fullmatch(column) is not None
