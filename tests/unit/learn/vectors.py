"""Vectors of a made-up catalogue to train a fusion on."""

from __future__ import annotations

import numpy as np

from mmpipe.learn.fusion_table import Table

DIM = 32


def unit(values: np.ndarray) -> np.ndarray:
    return np.asarray(values / np.linalg.norm(values, axis=-1, keepdims=True), np.float32)


def table(n: int = 400, seed: int = 0) -> Table:
    """Products of 8 types and 5 colours: the text knows both, the picture knows the type well, the colour
    too, and each has noise of its own."""
    rng = np.random.default_rng(seed)
    types, colours, own = (
        rng.standard_normal((8, DIM)),
        rng.standard_normal((5, DIM)),
        rng.standard_normal((n, DIM)),
    )
    kind, colour = rng.integers(8, size=n), rng.integers(5, size=n)

    def view(*shape: int, noise: float) -> np.ndarray:
        base = types[kind] + colours[colour] + own
        base = base.reshape(n, *(1 for _ in shape[1:-1]), DIM)
        return unit(base + noise * rng.standard_normal(shape))

    return Table(
        text=view(n, DIM, noise=1.0),
        image=view(n, DIM, noise=1.0),
        asked_titles=view(n, 2, DIM, noise=2.0),
        asked_attributes=view(n, 2, DIM, noise=2.0),
        asked_images=view(n, 2, DIM, noise=2.0),
        kinds=unit(types[kind]),
        group=np.arange(n),
        type=kind,
        colour=colour,
        colours=unit(np.repeat(colours[:, None], 2, axis=1)),
    )
