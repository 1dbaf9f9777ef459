"""From a profile's description of its fusion to the fusion itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mmpipe.encoders import fusion_file
from mmpipe.encoders.base import FusionInfo
from mmpipe.errors import ModelUnavailable
from mmpipe.fusion.attention import GatedAttention
from mmpipe.fusion.concat import ConcatProjection
from mmpipe.fusion.single import OfOneModality
from mmpipe.fusion.slots import Slots
from mmpipe.fusion.weighted import WeightedMean

if TYPE_CHECKING:
    from mmpipe.encoders.base import FusionKind, Vectors
    from mmpipe.fusion.base import Fusion

_KINDS: Mapping[FusionKind, Callable[[FusionInfo, Mapping[str, Vectors]], Fusion]] = {
    "weighted_mean": lambda info, _: WeightedMean(info),
    "concat_projection": ConcatProjection,
    "gated_attention": GatedAttention,
    "slots": Slots,
}


def build(info: FusionInfo, tensors: Mapping[str, Vectors]) -> Fusion:
    """A fusion of these tensors (none for a weighted mean).

    Raises :class:`ModelUnavailable` for tensors that are missing or of the wrong shape, and ``ValueError``
    for weights that are negative or all 0.
    """
    fusion = _KINDS[info.kind](info, tensors)
    return OfOneModality(fusion) if info.single else fusion


def load(info: FusionInfo, folder: Path | None = None) -> Fusion:
    """The fusion a profile names; its weight file is ``fusion.safetensors`` in ``folder`` (by default that of
    the packaged weights), held in memory once per process.

    Raises :class:`ModelUnavailable` where the file is missing, is not the one ``info.revision`` names, or
    does not fit. A weighted mean stands in ``info`` itself and needs no file.
    """
    weights = tuple(sorted(info.weights.items()))
    return _loaded(folder or fusion_file.SHIPPED, info.kind, info.revision, weights, info.single)


@lru_cache(maxsize=8)
def _loaded(
    folder: Path, kind: FusionKind, revision: str, weights: tuple[tuple[str, float], ...], single: bool
) -> Fusion:
    info = FusionInfo(kind, revision, dict(weights), single)
    return build(info, {} if kind == "weighted_mean" else _tensors(folder, kind, revision))


def _tensors(folder: Path, kind: str, revision: str) -> Mapping[str, Vectors]:
    path = folder / fusion_file.FUSION_FILE
    if not path.is_file():
        raise ModelUnavailable(
            f"the profile's fusion is {kind} {revision}, and there is no {path.name} here:"
            " install the release that encoded the table, or index again"
        )
    found, tensors = fusion_file.read(path)
    if (found.kind, found.revision) != (kind, revision):
        raise ModelUnavailable(
            f"the profile's fusion is {kind} {revision}, {path.name} here is {found.kind} {found.revision}:"
            " install the release that encoded the table, or index again"
        )
    return tensors
