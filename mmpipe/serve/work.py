"""Warm work over HTTP: its bodies, the guard of the internal routes, and where the work goes."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from mmpipe.schemas.work import WorkOrder, WorkOutcome
from mmpipe.serve.errors import Unauthorized

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

    def check_alive(self) -> None:
        """Raises ``NotReady`` where it cannot recover by itself and should be replaced."""
        ...

    async def close(self) -> None:
        """Finish what was taken, then let go of threads and models."""
        ...


def authorize(header: str | None, token: SecretStr) -> None:
    """Compare a Bearer header with the shared secret in constant time.

    Raises :class:`Unauthorized`; always where no token is configured: an unconfigured service is closed.
    """
    secret = token.get_secret_value()
    if not secret:
        raise Unauthorized(
            "Authorization",
            "this service has no dispatch token (MMPIPE_DISPATCH__TOKEN), so its internal routes are closed",
        )
    scheme, _, given = (header or "").partition(" ")
    matches = hmac.compare_digest(given.strip().encode("utf-8", "replace"), secret.encode())
    if scheme.lower() != "bearer" or not matches:
        raise Unauthorized("Authorization", "send 'Bearer <token>' with the service's dispatch token")
