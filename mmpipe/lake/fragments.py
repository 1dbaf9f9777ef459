"""One commit to a Lance table: rows that go, rows that come, columns that change in place.

A Lance fragment is a set of files, each with some columns of the same rows. A whole row is replaced by
deleting it where it is and writing it into a new fragment. Columns change in place by writing them anew for
the whole fragment, in a file of their own, which leaves the vectors, the rows' addresses and the indexes of
other columns alone. Which of the two is cheaper depends on how many rows of a fragment change
(:data:`IN_PLACE_SHARE`; decision 10).

Two commits never decide on the same version: each one marks a fragment that all of them mark, the first, so
that Lance refuses the second. A table without any row has no fragment to mark: :func:`needs_mark`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lance import LanceOperation
from lance.file import LanceFileReader
from lance.fragment import write_fragments

from mmpipe.lake.resolve import ADDRESS, FRAGMENT_BITS
from mmpipe.lake.storage import lance_errors

if TYPE_CHECKING:
    from lance.fragment import FragmentMetadata, LanceFragment
    from numpy.typing import NDArray

# Of a fragment's rows: from this share on, writing the changed columns of all rows takes fewer bytes than
# writing the changed rows with their vectors (about 0.9 and 3.4 kB a row of the starter's).
IN_PLACE_SHARE: Final = 0.25
_OFFSETS: Final = np.uint64((1 << FRAGMENT_BITS) - 1)


def needs_mark(base: lance.LanceDataset) -> bool:
    """Whether the table has no row at all, so that two commits could not exclude each other."""
    return not base.get_fragments()


def by_fragment(addresses: Iterable[int]) -> dict[int, NDArray[np.uint64]]:
    """Row addresses by the fragment they are in."""
    found = np.fromiter(addresses, np.uint64)
    fragments = (found >> np.uint64(FRAGMENT_BITS)).astype(np.int64)
    order = np.argsort(fragments, kind="stable")
    numbers, starts = np.unique(fragments[order], return_index=True)
    parts = np.split(found[order], starts[1:])
    return {int(number): part for number, part in zip(numbers, parts, strict=True)} if len(found) else {}


def stage(base: lance.LanceDataset, rows: pa.Table, options: dict[str, str] | None) -> list[FragmentMetadata]:
    """Write rows into files of the table, as fragments that no version names yet. Nobody sees them; where
    they never come into a version, a clean-up removes them after seven days."""
    if not rows.num_rows:
        return []
    fragments: list[FragmentMetadata] = write_fragments(
        rows, base, schema=base.schema, mode="append", storage_options=options
    )
    return fragments


def read_staged(
    base: lance.LanceDataset, fragment: FragmentMetadata, options: dict[str, str] | None
) -> pa.Table:
    """The rows of a fragment that no version names."""
    tables = []
    for file in fragment.data_files():
        path = f"{base.uri.rstrip('/')}/data/{file.path}"
        tables.append(LanceFileReader(path, storage_options=options).read_all().to_table())
    if len(tables) != 1:
        raise ValueError(f"a staged fragment is one file, not {len(tables)}")
    return tables[0]


class Commit:
    """What one commit does to the fragments of ``base``."""

    def __init__(self, base: lance.LanceDataset) -> None:
        self._base = base
        self._gone: dict[int, NDArray[np.uint64]] = {}
        self._changed: dict[int, pa.Table] = {}
        self._new: list[FragmentMetadata] = []

    def remove(self, addresses: Iterable[int]) -> None:
        """Rows that go."""
        for number, mine in by_fragment(addresses).items():
            before = self._gone.get(number)
            self._gone[number] = mine if before is None else np.concatenate([before, mine])

    def add(self, fragments: Sequence[FragmentMetadata]) -> None:
        """Staged fragments that come in."""
        self._new += fragments

    def change(self, number: int, columns: pa.Table) -> None:
        """Columns of a fragment's rows, which ``_rowaddr`` names; rows that are not named keep theirs."""
        self._changed[number] = columns

    def run(self, read_version: int) -> lance.LanceDataset:
        """Commit, and return the new version. Raises ``CommitConflict`` where anybody else has committed
        rows since ``read_version``."""
        removed: list[int] = []
        updated: list[FragmentMetadata] = []
        fields: set[int] = set()
        fragments = self._base.get_fragments()
        first = min((f.fragment_id for f in fragments), default=None)
        for fragment in fragments:
            number = fragment.fragment_id
            if number not in self._gone and number not in self._changed:
                if number == first:
                    updated.append(fragment.metadata)
                continue
            found = self._rewritten(fragment, fields)
            if found is None:
                removed.append(number)
            else:
                updated.append(found)
        operation = LanceOperation.Update(
            removed_fragment_ids=removed,
            updated_fragments=updated,
            new_fragments=self._new,
            fields_modified=sorted(fields),
            update_mode="rewrite_columns" if fields and not self._new else "rewrite_rows",
        )
        return lance.LanceDataset.commit(self._base, operation, read_version=read_version)

    def _rewritten(self, fragment: LanceFragment, fields: set[int]) -> FragmentMetadata | None:
        number = fragment.fragment_id
        gone, columns = self._gone.get(number), self._changed.get(number)
        left = fragment.metadata
        if gone is not None:
            left = fragment.delete_rows((np.unique(gone) & _OFFSETS).astype(np.int64).tolist())
            if left is None:
                return None
        if columns is not None and columns.num_rows:
            changed, modified = fragment.update_columns(columns, left_on=ADDRESS)
            changed.deletion_file = left.deletion_file
            fields.update(modified)
            return changed
        return left


def overlaid(
    fragment: LanceFragment, base: lance.LanceDataset, patches: Sequence[pa.Table]
) -> pa.Table | None:
    """The rows of ``patches`` with those columns that differ from what the fragment holds, None where none
    does.

    Each patch has ``_rowaddr`` and some columns; a column that a patch lacks, or a value of it that is null
    in a column of :data:`KEPT_NULLS`, keeps what is there. No row may be in two patches.
    """
    names = list(dict.fromkeys(n for patch in patches for n in patch.column_names if n != ADDRESS))
    held = base.scanner(columns=names, with_row_address=True, fragments=[fragment]).to_table()
    places = pa.concat_arrays([patch.column(ADDRESS).combine_chunks() for patch in patches])
    held = held.take(pc.index_in(places, value_set=held.column(ADDRESS).combine_chunks()))
    columns: dict[str, pa.Array] = {ADDRESS: places}
    for name in names:
        kind = held.schema.field(name).type
        before = _whole(held.column(name), kind)
        parts, start = [], 0
        for patch in patches:
            mine = before.slice(start, patch.num_rows)
            start += patch.num_rows
            if name in patch.column_names:
                values = _whole(patch.column(name), kind)
                parts.append(pc.coalesce(values, mine) if name in KEPT_NULLS else values)
            else:
                parts.append(mine)
        after = pa.concat_arrays(parts)
        if not after.equals(before):
            columns[name] = after
    if len(columns) == 1:
        return None
    fields = [pa.field(ADDRESS, pa.uint64()), *(base.schema.field(n) for n in columns if n != ADDRESS)]
    return pa.Table.from_arrays(list(columns.values()), schema=pa.schema(fields))


# What was not asked or told anew is left as it is.
KEPT_NULLS: Final = frozenset({"content", "media_seen", "media_asked"})


def live_share(base: lance.LanceDataset, changed: Mapping[int, int]) -> dict[int, float]:
    """The share of each fragment's rows that change."""
    rows = {f.fragment_id: f.metadata.num_rows for f in base.get_fragments()}
    return {number: count / max(1, rows[number]) for number, count in changed.items()}


def open_mark(base: lance.LanceDataset, row: pa.Table, what: str) -> None:
    """Give an empty table its first row, which two writers do only once between them: the first one's."""
    with lance_errors(what):
        builder = base.merge_insert("id").when_not_matched_insert_all()
        # Not through the key's index: that path does not see another writer's new row of the same id.
        builder.use_index(False).execute(row)


def _whole(column: Any, kind: pa.DataType) -> pa.Array:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    whole = pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
    return whole.cast(kind) if whole.type != kind else whole
