"""Uploads to table rows: one pipeline, a warm lane for small orders and a batch lane for large feeds."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmpipe.indexing.files import execute_file
    from mmpipe.indexing.replays import replay
    from mmpipe.indexing.warm import Indexer

__all__ = ["Indexer", "execute_file", "replay"]

_HOMES = {"Indexer": "warm", "execute_file": "files", "replay": "replays"}


def __getattr__(name: str) -> Any:
    # The batch lane's reader process needs none of these, and importing them costs it a second.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
