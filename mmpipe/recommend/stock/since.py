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


def sold_out_since(
    collection: Collection, ids: Iterable[str], *, most: int = MOST_VERSIONS
) -> dict[str, SoldOut]:
    """Of products that are sold out in the live version, as far as former versions can still be read.

    Reads two columns of up to ``most`` versions. Empty before the first publication.
    """
    open_ids = set(ids)
    found: dict[str, SoldOut] = {}
    latest: datetime | None = None
    for entry in collection.history()[:most]:
        if not open_ids:
            break
        if latest is not None:
            try:
                out = _sold_out(collection, entry.table, entry.version)
            except (NotFound, OSError, RetryableError) as error:
                # Older ones went with it; what was found holds.
                log.info("version %d of %s cannot be read: %s", entry.version, entry.table, error)
                break
            for product_id in open_ids - out:
                found[product_id] = SoldOut(entry.published_at, latest)
            open_ids &= out
        latest = entry.published_at
    if latest is not None:
        found |= {product_id: SoldOut(None, latest) for product_id in open_ids}
    return found


def _sold_out(collection: Collection, table: str, version: int) -> set[str]:
    dataset = collection.table(table).at(version)
    read = dataset.to_table(columns=["id"], filter="deleted = false AND availability = 'out_of_stock'")
    return set(read["id"].to_pylist())
