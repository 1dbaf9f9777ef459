"""Child process: one large feed, read and encoded by processes of this machine, without Ray.

``python -m mmpipe.local.large_feed --order JSON`` with ``MMPIPE_*`` set; says what became of it, and ends
with its parent. One core stays for those who search meanwhile.
"""

from __future__ import annotations

import argparse
import os

from mmpipe.errors import RetryableError
from mmpipe.indexing.lanes import feed as lanes
from mmpipe.indexing.lanes.processes import pool_chunks
from mmpipe.local.processes import Announcement, when_parent_ends
from mmpipe.schemas.work import WorkOrder, WorkOutcome
from mmpipe.settings import load_settings
from mmpipe.telemetry import configure_logging

_NICE = 10


def main() -> None:
    """See the module."""
    announcement = Announcement()
    when_parent_ends(lambda: os._exit(1))
    configure_logging("WARNING")
    parser = argparse.ArgumentParser(prog="mmpipe.local.large_feed", description=__doc__)
    parser.add_argument("--order", required=True, help="the WorkOrder as JSON")
    order = WorkOrder.model_validate_json(parser.parse_args().order)
    os.nice(_NICE)
    settings = load_settings()
    workers = settings.indexing.workers or max(1, len(os.sched_getaffinity(0)) - 1)
    try:
        record = lanes.execute(order, settings, lambda job: pool_chunks(job, workers))
    except RetryableError as error:
        outcome = WorkOutcome(run_id=order.run_id, status="retry", reason=str(error))
    else:
        outcome = WorkOutcome(
            run_id=order.run_id,
            status="failed" if record.status == "failed" else "done",
            reason=record.error or record.refused,
        )
    announcement.ready(**outcome.model_dump())


if __name__ == "__main__":
    main()
