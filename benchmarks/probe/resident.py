"""What a process holds of the machine's memory, as Linux tells it."""

from __future__ import annotations

from pathlib import Path

_KEPT = {
    "Rss": "rss",
    "Pss": "pss",
    "Pss_Anon": "pss_anon",
    "Pss_File": "pss_file",
    "Private_Dirty": "private_dirty",
    "Private_Clean": "private_clean",
    "Shared_Clean": "shared_clean",
}


def resident(process: int) -> dict[str, int]:
    """Bytes. A page that several processes map counts in ``pss`` by its part; ``private_dirty`` is what the
    process wrote itself, mapped files are in ``private_clean`` and ``shared_clean``."""
    found = {}
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        if name in _KEPT:
            found[_KEPT[name]] = int(rest.split()[0]) * 1024
    return found
