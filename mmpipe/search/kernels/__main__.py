"""Compile every kernel: ``python -m mmpipe.search.kernels``."""

from __future__ import annotations

import mmpipe.search.kernels as kernels
from mmpipe.search.kernels.every import compile_all

compile_all(kernels)
