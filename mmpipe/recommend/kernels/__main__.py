"""Compile every kernel, so that an installation does it once."""

from __future__ import annotations

import importlib
import pkgutil

import mmpipe.recommend.kernels as kernels

for module in pkgutil.iter_modules(kernels.__path__):
    if module.name != "__main__":
        importlib.import_module(f"{kernels.__name__}.{module.name}")
