"""Modality vectors to one vector; the same code for documents and for queries.

:func:`load` gives the :class:`Fusion` of a profile (weighted mean, concatenation and projection, gated
attention, slots; :class:`OfOneModality` where the profile is of one). ``fuse`` makes products' unit vectors
and says which rows have one, ``ask`` makes those of queries: a missing modality is masked, never zero-filled,
and a row without any has no vector.
``parts`` splits fused vectors into one part per modality, whose products with a query a hit's explanation
shows. ``late`` scores modalities apart instead.
"""

from mmpipe.fusion.attention import GatedAttention
from mmpipe.fusion.base import Fusion
from mmpipe.fusion.concat import ConcatProjection
from mmpipe.fusion.files import build, load
from mmpipe.fusion.single import OfOneModality
from mmpipe.fusion.slots import Slots
from mmpipe.fusion.weighted import WeightedMean

__all__ = [
    "ConcatProjection",
    "Fusion",
    "GatedAttention",
    "OfOneModality",
    "Slots",
    "WeightedMean",
    "build",
    "load",
]
