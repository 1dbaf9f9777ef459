"""The batch lane as a Ray job: ``python -m mmpipe.indexing.batch --order JSON``.

A feed that cannot be indexed is recorded as failed and rejected, and the job still ends well: repeating it
would not help. Only what may succeed later makes it exit with 1, after a few attempts of its own.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from typing import TYPE_CHECKING

from mmpipe.errors import RetryableError
from mmpipe.indexing.lanes import feed as lanes
from mmpipe.indexing.lanes.ray import ray_chunks
from mmpipe.schemas.work import WorkOrder
from mmpipe.settings import Settings, load_settings
from mmpipe.telemetry import configure_logging

if TYPE_CHECKING:
    from mmpipe.indexing.lanes.staging import Progress
    from mmpipe.schemas.run import RunRecord

logger = logging.getLogger(__name__)
_ATTEMPTS = 4
_BACKOFF_SECONDS = 5.0


def run(order: WorkOrder, settings: Settings, *, progress: Progress | None = None) -> RunRecord:
    """Index one feed with Ray Data on the cluster this process is connected to, or on a local one it starts.

    See :func:`mmpipe.indexing.lanes.feed.execute` for what is guaranteed and raised.
    """
    import ray

    if not ray.is_initialized():
        ray.init(log_to_driver=False, logging_level=logging.WARNING)
    return lanes.execute(order, settings, lambda job: ray_chunks(job, settings.indexing), progress=progress)


def main(arguments: list[str] | None = None) -> int:
    """The job's entry point; prints the run's record as one JSON line."""
    parser = argparse.ArgumentParser(prog="mmpipe.indexing.batch", description="Index one feed on Ray.")
    parser.add_argument("--order", required=True, help="the WorkOrder as JSON")
    order = WorkOrder.model_validate_json(parser.parse_args(arguments).order)
    settings = load_settings()
    configure_logging()
    for attempt in range(_ATTEMPTS):
        try:
            record = run(order, settings)
        except RetryableError as error:
            logger.warning("attempt failed", extra={"run_id": order.run_id, "reason": str(error)})
            if attempt < _ATTEMPTS - 1:
                time.sleep(_BACKOFF_SECONDS * 2**attempt)
        else:
            sys.stdout.write(record.model_dump_json() + "\n")
            return 0
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
