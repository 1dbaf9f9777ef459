"""What Lance keeps in memory of the tables that it has read: parts of their indexes, and what their files and
versions consist of.

Every commit is a version, which is kept although nobody may ask for it again. Were each table to have caches
of its own, a process with a thousand of them would fill a thousand.
"""

from __future__ import annotations

from typing import Final

from lance import Session

# Lance's own defaults are gigabytes.
INDEX_BYTES: Final = 256 << 20
METADATA_BYTES: Final = 64 << 20


def bounded_session() -> Session:
    """Caches for any number of tables, which hold :data:`INDEX_BYTES` and :data:`METADATA_BYTES` together at
    most. A table that was removed and made anew at the same address needs others."""
    return Session(index_cache_size_bytes=INDEX_BYTES, metadata_cache_size_bytes=METADATA_BYTES)
