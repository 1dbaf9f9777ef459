"""What whoever reads a feed can settle without models: rows that are as the table has them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from mmpipe.errors import NotFound
from mmpipe.indexing.pipeline.due import Work
from mmpipe.indexing.pipeline.held import Lookup, lookup_in
from mmpipe.indexing.pipeline.seen import Asked
from mmpipe.indexing.pipeline.sift import Sieve
from mmpipe.indexing.sources.stores import stores
from mmpipe.lake import open_lake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmpipe.encoders.base import Profile
    from mmpipe.indexing.pipeline.result import ChunkResult
    from mmpipe.indexing.sources.rows import UploadRow
    from mmpipe.settings import Settings

_ASKED = Asked(frozenset(), None)


class Sifter:
    """Sifts rows of feeds against one table."""

    def __init__(self, sieve: Sieve, lookup: Lookup) -> None:
        self._sieve = sieve
        self._lookup = lookup

    def sift(self, rows: Sequence[UploadRow], result: ChunkResult) -> list[UploadRow]:
        """The rows that are left, in their order; the others are in ``result``.

        A product that several of the rows speak of is left to whoever compares them with one another.
        """
        ids = Counter([row.product_id or row.delete_id for row in rows])
        alone = [(row, row.product) for row in rows if row.product is not None and ids[row.product.id] == 1]
        held = self._lookup([product.id for _, product in alone])
        works: list[Work] = []
        for row, product in alone:
            known = held.find(product.id)
            if known is not None and not held.deleted(known) and row.order > held.order(known):
                works.append(Work(row, product, known))
        left = {work.row.row: work for work in self._sieve.sift(works, held, result)}
        settled: set[int] = set()
        for work in works:
            if work.row.row not in left:
                settled.add(work.row.row)
                result.of_run(work.row.source.run_id).read += 1
                result.rows.append(work.row.row)
                result.named.setdefault(work.row.source.run_id, set()).add(work.product.id)
        if len(settled) == len(rows):
            return []
        return [
            row if row.row not in left else replace(row, asked=left[row.row].asked or _ASKED)
            for row in rows
            if row.row not in settled or row.product is None
        ]


def sifter_for(settings: Settings, collection: str, profile: Profile | None) -> Sifter | None:
    """For the table of a profile; None where there is no such table, or no row in it."""
    if profile is None:
        return None
    try:
        table = open_lake(settings).collection(collection, create=True).products(profile)
    except NotFound:
        return None
    if table.latest().count_rows() == 0:
        return None
    sieve = Sieve(settings, profile, stores(settings))
    return Sifter(sieve, lookup_in(table, profile.dim))
