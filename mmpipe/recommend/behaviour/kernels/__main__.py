"""Compile every kernel: ``python -m mmpipe.recommend.behaviour.kernels``."""

from __future__ import annotations

import mmpipe.recommend.behaviour.kernels as kernels
from mmpipe.search.kernels.every import compile_all

compile_all(kernels)
