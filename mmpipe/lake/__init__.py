"""The lake: LanceDB tables on object storage or in a folder, and which version of them is live."""

from __future__ import annotations

from mmpipe.lake.changes import WriteResult
from mmpipe.lake.lake import Collection, Lake, open_lake
from mmpipe.lake.live import LiveVersion
from mmpipe.lake.maintenance import MaintenanceReport
from mmpipe.lake.products import ProductTable

__all__ = [
    "Collection",
    "Lake",
    "LiveVersion",
    "MaintenanceReport",
    "ProductTable",
    "WriteResult",
    "open_lake",
]
