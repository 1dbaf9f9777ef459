"""A self-attentive sequence model (Kang and McAuley, *Self-Attentive Sequential Recommendation*, 2018).

Forward maths, for one history ``h_0 … h_{n-1}`` of item codes, oldest first, ``n <= max_len`` (older events
are cut off), ``d = dim``, ``H = heads``, ``c = d / H``. Every tensor is float32, named as in the exported
file; ``x W^T + b`` is what ``torch.nn.Linear`` computes, ``LN`` is layer normalisation over ``d`` with
epsilon 1e-5.

::

    e_i = item_embedding[i]                                  # [d]; in the file with the item's features in it
    e_u = f_u feature_weight + feature_bias                  # an item without a row, from its features alone
    x_t = sqrt(d) e_{h_t}                                    # [n, d]; no absolute positions
    for l in 0 … layers-1:                                   # P = "layers.{l}."
        q, k, v = split(LN(x; P attention_norm) (P qkv.weight)^T + P qkv.bias, 3)      # each [n, d]
        per head g, its columns g c … (g+1) c - 1:
            a_{t,s} = q_t · k_s / sqrt(c) + distance_bias[l, g, t - s]     for s <= t, else -inf
            o_t = sum_s softmax_s(a_{t,s}) v_s
        x = x + o (P out.weight)^T + P out.bias
        y = relu(LN(x; P ffn_norm) (P up.weight)^T + P up.bias)
        x = x + y (P down.weight)^T + P down.bias
    u = LN(x_{n-1}; norm)                                    # the shopper, [d]
    score_i = u · e_i                                        # a logit: softmax over items is what comes next

Only distances between events enter, so the state after an event is the same whatever is cut off behind it and
whatever comes after; for scores only the last row of the last layer is needed.

Tensors of the exported file (safetensors; metadata ``config`` is :class:`SasRecConfig` as JSON):
``item_embedding [n_items, d]``, ``scorable uint8 [n_items]`` (0: neither behaviour nor features, never to be
shown), ``distance_bias [layers, heads, max_len]``; per layer ``attention_norm.weight`` and ``.bias [d]``,
``qkv.weight [3d, d]``, ``qkv.bias [3d]``, ``out.weight [d, d]``, ``out.bias [d]``, ``ffn_norm.weight`` and
``.bias [d]``, ``up.weight [4d, d]``, ``up.bias [4d]``, ``down.weight [d, 4d]``, ``down.bias [d]``; then
``norm.weight`` and ``.bias [d]`` and, where items have features, ``feature_weight [f, d]`` and
``feature_bias [d]``.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file
from torch import Tensor, nn
from torch.nn import functional

from mmpipe.learn.recommend.whitening import whitening

Tensors = dict[str, NDArray[np.float32] | NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class SasRecConfig:
    """The shape of a model. ``features`` is their width, 0 without; ``dropout`` acts in training only."""

    items: int
    dim: int = 128
    layers: int = 2
    heads: int = 2
    max_len: int = 50
    features: int = 0
    dropout: float = 0.5


class _Layer(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, config: SasRecConfig) -> None:
        super().__init__()
        dim = config.dim
        self.heads = config.heads
        self.attention_norm, self.ffn_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        batch, length, dim = x.shape
        parts = self.qkv(self.attention_norm(x)).view(batch, length, 3, self.heads, dim // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        weights = torch.softmax(query @ key.transpose(-1, -2) / math.sqrt(dim // self.heads) + bias, dim=-1)
        seen = (self.drop(weights) @ value).transpose(1, 2).reshape(batch, length, dim)
        x = x + self.drop(self.out(seen))
        x = x + self.drop(self.down(functional.relu(self.up(self.ffn_norm(x)))))
        return x


class SasRec(nn.Module):
    """The network; see the module's text for its maths.

    ``features`` is float32 ``(items, f)``, a row of zeros where an item has none; they are whitened, and the
    file's ``feature_weight`` does so too. ``trained`` marks the items that behaviour is known of: the own
    embedding of others stays zero.
    """

    features: Tensor
    trained: Tensor
    described: Tensor

    def __init__(
        self,
        config: SasRecConfig,
        trained: NDArray[np.bool_] | None = None,
        features: NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.item = nn.Embedding(config.items, config.dim)
        nn.init.normal_(self.item.weight, std=0.02)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.distance_bias = nn.Parameter(torch.zeros(config.layers, config.heads, config.max_len))
        self.norm = nn.LayerNorm(config.dim)
        self.drop = nn.Dropout(config.dropout)
        for name, weight in self.layers.named_parameters():
            if name.endswith(".weight") and weight.dim() == 2:
                nn.init.normal_(weight, std=0.02)
        known = np.ones(config.items, dtype=bool) if trained is None else trained
        self.register_buffer("trained", torch.from_numpy(known.astype(np.float32))[:, None])
        given = np.zeros((config.items, 0), np.float32) if features is None else features
        self._whitening = whitening(given)
        self.register_buffer("features", torch.from_numpy(self._whitening.apply(given)))
        self.register_buffer("described", torch.from_numpy(np.any(given != 0, axis=1)))
        self.feature_weight = nn.Parameter(torch.empty(config.features, config.dim))
        nn.init.normal_(self.feature_weight, std=0.02)

    def table(self, hidden: Tensor | None = None) -> Tensor:
        """Every item's vector, ``(items, dim)``. ``hidden`` (bool, one an item) are scored by their features
        alone, as new items will be."""
        own = self.item.weight * self.trained
        if self.config.features == 0:
            return own
        if hidden is not None:
            own = own.masked_fill((hidden & self.described)[:, None], 0.0)
        return own + self.features @ self.feature_weight

    def states(self, histories: Tensor, table: Tensor) -> Tensor:
        """The shopper after each event: ``(batch, length, dim)`` of codes ``(batch, length)``, padded at the
        right with any code."""
        length = histories.shape[1]
        places = torch.arange(length)
        distance = places[:, None] - places[None, :]
        ahead = torch.where(distance < 0, -torch.inf, 0.0)
        x = self.drop(functional.embedding(histories, table) * math.sqrt(self.config.dim))
        for index, layer in enumerate(self.layers):
            x = layer(x, self.distance_bias[index][:, distance.clamp(min=0)] + ahead)
        return self.norm(x)  # type: ignore[no-any-return]

    def scorable(self) -> NDArray[np.bool_]:
        """Which items have a score at all."""
        shown: NDArray[np.bool_] = (self.trained[:, 0] > 0).numpy() | self.described.numpy()
        return shown

    @torch.no_grad()
    def export(self) -> Tensors:
        """The tensors of the file, float32 and contiguous."""
        found: dict[str, Tensor] = {"item_embedding": self.table(), "distance_bias": self.distance_bias}
        found |= {f"layers.{name}": value for name, value in self.layers.state_dict().items()}
        found |= {f"norm.{name}": value for name, value in self.norm.state_dict().items()}
        if self.config.features:
            found["feature_weight"] = torch.from_numpy(self._whitening.matrix) @ self.feature_weight
            found["feature_bias"] = -torch.from_numpy(self._whitening.mean) @ found["feature_weight"]
        arrays: Tensors = {n: np.ascontiguousarray(t.detach().numpy(), np.float32) for n, t in found.items()}
        arrays["scorable"] = self.scorable().astype(np.uint8)
        return arrays

    def save(self, path: Path) -> None:
        """Write the safetensors file."""
        save_file(self.export(), path, metadata={"config": json.dumps(asdict(self.config))})


def read_file(path: Path) -> tuple[SasRecConfig, Tensors]:
    """What :meth:`SasRec.save` wrote."""
    with safe_open(path, framework="numpy") as file:
        config = SasRecConfig(**json.loads(file.metadata()["config"]))
        return config, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
