"""Which version of each media object was last announced.

An upload of a medium and a feed that names it may be handled in any order, at the same time. A media
event writes here before it looks for products; an indexing run looks here after it has written its
products: whichever comes second sees the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Unpack

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from mmpipe.lake.record_table import RecordTable, When
from mmpipe.lake.storage import sql_text
from mmpipe.schemas.order import SourceOrder

if TYPE_CHECKING:
    from lance import Session

    from mmpipe.settings import StorageSettings

_COLUMNS = {"source_order": pa.string()}


class MediaVersion(BaseModel):
    """The newest known version of one media object."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str
    order: str = Field(description="schemas.order.SourceOrder.encode() of the object version")
    etag: str | None = Field(
        default=None, description="None where the event carried none, or the object is gone"
    )
    removed: bool = False

    @property
    def source_order(self) -> str:
        """``order``, under the name of its column (``order`` itself is a word of SQL)."""
        return self.order


class MediaLog:
    """The media versions of one collection, one row per address."""

    def __init__(self, uri: str, storage: StorageSettings, session: Session | None = None) -> None:
        self._table = RecordTable(
            uri, MediaVersion, "uri", _COLUMNS, storage, lookups=("uri",), session=session
        )

    def record(self, versions: Sequence[MediaVersion]) -> int:
        """Record versions, the newest of each address wins. Returns the rows written; an older or equal
        one writes nothing."""
        newest: dict[str, MediaVersion] = {}
        for version in versions:
            if version.uri not in newest or newest[version.uri].order < version.order:
                newest[version.uri] = version
        return self._table.put(list(newest.values()), condition="source.source_order > target.source_order")

    def maintain(self, *, keep: timedelta, now: datetime, **when: Unpack[When]) -> None:
        """Keep the log quick, and without versions that are older than ``keep``: no event that was sent then
        is still under way. See :meth:`RecordTable.maintain`."""
        oldest = SourceOrder(now - keep, "", 0, "").encode()
        self._table.maintain(f"source_order < {sql_text(oldest)}", **when)

    def lookup(self, uris: Sequence[str]) -> dict[str, MediaVersion]:
        """The newest recorded version of each of these addresses that has one."""
        return {version.uri: version for version in self._table.by_key(uris)}
