"""Two slots side by side in one vector: what words say and what looks show.

The encoders' joint space has fewer dimensions than its vectors have numbers: a subspace S of ``width``
dimensions holds nearly all of what texts and pictures are. Words stay in S; looks are moved by an isometry to
a subspace of the same size at right angles to it. So neither disturbs the other: a query of one modality
ranks products by that modality's own cosines, where a mean of the two tells neither apart as well.

A modality belongs to one slot (:data:`SLOT_OF`), and within it those that are there share it by their
weights. A product fills a slot for which it has nothing from what it does have, by f, brought to unit
length: so all products have the same two slots, whatever they lack. f is a learned map (least squares) from
words to looks or from looks to words, as far as a vector is of the kind that the map was learnt from; of
other goods it knows nothing, and they are moved by the mean difference of looks and words alone. A query
fills none: it shows :data:`ASIDE` of itself in the other slot, which lets words look at pictures a little
and tells equals apart. Where it has something for both slots, what it shows is learnt ("like this, but
red": what words say of looks counts in looks).

    product                       part_m = a_s g_m v_m R_s
      where slot o has nothing             + a_o h_m unit(f_o(v_m)) R_o
    query of one slot             part_m = a_s g_m v_m R_s + 0.1 a_o g_m v_m R_o
    query of both                 part_m = e_s (a_s g_m v_m A_ss R_s + a_o g_m v_m A_so R_o)

with s the slot of m and o the other, g_m its share among those of its slot that are there, h_m among all that
are, a_s the root of the slot's share of all, and e_s a learned gate, exp(z/2) for words and exp(-z/2)
for looks, z linear in what the query has for both. Training starts A at 1 and 0.1, and z at 0.

    f(x) = p unit(x M) + (1 - p) unit(x + d),  p = 1 / (1 + exp((|x K|^2 - b) / 2))

where x K are coordinates in which what M was learnt from has mean 0 and variance 1, so |x K|^2 is a squared
Mahalanobis distance: p is the chance that x is of these, normally distributed, rather than of anything else,
evenly distributed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from mmpipe.encoders.base import FusionInfo, Modality, Vectors
from mmpipe.errors import ModelUnavailable
from mmpipe.fusion.base import Mask, SumOfParts, product

Slot = Literal["words", "looks"]
OTHER: Mapping[Slot, Slot] = {"words": "looks", "looks": "words"}
# A sound is near what it is called, a clip is pictures.
SLOT_OF: Mapping[Modality, Slot] = {"text": "words", "image": "looks", "audio": "words", "video": "looks"}
# Chosen on KAGL, see docs/models/fusion.md.
ASIDE = 0.1
_PLACES: Mapping[Slot, str] = {"words": "basis", "looks": "moved"}
_TINY = 1e-12


def shapes(dim: int, width: int) -> dict[str, tuple[int, ...]]:
    """Every tensor of a fusion of ``dim``-dimensional vectors by slots of ``width``, with its shape.

    ``basis`` is S, ``moved`` where looks go: orthonormal columns, at right angles to one another. ``looks``
    and ``words`` fill that slot: M, a map of coordinates in S with a last row that is added. ``known`` are K,
    with such a last row, and ``reach`` b of the maps that fill the slots, in the order of :data:`OTHER`;
    ``gap`` is the mean of looks less that of words, d where looks are filled. ``asked[i, j]`` is
    what a query of both shows of slot ``i`` in slot ``j``, in the order of :data:`OTHER`; ``gate`` reads its
    words, its looks and 1. ``shares`` are the slots', summing to 1.
    """
    return {
        "basis": (dim, width),
        "moved": (dim, width),
        "looks": (width + 1, width),
        "words": (width + 1, width),
        "known": (2, width + 1, width),
        "reach": (2,),
        "gap": (width,),
        "asked": (2, 2, width, width),
        "gate": (2 * width + 1,),
        "shares": (2,),
    }


def plain(width: int) -> Vectors:
    """``asked`` at its start: what a query of one slot shows."""
    start = np.zeros((2, 2, width, width), np.float32)
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        start[i, j] = np.eye(width, dtype=np.float32) * np.float32(1.0 if i == j else ASIDE)
    return start


class Slots(SumOfParts):
    """Tensors and their shapes are those of :func:`shapes`, float32."""

    def __init__(self, info: FusionInfo, tensors: Mapping[str, Vectors]) -> None:
        super().__init__(info)
        basis = tensors.get("basis")
        if basis is None or basis.ndim != 2 or 2 * basis.shape[1] > basis.shape[0]:
            raise ModelUnavailable(
                "fusion weights: 'basis' must have shape (dim, width), width at most dim / 2"
            )
        for name, shape in shapes(*basis.shape).items():
            if name not in tensors or tensors[name].shape != shape:
                raise ModelUnavailable(f"fusion weights: '{name}' must have shape {shape}")
        self._basis = np.ascontiguousarray(basis)
        self._fill = {s: np.ascontiguousarray(tensors[s]) for s in OTHER}
        self._known = {
            s: np.ascontiguousarray(known) for s, known in zip(OTHER, tensors["known"], strict=True)
        }
        self._reach = dict(zip(OTHER, tensors["reach"], strict=True))
        self._gap: dict[Slot, Vectors] = {"words": -tensors["gap"], "looks": tensors["gap"]}
        amplitude = {s: np.sqrt(share) for s, share in zip(OTHER, tensors["shares"], strict=True)}
        self._amplitude = amplitude
        # From coordinates to a product's slot, and from a query's vector to both.
        self._into = {s: amplitude[s] * tensors[name].T for s, name in _PLACES.items()}
        self._alone = self._shown(basis, plain(basis.shape[1]))
        self._beside = self._shown(basis, tensors["asked"])
        words, looks = tensors["gate"][:-1].reshape(2, -1)
        self._gate = {"words": basis @ words, "looks": basis @ looks}
        self._gate_bias = tensors["gate"][-1]

    def nearness(self, modality: Modality) -> float:
        """See :meth:`Fusion.nearness`."""
        own, other = self._amplitude[SLOT_OF[modality]], self._amplitude[OTHER[SLOT_OF[modality]]]
        return float((own**2 + ASIDE * other**2) / np.hypot(own, ASIDE * other))

    def _parts(
        self, vectors: Mapping[Modality, Vectors], used: Mapping[Modality, Mask]
    ) -> dict[Modality, Vectors]:
        inside = {m: product(rows, self._basis) for m, rows in vectors.items()}
        own, among = self._shares(used), self._among(used, list(vectors))
        parts: dict[Modality, Vectors] = {m: np.zeros_like(rows) for m, rows in vectors.items()}
        for slot in OTHER:
            held = {m: inside[m] * own[m][:, None] for m in vectors if SLOT_OF[m] == slot}
            # What belongs elsewhere counts where nothing that belongs here is there.
            empty = np.sum([own[m] for m in held], axis=0) == np.zeros(len(next(iter(inside.values()))))
            if empty.any():
                held |= {
                    m: self._filling(inside[m], slot) * np.where(empty, among[m], np.float32(0))[:, None]
                    for m in vectors
                    if m not in held
                }
            if not held:
                continue
            length = np.linalg.norm(np.sum(list(held.values()), axis=0), axis=1, keepdims=True)
            safe = np.where(length > _TINY, length, np.float32(1))
            for m, rows in held.items():
                parts[m] += product((rows / safe).astype(np.float32, copy=False), self._into[slot])
        return parts

    def _asked(
        self, vectors: Mapping[Modality, Vectors], used: Mapping[Modality, Mask]
    ) -> dict[Modality, Vectors]:
        shares = self._shares(used)
        weighed = {m: rows * shares[m][:, None] for m, rows in vectors.items()}
        if len({SLOT_OF[m] for m in vectors}) == 1:
            return {m: product(rows, self._alone[SLOT_OF[m]]) for m, rows in weighed.items()}
        both = np.all(
            [np.sum([shares[m] for m in vectors if SLOT_OF[m] == s], axis=0) > 0 for s in OTHER], axis=0
        )
        lean = sum((rows @ self._gate[SLOT_OF[m]] for m, rows in weighed.items()), self._gate_bias) / 2
        gates: dict[Slot, Vectors] = {"words": np.exp(lean)[:, None], "looks": np.exp(-lean)[:, None]}
        return {
            m: np.where(
                both[:, None],
                gates[SLOT_OF[m]] * product(rows, self._beside[SLOT_OF[m]]),
                product(rows, self._alone[SLOT_OF[m]]),
            )
            for m, rows in weighed.items()
        }

    def _shown(self, basis: Vectors, asked: Vectors) -> dict[Slot, Vectors]:
        """Per slot what makes a query's part of a vector that belongs to it."""
        return {
            s: basis @ sum((asked[i, j] @ self._into[t] for j, t in enumerate(OTHER)), np.float32(0))
            for i, s in enumerate(OTHER)
        }

    def _shares(self, used: Mapping[Modality, Mask]) -> dict[Modality, Vectors]:
        """Each modality's share of its slot, float32 ``(n,)``; 0 where it is not there."""
        found: dict[Modality, Vectors] = {}
        for slot in OTHER:
            found |= self._among(used, [m for m in used if SLOT_OF[m] == slot])
        return found

    def _among(self, used: Mapping[Modality, Mask], names: list[Modality]) -> dict[Modality, Vectors]:
        weights = {m: used[m] * np.float32(max(self.info.weights.get(m, 0.0), _TINY)) for m in names}
        total = np.sum(list(weights.values()), axis=0, dtype=np.float32)
        safe = np.where(total > 0, total, np.float32(1)).astype(np.float32)
        return {m: (weight / safe).astype(np.float32) for m, weight in weights.items()}

    def _filling(self, inside: Vectors, slot: Slot) -> Vectors:
        """What a slot is taken to hold, from what the other does: coordinates of unit length."""
        distance = np.square(_mapped(inside, self._known[slot])).sum(axis=1, keepdims=True)
        # 1 / (1 + exp(z)) as a tangent: far away exp would overflow.
        learnt = (1 - np.tanh((distance - self._reach[slot]) / 4)) / 2
        told = learnt * _unit(_mapped(inside, self._fill[slot]))
        return _unit(told + (1 - learnt) * _unit(inside + self._gap[slot]))


def _mapped(inside: Vectors, matrix: Vectors) -> Vectors:
    moved: Vectors = product(inside, matrix[:-1]) + matrix[-1]
    return moved


def _unit(rows: Vectors) -> Vectors:
    unit: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(_TINY))
    return unit
