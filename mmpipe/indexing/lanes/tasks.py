"""One order on its way through the warm lane: what was read for it, and what the ledger says of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from mmpipe.errors import BatchLaneNeeded, MmpipeError, ObjectNotFound, PermanentError, RetryableError
from mmpipe.indexing.pipeline.result import ChunkResult, RunCounts
from mmpipe.indexing.sources import readers
from mmpipe.indexing.sources.rows import UploadRow, put_source, removal_source
from mmpipe.indexing.sources.versions import NOTHING_REVEALED, revealed_nothing
from mmpipe.indexing.writing.commit import begun
from mmpipe.indexing.writing.reviewing import store_reviews, tell_products
from mmpipe.lake.interactions import rows_of
from mmpipe.lake.media_log import MediaVersion
from mmpipe.schemas.work import OutcomeStatus, WorkOrder, WorkOutcome

if TYPE_CHECKING:
    from mmpipe.indexing.sources.readers import StoreFor
    from mmpipe.indexing.sources.rows import Upload
    from mmpipe.lake import Collection, ProductTable
    from mmpipe.lake.interactions import Pseudonyms
    from mmpipe.lake.runs import RunTable
    from mmpipe.schemas.feed import FeedReport
    from mmpipe.schemas.interaction import Judged
    from mmpipe.schemas.review import Review
    from mmpipe.schemas.run import RunRecord
    from mmpipe.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class ReadOrder:
    """An order and what was read for it; ``error`` where that failed, ``note`` where nothing was to do,
    ``kept`` why a feed that is the whole catalogue deleted nothing."""

    order: WorkOrder
    source: Upload
    started_at: datetime
    rows: list[UploadRow] = field(default_factory=list)
    bad_lines: list[UploadRow] = field(default_factory=list)
    interactions: Judged | None = None
    reviews: list[tuple[UploadRow, Review]] = field(default_factory=list)
    news: int = 0
    media: MediaVersion | None = None
    report: FeedReport | None = None
    error: MmpipeError | None = None
    note: str = ""
    kept: str = ""

    @classmethod
    def of(cls, order: WorkOrder) -> ReadOrder:
        """Nothing read yet."""
        return cls(order, removal_source(order), datetime.now(UTC))

    @classmethod
    def failed(cls, order: WorkOrder, error: MmpipeError) -> ReadOrder:
        """An order that cannot be executed."""
        task = cls.of(order)
        task.error = error
        return task

    def store_interactions(self, collection: Collection, table: ProductTable, pseudonyms: Pseudonyms) -> None:
        """Append the events that were read to the log, those of unknown products too, which are counted in
        the note."""
        if self.interactions is None or not self.interactions.events:
            return
        run_id, events = self.order.run_id, self.interactions.events
        collection.interactions.append(
            rows_of([self.interactions], collection.name, pseudonyms, run_id=run_id)
        )
        products = [event.product_id for event in events if event.product_id is not None]
        held = table.fetch(products, ["id", "deleted"])
        known = set(held.filter(pc.invert(held["deleted"]))["id"].to_pylist())
        unknown = sum(product not in known for product in products)
        if unknown:
            self.note = f"{unknown} of {len(events)} events are of products that are not there (yet)"

    def store_reviews(self, collection: Collection, table: ProductTable, pseudonyms: Pseudonyms) -> bool:
        """Hold the reviews that were read and tell their products, which are counted in the note where they
        are not there; gives whether readers would see a difference."""
        if not self.reviews:
            return False
        stored = store_reviews(collection, self.reviews, pseudonyms)
        self.news = stored.news
        told = tell_products(collection, table, stored.products)
        if told.absent:
            count, of = len(told.absent), len(stored.products)
            self.note = f"{count} of {of} reviewed products are not there (yet)"
        return told.visible

    def record(self, table: ProductTable, result: ChunkResult, refused: str) -> RunRecord:
        """The ledger's record of the finished order; ``refused`` says why what it wrote is not live."""
        counts = RunCounts()
        counts.add(result.counts.get(self.order.run_id, RunCounts()))
        stored = 0 if self.interactions is None else len(self.interactions.events)
        counts.read += stored + len(self.reviews) + len(self.bad_lines)
        counts.indexed += stored + self.news
        counts.unchanged += len(self.reviews) - self.news
        counts.rejected += len(self.bad_lines)
        return counts.into(begun(self.order, self.started_at, table.profile.name)).model_copy(
            update={
                "profile": table.profile.name,
                "status": "done" if self.error is None else "failed",
                "total": counts.read,
                "finished_at": datetime.now(UTC),
                "table": table.name,
                "version": table.version,
                "error": (self.note or self.kept) if self.error is None else str(self.error),
                "refused": refused if self.error is None else "",
                "feed": self.report,
            }
        )

    def outcome(self, note: str) -> WorkOutcome:
        """What the queue is told; ``note`` says why a commit is not live."""
        if self.error is not None:
            return outcome_of(self.order, self.error)
        return outcome(self.order, "done", self.note or note)


def read_task(order: WorkOrder, settings: Settings, store_for: StoreFor, runs: RunTable) -> ReadOrder:
    """Read everything an order needs: what is there now decides, whatever the event was. What fails is the
    task's ``error``; nothing is raised that the order caused.
    """
    task = ReadOrder.of(order)
    try:
        if revealed_nothing(order, store_for, runs):
            task.note = NOTHING_REVEALED
        else:
            _READERS[order.kind](task, settings, store_for)
    except ObjectNotFound:
        task.note = "the object is gone"
    except (PermanentError, RetryableError) as error:
        task.error = error
    return task


def outcome(order: WorkOrder, status: OutcomeStatus, reason: str = "") -> WorkOutcome:
    """An order's outcome."""
    return WorkOutcome(run_id=order.run_id, status=status, reason=reason)


def outcome_of(order: WorkOrder, error: Exception) -> WorkOutcome:
    """``failed`` for what cannot succeed, ``large`` for what the batch lane is to do; ``retry`` for
    everything else, so that the queue's redrive policy decides.
    """
    if isinstance(error, PermanentError):
        return outcome(order, "failed", str(error))
    if isinstance(error, BatchLaneNeeded):
        return outcome(order, "large", str(error))
    if not isinstance(error, RetryableError):
        logger.error("an order failed unexpectedly", extra={"run_id": order.run_id}, exc_info=error)
        return outcome(order, "retry", f"{type(error).__name__}: {error}")
    return outcome(order, "retry", str(error))


def _feed(task: ReadOrder, settings: Settings, store_for: StoreFor) -> None:
    task.rows, task.report = readers.feed_rows(task.order, settings, store_for)


def _product(task: ReadOrder, settings: Settings, store_for: StoreFor) -> None:
    task.rows = readers.product_rows(task.order, settings, store_for)
    if not task.rows:
        task.note = "the key never named a product"


def _media(task: ReadOrder, _settings: Settings, store_for: StoreFor) -> None:
    uri = task.order.object.uri
    try:
        stat = store_for(uri).stat(uri)
    except ObjectNotFound:
        task.media = MediaVersion(uri=uri, order=task.source.order(0), etag=None, removed=True)
        return
    # What is there now, not what the event saw: the row will be encoded from it.
    task.source = put_source(task.order, stat.last_modified)
    task.media = MediaVersion(uri=uri, order=task.source.order(0), etag=stat.etag)


def _interactions(task: ReadOrder, settings: Settings, store_for: StoreFor) -> None:
    task.interactions, task.bad_lines = readers.interactions(task.order, settings, store_for)


def _reviews(task: ReadOrder, settings: Settings, store_for: StoreFor) -> None:
    task.reviews, task.bad_lines = readers.reviews(task.order, settings, store_for)


_READERS = {
    "feed_uploaded": _feed,
    "feed_removed": _feed,
    "product_uploaded": _product,
    "product_removed": _product,
    "media_uploaded": _media,
    "media_removed": _media,
    "interactions_uploaded": _interactions,
    "reviews_uploaded": _reviews,
}
