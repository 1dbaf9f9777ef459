"""The one way records are merged into a small table; products have a commit of their own (``fragments``)."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from mmpipe.errors import CommitConflict
from mmpipe.lake.storage import lance_errors

if TYPE_CHECKING:
    import lance
    import pyarrow as pa

_LANCE_RETRIES = 20
_LANCE_TIMEOUT = timedelta(seconds=60)
_ATTEMPTS = 4
_BACKOFF_SECONDS = 0.05


def merge(
    dataset: lance.LanceDataset, key: str, source: pa.Table, condition: str | None, *, insert: bool, what: str
) -> tuple[int, int]:
    """Merge ``source`` (one row per key) into the newest version and move ``dataset`` to the result.

    Returns (inserted, updated). Matched rows are replaced where ``condition`` holds, or never without one.
    Raises ``CommitConflict`` when other writers kept committing first.
    """
    for attempt in range(_ATTEMPTS):
        try:
            with lance_errors(what):
                dataset.checkout_latest()
                builder = dataset.merge_insert(key)
                if condition is not None:
                    builder = builder.when_matched_update_all(condition)
                if insert:
                    builder = builder.when_not_matched_insert_all()
                # Not through the key's scalar index: that path records no inserted keys, so two writers
                # that insert the same new id would both land. The join reads the key column alone.
                builder = (
                    builder.use_index(False).conflict_retries(_LANCE_RETRIES).retry_timeout(_LANCE_TIMEOUT)
                )
                done = builder.execute(source)
                return int(done["num_inserted_rows"]), int(done["num_updated_rows"])
        except CommitConflict:
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0, _BACKOFF_SECONDS * 2**attempt))  # noqa: S311  no secret
    raise AssertionError("unreachable: the last attempt returns or raises")
