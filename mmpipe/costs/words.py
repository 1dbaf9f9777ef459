"""Sentences with numbers in them, for whoever says them in another language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Words:
    """``text`` in English with its ``values`` to be filled in, as ``str()`` does; ``key`` tells it from all
    others, whatever the values are."""

    key: str
    text: str
    values: Mapping[str, float | str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text.format(**self.values)
