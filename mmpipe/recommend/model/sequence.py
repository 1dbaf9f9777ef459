"""The sequence model without torch: from a history's vectors to the vector that scores what comes next.

The maths is that of :mod:`mmpipe.learn.recommend.sasrec`, which trains it; the tests hold the two together.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpipe.errors import ModelUnavailable

Vectors = NDArray[np.float32]

_EPSILON = np.float32(1e-5)
_MAX_LAYERS = 64


@dataclass(frozen=True, slots=True)
class _Layer:
    attention_norm: tuple[Vectors, Vectors]
    qkv: tuple[Vectors, Vectors]
    out: tuple[Vectors, Vectors]
    ffn_norm: tuple[Vectors, Vectors]
    up: tuple[Vectors, Vectors]
    down: tuple[Vectors, Vectors]
    # By head: how much nearer or farther an event counts, 0 the newest of all.
    distance_bias: Vectors


class SequenceNet:
    """One model's layers. ``arrays`` are named and shaped as the exported file has them, ``metadata`` is its
    own. Safe to share between threads; nothing is changed after the start.

    Raises :class:`ModelUnavailable` for arrays that are missing, of other shapes or not finite.
    """

    def __init__(self, metadata: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> None:
        try:
            config = json.loads(metadata["config"])
            self.dim, self.heads = int(config["dim"]), int(config["heads"])
            self.max_len, self.features = int(config["max_len"]), int(config["features"])
            layers = int(config["layers"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelUnavailable(f"the sequence model's shape cannot be read: {error!r}") from error
        dim, features = self.dim, self.features
        sound = 0 < layers <= _MAX_LAYERS and self.max_len > 0 and features >= 0
        if not sound or self.heads < 1 or dim < 1 or dim % self.heads:
            raise ModelUnavailable("the sequence model's shape is none that works")

        def take(name: str, *shape: int) -> Vectors:
            array = arrays.get(name)
            if array is None or array.shape != shape or array.dtype != np.float32:
                raise ModelUnavailable(f"the sequence model's {name} is missing, or not float32 {shape}")
            if not np.isfinite(array).all():
                raise ModelUnavailable(f"the sequence model's {name} holds what is no number")
            return array

        def pair(name: str, *shape: int) -> tuple[Vectors, Vectors]:
            return take(f"{name}.weight", *shape), take(f"{name}.bias", shape[0])

        bias = take("distance_bias", layers, self.heads, self.max_len)
        self._layers = [
            _Layer(
                attention_norm=pair(f"layers.{n}.attention_norm", dim),
                qkv=pair(f"layers.{n}.qkv", 3 * dim, dim),
                out=pair(f"layers.{n}.out", dim, dim),
                ffn_norm=pair(f"layers.{n}.ffn_norm", dim),
                up=pair(f"layers.{n}.up", 4 * dim, dim),
                down=pair(f"layers.{n}.down", dim, 4 * dim),
                distance_bias=bias[n],
            )
            for n in range(layers)
        ]
        self._norm = pair("norm", dim)
        self.feature_weight = take("feature_weight", features, dim) if features else None
        self.feature_bias = take("feature_bias", dim) if features else None
        places = np.arange(self.max_len)
        self._distance = np.maximum(places[:, None] - places[None, :], 0)
        self._ahead = np.where(places[:, None] < places[None, :], -np.inf, 0.0).astype(np.float32)

    def project(self, vectors: Vectors) -> Vectors:
        """Items without a row of their own by their fused vectors, ``(n, features)`` to ``(n, dim)``."""
        assert self.feature_weight is not None
        assert self.feature_bias is not None
        projected: Vectors = vectors @ self.feature_weight + self.feature_bias
        return projected

    def back(self, state: Vectors) -> tuple[Vectors, float]:
        """What scores items by their fused vectors: ``(query, offset)`` with ``vector · query + offset``
        equal to ``project(vector) · state``."""
        assert self.feature_weight is not None
        assert self.feature_bias is not None
        return self.feature_weight @ state, float(self.feature_bias @ state)

    def state(self, items: Vectors) -> Vectors:
        """The shopper after events with these item vectors ``(n, dim)``, oldest first, ``n`` at least 1; the
        latest ``max_len`` count."""
        x = items[-self.max_len :] * np.float32(math.sqrt(self.dim))
        length = len(x)
        ahead = self._ahead[:length, :length]
        distance = self._distance[:length, :length]
        for layer in self._layers[:-1]:
            x = self._step(layer, x, x, layer.distance_bias[:, distance] + ahead)
        last = self._layers[-1]
        # Scores follow from the last event's row alone, so the last layer has no other queries.
        x = self._step(last, x, x[-1:], last.distance_bias[:, distance[-1:]])
        state: Vectors = _normed(x, self._norm)[-1]
        return state

    def _step(self, layer: _Layer, x: Vectors, asked: Vectors, bias: Vectors) -> Vectors:
        dim, heads, width = self.dim, self.heads, self.dim // self.heads
        weight, offset = layer.qkv
        seen = _normed(x, layer.attention_norm)
        mine = seen[-len(asked) :]
        query = (mine @ weight[:dim].T + offset[:dim]).reshape(len(asked), heads, width).transpose(1, 0, 2)
        other = seen @ weight[dim:].T + offset[dim:]
        key = other[:, :dim].reshape(len(x), heads, width).transpose(1, 2, 0)
        value = other[:, dim:].reshape(len(x), heads, width).transpose(1, 0, 2)
        found = query @ key
        found *= np.float32(1 / math.sqrt(width))
        found += bias
        found -= found.max(axis=-1, keepdims=True)
        np.exp(found, out=found)
        found /= found.sum(axis=-1, keepdims=True)
        mixed = (found @ value).transpose(1, 0, 2).reshape(len(asked), dim)
        out = asked + mixed @ layer.out[0].T + layer.out[1]
        inner = _normed(out, layer.ffn_norm) @ layer.up[0].T + layer.up[1]
        np.maximum(inner, 0, out=inner)
        stepped: Vectors = out + inner @ layer.down[0].T + layer.down[1]
        return stepped


def _normed(x: Vectors, norm: tuple[Vectors, Vectors]) -> Vectors:
    mean = x.mean(axis=-1, keepdims=True)
    rest = x - mean
    spread = np.sqrt((rest * rest).mean(axis=-1, keepdims=True) + _EPSILON)
    rest /= spread
    normed: Vectors = rest * norm[0] + norm[1]
    return normed
