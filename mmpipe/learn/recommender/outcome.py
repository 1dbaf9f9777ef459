"""What came of a training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mmpipe.lake.models import RegisteredModel

Status = Literal["switched", "kept", "too-little", "off"]


@dataclass(slots=True)
class Outcome:
    """``status``: readers were ``switched`` to the new model; what they follow was ``kept``, for the new one
    is no better; there is ``too-little`` to learn from or to judge by; or they were turned ``off`` a model
    that may hold somebody who was erased, with no better one at hand. ``reason`` says it for people.

    ``candidates`` are the figures of the shoppers that the model was chosen by, ``judged`` those of others,
    of the new model, popularity and what is live. ``change`` is that of NDCG@10 to what is live with its 90 %
    interval. ``erased`` names the erasures that what was live may still have held, ``removed`` the revisions
    that were removed for such a reason.
    """

    collection: str
    status: Status
    reason: str
    events: int = 0
    shoppers: int = 0
    items: int = 0
    products: int = 0
    chosen: str | None = None
    candidates: dict[str, dict[str, float]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    judged: dict[str, dict[str, float]] = field(default_factory=dict)
    change: tuple[float, float, float] | None = None
    ranker: dict[str, float] = field(default_factory=dict)
    ranker_note: str = ""
    live: str | None = None
    registered: RegisteredModel | None = None
    erased: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        found = {name: getattr(self, name) for name in self.__slots__ if name != "registered"}
        record = self.registered
        named = None if record is None else {"name": record.name, "revision": record.revision}
        return {**found, "seconds": round(self.seconds, 2), "registered": named}
