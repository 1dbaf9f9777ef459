"""The steps of a search, with how long each took."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmpipe.search.find.question import Question
    from mmpipe.search.find.scoring import Scoring


class Plan:
    """Steps as they end. Making and marking one costs less than a microsecond."""

    def __init__(self) -> None:
        self._steps: list[dict[str, Any]] = []
        self._at = time.perf_counter()

    def mark(self, step: str, detail: str | None = None) -> None:
        """Whatever was done since the last mark is this step."""
        now = time.perf_counter()
        self._steps.append({"step": step, "ms": round((now - self._at) * 1e3, 3), "detail": detail})
        self._at = now

    def told(self) -> list[dict[str, Any]]:
        """The :class:`~mmpipe.schemas.search.PlanStep` of an answer, as JSON has them."""
        return self._steps


def matched(question: Question, scoring: Scoring | None, matches: int) -> str:
    """How matches were found, for people."""
    parts = [f"{matches} matches"]
    if scoring is None:
        return f"{parts[0]}, browsing"
    if scoring.text is not None:
        parts.append(
            f"full text (weight {scoring.text_weight:.2f}): {scoring.text.required} of"
            f" {len(question.words)} words"
        )
    if scoring.vector is not None:
        scale = scoring.vector
        parts.append(
            f"vector (weight {scoring.vector_weight:.2f}, {question.mode}): cosines"
            f" {scale.floor:.3f} to {scale.best:.3f}"
        )
    return "; ".join(parts)
