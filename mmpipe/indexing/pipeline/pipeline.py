"""Rows in, changes out: the one pipeline of both lanes.

newest row of each product → compare with the table → ask about media → fetch and decode changed media →
encode what changed → fuse.

A bad row becomes a reject and no product. A bad medium becomes a reject and the product is indexed by its
other modalities. A product that was uploaded as it is there already, with media as they were, moves its order
on and costs nothing else; one whose encoded content is as it was is edited and calls no encoder. Rows that
tell stock alone are no work for it: :mod:`mmpipe.indexing.writing.restock`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from mmpipe.indexing.pipeline.due import Work, live_rows, using
from mmpipe.indexing.pipeline.encoding import Encoding
from mmpipe.indexing.pipeline.held import HeldRows, Lookup
from mmpipe.indexing.pipeline.media import plan_media
from mmpipe.indexing.pipeline.preparation import Preparation
from mmpipe.indexing.pipeline.result import ChunkResult
from mmpipe.indexing.sources.rows import Upload, UploadRow

if TYPE_CHECKING:
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.objects import ObjectStore
    from mmpipe.settings import Settings


class Pipeline:
    """Both parts of the way, with one loaded profile. Safe to share between threads: they read at the same
    time and encode in turn."""

    def __init__(
        self, settings: Settings, loaded: LoadedEncoders, store_for: Callable[[str], ObjectStore]
    ) -> None:
        self.loaded = loaded
        self.chunk_rows = settings.indexing.chunk_rows
        self.preparation = Preparation(settings, loaded.profile, store_for)
        self.encoding = Encoding(settings, loaded)
        self._media = settings.media

    def close(self) -> None:
        """End the fetching threads."""
        self.preparation.close()

    def process(self, rows: Sequence[UploadRow], lookup: Lookup) -> ChunkResult:
        """Index one chunk. Raises ``RetryableError`` when the object store fails; no row or medium raises."""
        result = ChunkResult()
        works, held = self.preparation.compare(rows, lookup, result)
        self.index(works, held, result)
        return result

    def index(self, works: Sequence[Work], held: HeldRows, result: ChunkResult) -> None:
        """Index products that are known to be due."""
        for batch in self.preparation.prepare(works, held):
            self.encoding.finish(batch, result)

    def refresh(self, sources: Mapping[str, Upload], held: HeldRows) -> ChunkResult:
        """Read the media at these addresses again for the held products that use them.

        ``sources`` maps each address to what asks for it. Rows keep their ``source_order`` and everything but
        the modalities concerned; a row whose content turns out the same is not in the result.
        """
        result = ChunkResult()
        self._again(list(using(sources, held)), held, result)
        return result

    def reread(self, source: Upload, held: HeldRows) -> ChunkResult:
        """Resolve and read all media of the held products again, those that were refused before included.

        As with :meth:`refresh`, rows keep their ``source_order``. What came inside a feed is kept.
        """
        result = ChunkResult()
        works = []
        for row, product, known_row in live_rows(held):
            plan = plan_media(product, {}, source.root, self._media, self.preparation.sieve.encodable)
            hashes, used = held.hashes(known_row), set(held.media_uris(known_row))
            readable = [
                uri
                for modality, refs in plan.refs.items()
                if modality not in hashes or not used.isdisjoint(ref.uri for ref in refs)
                for uri in (ref.uri for ref in refs)
            ]
            again = UploadRow(source, 0, held.order(known_row), row, product=product, product_id=product.id)
            stock, content = held.stock(known_row), held.content(known_row)
            works.append(Work(again, product, known_row, frozenset(readable), stock=stock, content=content))
        self._again(works, held, result)
        return result

    def _again(self, works: Sequence[Work], held: HeldRows, result: ChunkResult) -> None:
        part = ChunkResult()
        self.index(works, held, part)
        part.changes.refreshed, part.changes.rows = part.changes.rows, []
        result.add(part)
