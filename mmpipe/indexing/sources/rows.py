"""Where a row comes from, and the row itself on its way to the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from mmpipe.schemas.order import SourceOrder, sequencer_or_time
from mmpipe.schemas.work import REMOVALS

if TYPE_CHECKING:
    from mmpipe.catalogue import FeedRow
    from mmpipe.errors import InvalidRow
    from mmpipe.indexing.pipeline.seen import Asked
    from mmpipe.schemas.product import Availability, Product
    from mmpipe.schemas.work import ObjectRef, WorkOrder

_LAYOUT_FOLDERS = ("feeds", "products", "media", "events", "reviews")


@dataclass(frozen=True, slots=True)
class Upload:
    """One version of one object whose rows are being indexed. ``root`` is what its relative media links start
    from.
    """

    run_id: str
    uri: str
    root: str
    modified_at: datetime
    sequencer: str

    def order(self, row: int) -> str:
        """The encoded :class:`SourceOrder` of one of its rows."""
        return SourceOrder(self.modified_at, self.sequencer, row, self.uri).encode()


@dataclass(frozen=True, slots=True)
class UploadRow:
    """One row of a source: exactly one of ``product``, ``delete_id``, ``stock`` and ``reject`` is set.

    ``stock`` is the availability of the known product ``product_id``, of which nothing else changes.
    ``group_id`` binds a deletion or a stock to a product of that item group: another group's product of the
    same id is not meant. ``inline_media`` maps a field (``image_link`` …) to bytes that came inside the feed.
    ``asked`` is what asking about the product's media gave, where whoever read the upload has done so.
    """

    source: Upload
    row: int
    order: str
    raw: str
    product: Product | None = None
    delete_id: str | None = None
    stock: Availability | None = None
    reject: InvalidRow | None = None
    product_id: str | None = None
    group_id: str | None = None
    inline_media: Mapping[str, bytes] = field(default_factory=dict)
    asked: Asked | None = None

    @classmethod
    def of(cls, source: Upload, row: FeedRow) -> UploadRow:
        """A feed row with its place in the order of all writes. The parent of variants is no product of its
        own: where it was one before, it is deleted.
        """
        return cls(
            source=source,
            row=row.row,
            order=source.order(row.row),
            raw=row.raw,
            product=None if row.group else row.product,
            delete_id=row.product_id if row.group else row.delete_id,
            stock=row.stock,
            reject=row.reject,
            product_id=row.product_id,
            group_id=row.group_id,
            inline_media=row.inline_media,
        )


def put_source(order: WorkOrder, modified_at: datetime) -> Upload:
    """The source of what was read for an order, ordered by the moment at which it became current: for an
    upload the Last-Modified of the object version, for a removal that revealed an older version its event
    time.
    """
    if order.kind in REMOVALS:
        modified_at = max(modified_at, order.object.event_time)
    return _source(order, modified_at)


def removal_source(order: WorkOrder) -> Upload:
    """The source of a removal, ordered by its event time: there is no object left to ask."""
    return _source(order, order.object.event_time)


def _source(order: WorkOrder, modified_at: datetime) -> Upload:
    obj: ObjectRef = order.object
    return Upload(
        run_id=order.run_id,
        uri=obj.uri,
        root=root_of(obj.uri, order.collection),
        modified_at=modified_at,
        sequencer=sequencer_or_time(obj.sequencer, obj.event_time),
    )


def root_of(uri: str, collection: str) -> str:
    """The address, ending in a slash, that relative media links of this object start from.

    Inside a bucket laid out as ``<collection>/feeds|products|media|events|reviews/…`` it is the collection's
    folder. Elsewhere it is the object's own folder, or the parent of a folder named ``feeds``.
    """
    scheme, separator, path = uri.partition("://")
    parts = path.split("/")
    for index in range(1, len(parts) - 1):
        if parts[index] == collection and parts[index + 1] in _LAYOUT_FOLDERS and index + 2 < len(parts):
            return f"{scheme}{separator}{'/'.join(parts[: index + 1])}/"
    folder = parts[:-1]
    if len(folder) > 1 and folder[-1] == "feeds":
        folder = folder[:-1]
    return f"{scheme}{separator}{'/'.join(folder)}/"
