"""Warm work: one HTTP call to the indexer for a whole batch."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pydantic import BaseModel, ValidationError

from mmpipe.dispatch.base import match, retry_all
from mmpipe.dispatch.http import HttpClient
from mmpipe.dispatch.tokens import token_source
from mmpipe.errors import DispatchUnavailable
from mmpipe.schemas.work import WorkOrder, WorkOutcome
from mmpipe.settings import DispatchSettings
from mmpipe.telemetry import span

logger = logging.getLogger(__name__)

WORK_PATH = "/internal/v1/work"
# The request itself is refused, so one bad order may stand in the way of the others.
_REFUSED = frozenset({400, 413, 422})


class _Outcomes(BaseModel):
    outcomes: list[WorkOutcome]


class IndexerDispatcher:
    """``POST {indexer_url}/internal/v1/work`` with ``{"orders": […]}``, answered by ``{"outcomes": […]}``."""

    def __init__(self, settings: DispatchSettings) -> None:
        token = token_source(settings.token, settings.token_secret)
        self._http = HttpClient(settings.indexer_url, token, settings.timeout_seconds)

    def submit(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        """See :meth:`mmpipe.dispatch.Dispatcher.submit`. A refused batch is sent again order by order."""
        if not orders:
            return []
        with span("indexer.submit", orders=len(orders)):
            return self._submit(orders)

    def _submit(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        payload = {"orders": [order.model_dump(mode="json") for order in orders]}
        try:
            answer = self._http.request("POST", WORK_PATH, payload)
            if answer.status in _REFUSED and len(orders) > 1:
                return [self.submit([order])[0] for order in orders]
            if not answer.ok:
                raise DispatchUnavailable(f"the indexer refused: {answer.summary()}{_remedy(answer.status)}")
            outcomes = _Outcomes.model_validate(answer.json()).outcomes
        except DispatchUnavailable as error:
            logger.warning("indexer unavailable", extra={"orders": len(orders), "reason": str(error)})
            return retry_all(orders, str(error))
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]["msg"]
            reason = f"the indexer's answer is not a list of outcomes: {detail}"
            logger.warning("indexer answered nonsense", extra={"orders": len(orders), "reason": reason})
            return retry_all(orders, reason)
        return match(orders, outcomes)


def _remedy(status: int) -> str:
    if status in (401, 403):
        return (
            " (the handlers' MMPIPE_DISPATCH__TOKEN, or the text of MMPIPE_DISPATCH__TOKEN_SECRET,"
            " must be the indexer's token)"
        )
    if status == 404:
        return " (MMPIPE_DISPATCH__INDEXER_URL must be the address of the query service)"
    return ""
