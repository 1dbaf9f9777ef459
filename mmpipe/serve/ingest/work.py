"""Warm work over HTTP: its bodies, and where the work goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from mmpipe.schemas.work import ReplayOrder, ReplayOutcome, WorkOrder, WorkOutcome

MAX_ORDERS = 1_000


class WorkRequest(BaseModel):
    """Orders for the warm lane."""

    model_config = ConfigDict(extra="forbid")

    orders: list[WorkOrder] = Field(min_length=1, max_length=MAX_ORDERS)


class WorkResponse(BaseModel):
    """One outcome per order, in order."""

    outcomes: list[WorkOutcome]


class WorkGateway(Protocol):
    """Where warm work goes."""

    async def execute(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        """One outcome per order, in order. Raises ``NotReady`` where nothing took them."""
        ...

    async def replay(self, order: ReplayOrder) -> ReplayOutcome:
        """One reject again. Raises ``NotFound`` for an unknown one, ``InvalidRequest`` where there is nothing
        that could be replayed."""
        ...

    def check_alive(self) -> None:
        """Raises ``NotReady`` where it cannot recover by itself and should be replaced."""
        ...

    async def close(self) -> None:
        """Finish what was taken, then let go of threads and models."""
        ...
