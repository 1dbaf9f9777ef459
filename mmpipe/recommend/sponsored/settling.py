"""Settling as a Ray job: ``python -m mmpipe.recommend.sponsored.settling [--collection NAME …]``.

Charges the clicks of the log that a replica stored and did not charge before it ended, each place once,
however often the job runs and beside whatever replicas. Prints one line of JSON per collection. One
collection's failure stops no other; the job then ends with 1. Where sponsored places are switched off nothing
is read, and the job ends well.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mmpipe.collection_job import run_job
from mmpipe.errors import MmpipeError
from mmpipe.lake import open_lake
from mmpipe.objects import open_store
from mmpipe.recommend.sponsored.bids import BidFile
from mmpipe.recommend.sponsored.charges import Charges
from mmpipe.recommend.sponsored.ledger import Ledger
from mmpipe.recommend.sponsored.report import COLUMNS, settle
from mmpipe.recommend.sponsored.tickets import Tickets, open_key
from mmpipe.recommend.sponsored.wallet import Wallet
from mmpipe.settings import Settings

if TYPE_CHECKING:
    from mmpipe.lake import Collection

logger = logging.getLogger(__name__)


def settle_collection(collection: Collection, now: datetime) -> dict[str, int]:
    """Charge what a crash left out, and remove the markers of events that are too old to be charged. Gives
    how many events had each outcome; none where the collection has no bids: its log is not read then.

    Raises ``StorageUnavailable``, ``CommitConflict``.
    """
    settings, chosen, store = collection.settings, collection.settings.sponsored, collection.store
    lake_uri = collection.uri.rpartition("/")[0]
    bids, charges = BidFile(store, collection.uri).read(), Charges(store, collection.uri)
    outcomes: dict[str, int] = {}
    if bids.by_product:
        outcomes = settle(
            # An event may be told a while after it happened; its ticket is no older than that.
            collection.interactions.scan(COLUMNS, now - timedelta(hours=2 * chosen.valid_hours)),
            bids,
            Tickets(open_key(open_store(lake_uri, settings.storage), lake_uri), collection.name),
            Wallet(Ledger(store, collection.uri), chosen.lease),
            charges,
            chosen,
            now=now,
        )
    charges.sweep(now, timedelta(hours=2 * chosen.valid_hours + 24))
    return outcomes


def run(settings: Settings, collections: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Settle these collections, all of them where none is named: ``{"collection", "outcomes"}`` each, or
    ``{"collection", "error"}``. Nothing while places are not sold."""
    if not settings.sponsored.enabled:
        logger.info("nothing to settle: MMPIPE_SPONSORED__ENABLED is not true")
        return
    lake = open_lake(settings)
    for name in collections or lake.collections():
        try:
            outcomes = settle_collection(lake.collection(name), datetime.now(UTC))
        except (MmpipeError, OSError) as error:
            logger.warning("not settled", extra={"collection": name, "reason": str(error)})
            yield {"collection": name, "error": f"{type(error).__name__}: {error}"}
        else:
            yield {"collection": name, "outcomes": outcomes}


def main(arguments: list[str] | None = None) -> int:
    """The job's entry point. See :func:`~mmpipe.collection_job.run_job`."""
    return run_job(
        run,
        arguments,
        prog="mmpipe.recommend.sponsored.settling",
        description="Charge the clicks that a crash left out.",
        traced_as="sponsored.settle",
    )


if __name__ == "__main__":
    raise SystemExit(main())
