"""Orders to rows: which object version is read, and what its bytes mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO

from pydantic import ValidationError

from mmpipe import catalogue
from mmpipe.errors import InvalidFeed, InvalidRow, ObjectNotFound
from mmpipe.indexing.rows import SourceRow, put_source, removal_source
from mmpipe.objects import ObjectTooLarge
from mmpipe.schemas.product import PRODUCT_ID_PATTERN
from mmpipe.schemas.search import Interaction

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStat, ObjectStore
    from mmpipe.schemas.work import WorkOrder
    from mmpipe.settings import Settings

StoreFor = Callable[[str], "ObjectStore"]
MAX_INTERACTIONS_BYTES = 64_000_000


def open_version(order: WorkOrder, store_for: StoreFor) -> tuple[BinaryIO, ObjectStat]:
    """A stream over the version the event named, or over the current one where that is gone. Raises
    ``ObjectNotFound``.
    """
    store = store_for(order.object.uri)
    if order.object.version_id:
        try:
            return store.open(order.object.uri, version_id=order.object.version_id)
        except ObjectNotFound:
            pass  # expired; what is there now is at least as new, and ordered by its own time
    return store.open(order.object.uri)


def read_version(order: WorkOrder, store_for: StoreFor, max_bytes: int) -> tuple[bytes, ObjectStat]:
    """As :func:`open_version`, the whole object at once. Raises ``InvalidFeed`` where it is larger than
    ``max_bytes``.
    """
    store = store_for(order.object.uri)
    try:
        if order.object.version_id:
            try:
                return store.read(order.object.uri, max_bytes=max_bytes, version_id=order.object.version_id)
            except ObjectNotFound:
                pass
        return store.read(order.object.uri, max_bytes=max_bytes)
    except ObjectTooLarge as error:
        raise InvalidFeed(f"{order.object.uri}: {error}; split the file") from error


def exists(uri: str, store_for: StoreFor) -> bool:
    """Whether an object is there now."""
    try:
        store_for(uri).stat(uri)
    except ObjectNotFound:
        return False
    return True


def feed_rows(order: WorkOrder, settings: Settings, store_for: StoreFor) -> list[SourceRow]:
    """All rows of a small feed. Nothing is returned of a file that breaks off: it raises ``InvalidFeed``."""
    stream, stat = open_version(order, store_for)
    source = put_source(order, stat.last_modified)
    with stream:
        return [
            SourceRow.of(source, row) for row in catalogue.read_feed(stream, order.object.uri, settings.feeds)
        ]


def product_rows(order: WorkOrder, settings: Settings, store_for: StoreFor) -> list[SourceRow]:
    """The one row of ``products/<id>.json``; a document that names another id than its key is a reject."""
    data, stat = read_version(order, store_for, settings.feeds.max_row_bytes)
    row = SourceRow.of(put_source(order, stat.last_modified), catalogue.read_product(data, order.object.uri))
    # Whatever the document says, it is the key's product that this upload is about.
    return [replace(row, product_id=_id_of(order.object.uri))]


def removed_rows(order: WorkOrder, store_for: StoreFor) -> list[SourceRow]:
    """The deletion that a removed ``products/<id>.json`` is; nothing where the key exists again."""
    if exists(order.object.uri, store_for):
        return []
    product_id = _id_of(order.object.uri)
    if product_id is None:
        return []  # no product ever came from that key: its upload was a reject
    source = removal_source(order)
    return [SourceRow(source, 0, source.order(0), "", delete_id=product_id, product_id=product_id)]


def interactions(order: WorkOrder, store_for: StoreFor) -> tuple[list[Interaction], list[SourceRow]]:
    """The good lines of an interactions file, and the bad ones as rejected rows."""
    data, stat = read_version(order, store_for, MAX_INTERACTIONS_BYTES)
    source = put_source(order, stat.last_modified)
    good: list[Interaction] = []
    bad: list[SourceRow] = []
    for number, line in _lines(data):
        try:
            good.append(_interaction(line))
        except InvalidRow as error:
            raw = line.decode(errors="replace")
            bad.append(SourceRow(source, number, source.order(number), raw, reject=error))
    return good, bad


def _interaction(line: bytes) -> Interaction:
    try:
        found = Interaction.model_validate_json(line)
        if found.time is not None:
            datetime.fromisoformat(found.time)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "line"
        raise InvalidRow(
            field, f"{first['msg']}; write one JSON object a line with type and user_id"
        ) from error
    except ValueError as error:
        raise InvalidRow("time", "is no ISO 8601 time; write it as 2026-01-31T09:30:00Z") from error
    return found


def _id_of(uri: str) -> str | None:
    name = uri.rsplit("/", 1)[-1].removesuffix(".json")
    return name if PRODUCT_ID_PATTERN.fullmatch(name) else None


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(data.splitlines(), start=1):
        if line.strip():
            yield number, line
