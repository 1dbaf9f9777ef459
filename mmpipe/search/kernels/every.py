"""Compile every kernel of a package, so that an installation does it once."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def compile_all(kernels: ModuleType) -> None:
    """Import each module of the package: kernels have their signatures, and are compiled with that."""
    for module in pkgutil.iter_modules(kernels.__path__):
        if module.name != "__main__":
            importlib.import_module(f"{kernels.__name__}.{module.name}")
