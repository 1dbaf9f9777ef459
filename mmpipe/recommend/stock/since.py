"""Since when products are sold out, by what was live before."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from mmpipe.errors import NotFound, RetryableError

if TYPE_CHECKING:
    from mmpipe.lake import Collection

log = logging.getLogger(__name__)

# So many former publications are looked at; `live.json` keeps those of the last hours, days and the month.
MOST_VERSIONS: Final = 40


@dataclass(frozen=True)
class SoldOut:
    """A product was sold out at ``at_latest`` and every publication since. ``not_before`` is the last one in
    which it could be bought, or was not there yet; None where none of those that are kept is such."""

    not_before: datetime | None
    at_latest: datetime


class FormerStock:
    """What was sold out in former versions of one collection: each is read once. For one thread at a time."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._sold_out: dict[tuple[str, int], frozenset[str]] = {}

    def since(self, ids: Iterable[str], *, most: int = MOST_VERSIONS) -> dict[str, SoldOut]:
        """Of products that are sold out in the live version, as far as former versions can still be read.

        Reads two columns of up to ``most`` versions. Empty before the first publication.
        """
        left = set(ids)
        found: dict[str, SoldOut] = {}
        latest: datetime | None = None
        held, self._sold_out = self._sold_out, {}
        for entry in self._collection.history()[:most]:
            if not left:
                break
            if latest is not None:
                key = entry.table, entry.version
                try:
                    out = held[key] if key in held else self._read(*key)
                except (NotFound, OSError, RetryableError) as error:
                    # Older ones went with it; what was found holds.
                    log.info("version %d of %s cannot be read: %s", entry.version, entry.table, error)
                    break
                self._sold_out[key] = out
                for product_id in left - out:
                    found[product_id] = SoldOut(entry.published_at, latest)
                left &= out
            latest = entry.published_at
        if latest is not None:
            found |= {product_id: SoldOut(None, latest) for product_id in left}
        return found

    def _read(self, table: str, version: int) -> frozenset[str]:
        dataset = self._collection.table(table).at(version)
        read = dataset.to_table(columns=["id"], filter="deleted = false AND availability = 'out_of_stock'")
        return frozenset(read["id"].to_pylist())
