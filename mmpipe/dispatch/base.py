"""What a dispatcher is, and the two that need no network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from mmpipe.errors import RetryableError
from mmpipe.schemas.work import Lane, WorkOrder, WorkOutcome

logger = logging.getLogger(__name__)


class Dispatcher(Protocol):
    """Takes orders, says what became of each."""

    def submit(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        """One outcome per order, in the same order; never raises for what one order or the far side does.

        ``failed`` is only ever the executor's own, recorded verdict. Whatever kept an order from being
        executed is ``retry``: the message then stays on its queue and ends in the dead-letter queue, so
        that a wrong address or token loses no event.
        """
        ...


class LaneDispatcher:
    """Sends each order to its lane's dispatcher, in at most one call per lane; what turns out to be too much
    for the warm lane goes to the batch lane then."""

    def __init__(self, warm: Dispatcher, batch: Dispatcher) -> None:
        self._lanes: dict[Lane, Dispatcher] = {"warm": warm, "batch": batch}

    def submit(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        """See :meth:`Dispatcher.submit`."""
        outcomes: dict[int, WorkOutcome] = {}
        for lane, dispatcher in self._lanes.items():
            places = [i for i, order in enumerate(orders) if order.lane == lane]
            if places:
                outcomes.update(zip(places, dispatcher.submit([orders[i] for i in places]), strict=True))
        large = [i for i, outcome in outcomes.items() if outcome.status == "large"]
        if large:
            moved = [orders[i].model_copy(update={"lane": "batch"}) for i in large]
            outcomes.update(zip(large, self._lanes["batch"].submit(moved), strict=True))
        return [outcomes[i] for i in range(len(orders))]


class InProcessDispatcher:
    """Executes orders in this process: tests, the embedded mode."""

    def __init__(self, execute: Callable[[Sequence[WorkOrder]], list[WorkOutcome]]) -> None:
        self._execute = execute

    def submit(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        """See :meth:`Dispatcher.submit`."""
        if not orders:
            return []
        try:
            outcomes = self._execute(orders)
        except RetryableError as error:
            return retry_all(orders, str(error))
        except Exception as error:  # as over HTTP, where any crash of the executor is a 500
            logger.exception("the executor crashed", extra={"orders": len(orders)})
            return retry_all(orders, f"the executor crashed: {type(error).__name__}: {error}")
        return match(orders, outcomes)


def retry_all(orders: Sequence[WorkOrder], reason: str) -> list[WorkOutcome]:
    """The answer where nothing was executed."""
    return [WorkOutcome(run_id=order.run_id, status="retry", reason=reason) for order in orders]


def match(orders: Sequence[WorkOrder], outcomes: Sequence[WorkOutcome]) -> list[WorkOutcome]:
    """Put an executor's outcomes into the order of the orders; one that is missing is ``retry``."""
    by_run = {outcome.run_id: outcome for outcome in outcomes}
    missing = "the executor gave no outcome for this order"
    return [by_run.get(order.run_id) or retry_all([order], missing)[0] for order in orders]
