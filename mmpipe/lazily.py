"""Packages whose names are imported when they are asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def names_of(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A package's ``__getattr__`` and ``__dir__``: whoever imports one part of it does not wait seconds for
    what it gives to others. ``homes`` is the module, below ``package``, of each name that it gives.

    Hide the assignment from type checkers, which would take any name for one of these::

        if not TYPE_CHECKING:
            __getattr__, __dir__ = names_of(__name__, {"Indexer": "lanes.warm"})
    """

    def get(name: str) -> Any:
        if name in homes:
            return getattr(import_module(f"{package}.{homes[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, listed
