"""More attributes than a product may have."""

from __future__ import annotations

from typing import Any

from mmpipe.catalogue.formats.base import MAX_CHARACTERS
from mmpipe.catalogue.normalise import MAX_ATTRIBUTES


def spill(values: dict[str, Any]) -> dict[str, Any]:
    """``values`` with as many attributes, and as long ones, as a product may have; the rest is private."""
    attributes: dict[str, str] = values.get("attributes") or {}
    items = [(name[:MAX_CHARACTERS], text[:MAX_CHARACTERS]) for name, text in attributes.items()]
    if items[MAX_ATTRIBUTES:]:
        values["private"] = {**dict(items[MAX_ATTRIBUTES:]), **values.get("private", {})}
    if items:
        values["attributes"] = dict(items[:MAX_ATTRIBUTES])
    return values
