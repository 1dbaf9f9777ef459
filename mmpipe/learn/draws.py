"""Repeatable draws for training."""

from __future__ import annotations

import random


def draws(*names: object) -> random.Random:
    """A random source that depends on ``names`` alone."""
    return random.Random("/".join(str(name) for name in names))  # noqa: S311 - training draws, no secret
