"""The names of the two Serve applications."""

from __future__ import annotations

from typing import Final

APP_NAME: Final = "mmpipe"
INDEXER_APP_NAME: Final = "mmpipe-indexer"
