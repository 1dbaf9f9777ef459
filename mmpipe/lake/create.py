"""Bringing a table into being in one atomic step.

Lance's own ``mode="create"`` looks first and commits later: of two creators the second can overwrite what
the first has already written to. So an empty table is made on local disk, complete with its indexes, and
its files are uploaded, the manifest last and only where none is there yet.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import lance

from mmpipe.errors import CommitConflict
from mmpipe.objects import open_store, to_uri

if TYPE_CHECKING:
    import pyarrow as pa

    from mmpipe.settings import StorageSettings


def create_table(
    uri: str,
    schema: pa.Schema,
    storage: StorageSettings,
    prepare: Callable[[lance.LanceDataset], None] | None = None,
) -> bool:
    """Create an empty table, after ``prepare`` (index creation) ran on it. False, and nothing changed, where
    another writer was first."""
    address = to_uri(uri).rstrip("/")
    store = open_store(address, storage)
    with tempfile.TemporaryDirectory(prefix="mmpipe-table-") as folder:
        dataset = lance.write_dataset(schema.empty_table(), folder, mode="create")
        if prepare is not None:
            prepare(dataset)
        root = Path(folder)
        newest = min((root / "_versions").glob("*.manifest"))  # names count downwards
        for path in sorted(p for p in root.rglob("*") if p.is_file() and p.parent.name != "_versions"):
            store.write(f"{address}/{path.relative_to(root).as_posix()}", path.read_bytes())
        try:
            store.write(f"{address}/_versions/{newest.name}", newest.read_bytes(), if_none_match=True)
        except CommitConflict:
            return False
    return True
