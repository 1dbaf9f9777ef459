"""What a check found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from mmpipe.settings import Settings

State = Literal["fine", "note", "warning", "broken"]


@dataclass(frozen=True, slots=True)
class Finding:
    """``broken``: it has to be mended before mmpipe works as it is set; ``warning``: it works, and will be
    slow or stop; ``note``: something that is not there and need not be. ``remedy`` says what to do."""

    about: str
    state: State
    told: str
    remedy: str = ""


Check: TypeAlias = "Callable[[Settings], Iterator[Finding]]"
"""Looks at one thing; blocks, for seconds at most. Whatever it meets is a finding."""
