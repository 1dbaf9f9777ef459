"""Try a reject again, as it was or mended."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mmpipe import catalogue
from mmpipe.errors import InvalidRequest, InvalidRow, LiveMoved, NotFound
from mmpipe.indexing.pipeline.held import lookup_in, with_documents
from mmpipe.indexing.pipeline.pipeline import Pipeline
from mmpipe.indexing.pipeline.result import ChunkResult, RunCounts
from mmpipe.indexing.sources.rows import Upload, UploadRow, root_of
from mmpipe.indexing.sources.stores import stores
from mmpipe.indexing.tables.following import FOLLOW_ATTEMPTS, exactly, live_profile, models_for
from mmpipe.indexing.writing.commit import commit_fresh, finished, record_rejects
from mmpipe.indexing.writing.freshness import settle, write_refreshed
from mmpipe.indexing.writing.photographing import settle_photos
from mmpipe.indexing.writing.publish import publish
from mmpipe.lake import open_lake
from mmpipe.schemas.run import RunRecord
from mmpipe.schemas.work import ReplayOrder, ReplayOutcome

if TYPE_CHECKING:
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.lake import Collection, ProductTable
    from mmpipe.schemas.run import Reject
    from mmpipe.settings import FeedSettings, Settings

_INCOMPLETE = "_incomplete"


def replay(
    settings: Settings,
    collection: str,
    reject_id: str,
    *,
    raw: str | None = None,
    loaded: LoadedEncoders | None = None,
    follow: bool = True,
) -> RunRecord:
    """Index the rejected row once more, or read the rejected medium again, as a small run of its own.

    ``raw`` replaces the stored row (a JSON object in the feed's field names). The row keeps its place in the
    order of sources, so a replay never overwrites what a newer upload said. The reject is forgotten when it
    went well; else its reason is brought up to date. It is written into the live table, by that table's
    models; where nothing is live yet, or without ``follow``, into the table of ``indexing.profile``.

    Raises ``NotFound`` for an unknown reject, ``InvalidRequest`` where there is nothing that could be
    replayed.
    """
    home = open_lake(settings).collection(collection)
    reject = home.rejects.get(reject_id)
    if reject is None:
        raise NotFound(
            f"collection {collection} has no reject {reject_id}: list them with mmpipe rejects list"
        )
    if reject.scope == "photo":
        return _photo_again(settings, home, reject, raw)
    for _ in range(FOLLOW_ATTEMPTS - 1):
        with suppress(LiveMoved):
            return _replay(settings, home, reject, raw, loaded, follow=follow)
    return _replay(settings, home, reject, raw, loaded, follow=follow)


def try_again(
    settings: Settings, order: ReplayOrder, *, loaded: LoadedEncoders | None = None, follow: bool = True
) -> ReplayOutcome:
    """:func:`replay`, and whether that mended it. Raises likewise."""
    record = replay(settings, order.collection, order.reject_id, raw=order.row, loaded=loaded, follow=follow)
    after = open_lake(settings).collection(order.collection).rejects.get(order.reject_id)
    return ReplayOutcome(
        reject_id=order.reject_id,
        mended=after is None,
        reason="" if after is None else after.reason,
        run_id=record.run_id,
        refused=record.refused,
    )


def _replay(
    settings: Settings,
    home: Collection,
    reject: Reject,
    raw: str | None,
    loaded: LoadedEncoders | None,
    *,
    follow: bool,
) -> RunRecord:
    reject_id, collection = reject.reject_id, home.name
    profile = live_profile(home) if follow else None
    models = models_for(settings, settings.indexing.profile, profile, loaded)
    table = home.products(models.profile, create=True)
    started = datetime.now(UTC)
    run_id = _run_id(reject_id, started)
    source = Upload(
        run_id, reject.source_uri, root_of(reject.source_uri, collection), reject.created_at, reject.run_id
    )
    pipeline = Pipeline(settings, models, stores(settings))
    try:
        if reject.scope == "media" and raw is None:
            result = _media_again(source, reject, table, pipeline)
            visible, committed = bool(result.writes), None
        else:
            row = _row(source, reject, raw, settings.feeds, collection)
            result, committed = commit_fresh(
                lambda: pipeline.process([row], lookup_in(table, table.dim)), table, settings.lake.max_shrink
            )
            visible = committed.applied.visible
        # A fault that is still there stays the reject it was.
        result.rejects = [
            r.model_copy(update={"reject_id": reject_id, "row": reject.row, "raw": reject.raw})
            if _is_same_fault(r, reject)
            else r
            for r in result.rejects
        ]
        settled = settle(result.media, home, table, lambda: pipeline)
        record_rejects(result, committed, home, table)
        home.rejects.put(settled.rejects)
        result.add(settled)
    finally:
        pipeline.close()
    if reject_id not in {r.reject_id for r in result.rejects}:
        home.rejects.delete([reject_id])
    visible = visible or bool(settled.writes)
    note = publish(home, table, f"replay of reject {reject_id}", follow=follow) if visible else ""
    record = _begun(run_id, reject, table, started)
    record = record.model_copy(update={"refused": note})
    record = finished(result.counts.get(run_id, RunCounts()).into(record), error=note)
    home.runs.put(record)
    return record


def _photo_again(settings: Settings, home: Collection, reject: Reject, raw: str | None) -> RunRecord:
    """Read a review's photo again, by the models of what is live."""
    if raw is not None:
        raise InvalidRequest("reject", "it is a photo of a review: upload the review again with another link")
    live = home.live()
    if live is None or reject.product_id is None:
        raise InvalidRequest("reject", "its product is not there: index its products first")
    started, table = datetime.now(UTC), home.table(live.table)
    run_id = _run_id(reject.reject_id, started)
    home.reviews.note_photos([(reject.product_id, reject.reject_id)], run_id)
    with exactly(settings, table.profile) as pipeline:
        while settle_photos(home, table, table.profile, pipeline):
            pass
    after = home.rejects.get(reject.reject_id)
    record = _begun(run_id, reject, table, started)
    counts = RunCounts(indexed=int(after is None), rejected=int(after is not None))
    record = finished(counts.into(record), error="" if after is None else after.reason)
    home.runs.put(record)
    return record


def _run_id(reject_id: str, started: datetime) -> str:
    return hashlib.sha256(f"replay\x1f{reject_id}\x1f{started.isoformat()}".encode()).hexdigest()[:32]


def _begun(run_id: str, reject: Reject, table: ProductTable, started: datetime) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        kind="reviews_uploaded" if reject.scope == "photo" else "product_uploaded",
        lane="warm",
        source_uri=reject.source_uri,
        profile=table.profile.name,
        status="running",
        started_at=started,
        table=table.name,
        version=table.version,
        total=1,
    )


def _is_same_fault(found: Reject, reject: Reject) -> bool:
    """A row that is rejected again is the same reject, whatever field is wrong this time; each of a product's
    media is a reject of its own."""
    if reject.scope == "row" and found.scope == "row":
        return True
    return (found.scope, found.product_id, found.field) == (reject.scope, reject.product_id, reject.field)


def _row(source: Upload, reject: Reject, raw: str | None, feeds: FeedSettings, collection: str) -> UploadRow:
    text = raw if raw is not None else reject.raw
    if not text:
        raise InvalidRequest(
            "reject", "a whole file was refused, not a row: mend the file and upload it again"
        )
    if "/reviews/" in reject.source_uri:
        raise InvalidRequest("reject", "it is a line of reviews: mend it and upload the line in a new file")
    if "/events/" in reject.source_uri:
        raise InvalidRequest(
            "reject", "it is a line of interactions: mend it and upload the line in a new file"
        )
    if raw is None and _is_incomplete(text):
        raise InvalidRequest(
            "reject", "the row was too long, or its media came inside the feed: upload the feed again"
        )
    row = catalogue.read_product(text.encode(), "", feeds, collection=collection)
    if reject.product_id and row.product is not None and row.product.id != reject.product_id:
        raise InvalidRow(
            "id", f"the reject is of product {reject.product_id!r}, the row of {row.product.id!r}"
        )
    return UploadRow(
        source=source,
        row=reject.row,
        order=reject.source_order,
        raw=text,
        product=row.product,
        delete_id=row.delete_id,
        stock=row.stock,
        reject=row.reject,
        product_id=row.product_id or reject.product_id,
        group_id=row.group_id,
    )


def _is_incomplete(text: str) -> bool:
    try:
        document = json.loads(text)
    except ValueError:
        return False
    return isinstance(document, dict) and _INCOMPLETE in document


def _media_again(source: Upload, reject: Reject, table: ProductTable, pipeline: Pipeline) -> ChunkResult:
    if reject.product_id is None:
        raise InvalidRequest("reject", "it names no product: upload the feed again")
    held = with_documents(table, [reject.product_id])
    row = held.find(reject.product_id)
    if row is None or held.deleted(row):
        raise InvalidRequest("reject", f"product {reject.product_id!r} is not in the catalogue any more")
    result = pipeline.reread(source, held)
    write_refreshed(result, table)
    return result
