"""Orders to rows: which object version is read, and what its bytes mean."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO

from pydantic import ValidationError
from pydantic_core import from_json

from mmpipe import catalogue
from mmpipe.catalogue.reviews import read_reviews
from mmpipe.errors import BatchLaneNeeded, FeedTooLarge, InvalidFeed, InvalidRow, ObjectNotFound
from mmpipe.indexing.sources.rows import Upload, UploadRow, put_source, removal_source
from mmpipe.objects import ObjectTooLarge
from mmpipe.schemas.interaction import Interaction, Judged, Rejected, judge, rejected
from mmpipe.schemas.product import PRODUCT_ID_PATTERN
from mmpipe.schemas.work import REMOVALS

if TYPE_CHECKING:
    from mmpipe.catalogue import FeedRow
    from mmpipe.objects import ObjectStat, ObjectStore
    from mmpipe.schemas.feed import FeedReport
    from mmpipe.schemas.review import Review
    from mmpipe.schemas.work import WorkOrder
    from mmpipe.settings import Settings

StoreFor = Callable[[str], "ObjectStore"]
MAX_INTERACTIONS_BYTES = 64_000_000
MAX_REVIEWS_BYTES = 32_000_000
# A feed's size is an estimate where it is compressed: real ones shrink up to 50 times, of which the estimate
# counts 8, and some are compressed under a name that does not say so.
_GROWTH = 16
_LOOK_EVERY = 64
# Of a bad line of interactions, what its report shows.
_SHOWN = frozenset({"type", "event_id", "product_id", "time", "device", "rating", "quantity"})


def open_version(order: WorkOrder, store_for: StoreFor) -> tuple[BinaryIO, ObjectStat]:
    """A stream over the version that an upload named; over the current one where that is gone, and for a
    removal. Raises ``ObjectNotFound``.
    """
    store = store_for(order.object.uri)
    if order.object.version_id and order.kind not in REMOVALS:
        try:
            return store.open(order.object.uri, version_id=order.object.version_id)
        except ObjectNotFound:
            pass  # expired; what is there now is at least as new, and ordered by its own time
    return store.open(order.object.uri)


def feed_rows(
    order: WorkOrder, settings: Settings, store_for: StoreFor
) -> tuple[list[UploadRow], FeedReport]:
    """All rows of a small feed, and what was found in it. Nothing is returned of a file that breaks off: it
    raises ``InvalidFeed``; and of one that is not small, whatever its size said: ``BatchLaneNeeded``."""
    stream, stat = open_version(order, store_for)
    source = put_source(order, stat.last_modified)
    most = min(settings.feeds.max_bytes, _GROWTH * settings.indexing.warm_max_bytes)
    feeds = settings.feeds.model_copy(update={"max_bytes": most})
    watch = _watch(settings.indexing.warm_seconds)
    with stream:
        try:
            rows = catalogue.read_feed(
                stream,
                order.object.uri,
                feeds,
                collection=order.collection,
                watch=watch,
            )
            return [
                UploadRow.of(source, row) for row in _few(rows, settings.indexing.warm_max_rows, watch)
            ], rows.report
        except FeedTooLarge as error:
            if most == settings.feeds.max_bytes:
                raise
            raise BatchLaneNeeded(f"the feed holds more than {most:,} bytes after decompression") from error


def _watch(seconds: float) -> Callable[[], None]:
    """Raises once this thread has computed for so long since now."""
    begun = time.thread_time()

    def look() -> None:
        if time.thread_time() - begun > seconds:
            raise BatchLaneNeeded(f"reading the feed takes more than {seconds:g} seconds")

    return look


def _few(rows: Iterable[FeedRow], most: int, look: Callable[[], None]) -> Iterator[FeedRow]:
    for count, row in enumerate(rows, start=1):
        if count > most:
            raise BatchLaneNeeded(f"the feed holds more than {most:,} rows")
        if count % _LOOK_EVERY == 0:
            look()
        yield row


def product_rows(order: WorkOrder, settings: Settings, store_for: StoreFor) -> list[UploadRow]:
    """What ``products/<id>.json`` says now, whatever the event was: a product, or its deletion where nothing
    is there. No row where the key cannot name a product.

    A document that is no product, or names another id than its key, is a reject. It takes back nothing that
    was said before: the product stays as it is, or becomes what the version that the event named says. Only
    where the key had been removed in between, as a removal tells, is the product deleted.
    """
    uri, version = order.object.uri, order.object.version_id
    store, most = store_for(uri), settings.feeds.max_row_bytes
    removed = order.kind in REMOVALS
    try:
        data, stat = store.read(uri, max_bytes=most)
    except ObjectNotFound:
        return _deletion(order)
    except ObjectTooLarge as error:
        if not removed:
            raise InvalidFeed(f"{error}; upload a shorter document") from error
        source = removal_source(order)
        problem = InvalidRow("row", f"{error}; upload a shorter document")
        rejected = UploadRow(source, 1, source.order(1), "", reject=problem, product_id=_id_of(uri))
        return [rejected, *_deletion(order)]
    found = _product_row(order, settings, data, stat)
    if found.reject is None:
        return [found]
    if removed:
        return [found, *_deletion(order)]
    if version is not None and version != stat.version_id:
        with suppress(ObjectNotFound, ObjectTooLarge):
            older = _product_row(order, settings, *store.read(uri, max_bytes=most, version_id=version))
            return [found] if older.reject is not None else [found, older]
    return [found]


def _product_row(order: WorkOrder, settings: Settings, data: bytes, stat: ObjectStat) -> UploadRow:
    found = catalogue.read_product(data, order.object.uri, settings.feeds, collection=order.collection)
    row = UploadRow.of(put_source(order, stat.last_modified), found)
    # Whatever the document says, it is the key's product that this event is about.
    return replace(row, product_id=_id_of(order.object.uri))


def _deletion(order: WorkOrder) -> list[UploadRow]:
    product_id = _id_of(order.object.uri)
    if product_id is None:
        return []  # no product ever came from that key: its upload was a reject
    source = removal_source(order)
    return [UploadRow(source, 0, source.order(0), "", delete_id=product_id, product_id=product_id)]


def _whole(order: WorkOrder, store_for: StoreFor, most: int) -> tuple[bytes, Upload]:
    """A file of up to ``most`` bytes, and where its rows come from. Raises ``InvalidFeed`` for more."""
    stream, stat = open_version(order, store_for)
    with stream:
        if stat.size > most:
            problem = ObjectTooLarge(order.object.uri, stat.size, most)
            raise InvalidFeed(f"{problem}; split the file")
        return stream.read(), put_source(order, stat.last_modified)


def interactions(order: WorkOrder, settings: Settings, store_for: StoreFor) -> tuple[Judged, list[UploadRow]]:
    """The good lines of an interactions file, each at its number, and the bad ones as rejected rows, in which
    nobody is named."""
    data, source = _whole(order, store_for, MAX_INTERACTIONS_BYTES)
    lines = dict(_lines(data))
    read: list[tuple[int, Interaction]] = []
    bad: list[Rejected] = []
    for number, line in lines.items():
        try:
            read.append((number, Interaction.model_validate_json(line)))
        except ValidationError as error:
            bad.append(rejected(number, None, error))
    judged = judge(read, datetime.now(UTC), keep=timedelta(days=settings.interactions.keep_days))
    return judged, [
        UploadRow(
            source,
            fault.index,
            source.order(fault.index),
            _without_names(lines[fault.index]),
            reject=InvalidRow(fault.field, f"{fault.reason}; write one JSON object a line"),
        )
        for fault in sorted([*bad, *judged.rejected], key=lambda fault: fault.index)
    ]


def reviews(
    order: WorkOrder, settings: Settings, store_for: StoreFor
) -> tuple[list[tuple[UploadRow, Review]], list[UploadRow]]:
    """The good rows of a file of reviews, each with its place among all writes, and the bad ones as rejected
    rows, in which nobody is named."""
    data, source = _whole(order, store_for, MAX_REVIEWS_BYTES)
    good: list[tuple[UploadRow, Review]] = []
    bad: list[UploadRow] = []
    for found in read_reviews(data, order.object.uri, datetime.now(UTC)):
        row = UploadRow(source, found.row, source.order(found.row), found.raw, reject=found.reject)
        if found.review is not None:
            good.append((row, found.review))
        else:
            bad.append(row)
    return good, bad


def _without_names(line: bytes) -> str:
    """A line for its report: what may name a person is left out, which is all of it where it is no object."""
    try:
        held = from_json(line)
    except ValueError:
        return ""
    if not isinstance(held, dict):
        return ""
    shown = {name: value if name in _SHOWN else "(left out)" for name, value in held.items()}
    return json.dumps(shown, ensure_ascii=False)


def _id_of(uri: str) -> str | None:
    name = uri.rsplit("/", 1)[-1].removesuffix(".json")
    return name if PRODUCT_ID_PATTERN.fullmatch(name) else None


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(data.splitlines(), start=1):
        if line.strip():
            yield number, line
