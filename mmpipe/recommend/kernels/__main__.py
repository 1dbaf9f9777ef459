"""Compile every kernel: ``python -m mmpipe.recommend.kernels``."""

from __future__ import annotations

import mmpipe.recommend.kernels as kernels
from mmpipe.search.kernels.every import compile_all

compile_all(kernels)
