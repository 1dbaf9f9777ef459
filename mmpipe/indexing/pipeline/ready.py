"""One product with its media read: what has to be encoded, what is copied, or that nothing has to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from mmpipe.indexing.pipeline.hashes import text_hash
from mmpipe.indexing.pipeline.seen import seen_of, words_of
from mmpipe.lake.changes import Seen
from mmpipe.lake.schema import ProductRow

if TYPE_CHECKING:
    from mmpipe.indexing.pipeline.due import Work
    from mmpipe.indexing.pipeline.held import HeldRows
    from mmpipe.indexing.pipeline.media import Gathered

# A whole row; all columns but the vectors; an order alone; media that turned out the same.
Kind = Literal["row", "edit", "seen", "same"]


@dataclass(slots=True)
class Ready:
    """One product with its media read, hashed and, where they changed, decoded. ``row`` is what the table
    gets of it, but for the vectors; ``basis`` what it was compared with."""

    work: Work
    gathered: Gathered
    row: ProductRow
    kind: Kind
    basis: str

    def seen(self) -> Seen:
        """The product where nothing but its order moves."""
        row = self.row
        return Seen(
            row.product.id,
            row.source_order,
            row.product.item_group_id,
            self.basis,
            row.content,
            row.media_seen,
            row.media_asked,
        )


def ready_of(work: Work, gathered: Gathered, held: HeldRows, *, text: bool) -> Ready:
    """What becomes of a product whose media were gathered; vectors to copy are not loaded yet."""
    known = work.known_row
    old = {} if known is None else held.hashes(known)
    if text:
        words = work.product.text_for_encoder()
        gathered.hashes["text"] = text_hash(words)
        if old.get("text") == gathered.hashes["text"]:
            gathered.kept.add("text")
        else:
            gathered.inputs["text"] = [words]
    uris: Sequence[str] = gathered.uris
    if work.keep_uris and known is not None:
        uris = held.media_uris(known)
        gathered.words = words_of(uris, held.media_seen(known)) | gathered.words
    now = datetime.now(UTC)
    row = ProductRow(
        work.product,
        work.row.order,
        work.row.source.run_id,
        now,
        uris,
        gathered.hashes,
        gathered.transcript,
        gathered.transcript_by,
        work.stock,
        work.content,
        seen_of(uris, gathered.words),
        _asked(work, gathered, held),
        now if known is None else None,
    )
    basis = "" if known is None else held.basis(known)
    return Ready(work, gathered, row, _kind(work, row, held, gathered), basis)


def take_over(batch: Sequence[Ready], held: HeldRows) -> None:
    """Take over what still holds for the rows that are written whole: vectors, and when the product came."""
    whole = [(r, known) for r in batch if r.kind == "row" and (known := r.work.known_row) is not None]
    held.load_vectors([known for ready, known in whole if ready.gathered.kept])
    held.load_added([known for _, known in whole])
    for ready, known in whole:
        ready.row = replace(ready.row, added_at=held.added(known))
        vectors = {m: held.vector(m, known) for m in ready.gathered.kept}
        ready.gathered.copied = {m: vector for m, vector in vectors.items() if vector is not None}
        if "video" in ready.gathered.copied:
            ready.gathered.frames = held.clip(known)


def _kind(work: Work, row: ProductRow, held: HeldRows, gathered: Gathered) -> Kind:
    known = work.known_row
    # Of the same files others can be used where other limits hold now.
    if work.whole or known is None or held.hashes(known) != row.hashes or gathered.inputs:
        return "row"
    if work.only is not None:
        return "same"
    if held.transcript(known) != (row.transcript, row.transcript_by):
        return "row"
    stock = held.stock(known)
    if stock is not None and stock < row.source_order:
        return "edit"  # the upload's own word on the stock is newer
    same = held.content(known) is not None and held.content(known) == work.content
    return "seen" if same and held.media_uris(known) == list(row.media_uris) else "edit"


def _asked(work: Work, gathered: Gathered, held: HeldRows) -> datetime | None:
    if gathered.fetched_hosts:
        return datetime.now(UTC)
    if work.asked is not None:
        return work.asked.at
    return None if work.known_row is None else held.media_asked(work.known_row)
