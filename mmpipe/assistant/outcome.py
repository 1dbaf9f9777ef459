"""What a turn comes to, before it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmpipe.assistant.draft import Draft

if TYPE_CHECKING:
    from mmpipe.assistant.state import Conversation
    from mmpipe.schemas.assistant import AnswerKind, Asked, ComparedRow
    from mmpipe.schemas.product import PublicProduct


@dataclass
class Outcome:
    """``state`` is what the next turn goes on from, ``tail`` the part of the text that asks back."""

    state: Conversation
    kind: AnswerKind
    draft: Draft = field(default_factory=Draft)
    products: Sequence[PublicProduct] = ()
    rows: list[ComparedRow] = field(default_factory=list)
    question: Asked | None = None
    declined: str | None = None
    tail: str = ""
    relaxed: tuple[str, ...] = ()
