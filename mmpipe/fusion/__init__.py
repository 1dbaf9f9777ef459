"""Modality vectors to one vector; the same code for documents and for queries."""

from mmpipe.fusion.attention import GatedAttention
from mmpipe.fusion.base import Fusion
from mmpipe.fusion.concat import ConcatProjection
from mmpipe.fusion.files import build, load
from mmpipe.fusion.single import OfOneModality
from mmpipe.fusion.weighted import WeightedMean

__all__ = ["ConcatProjection", "Fusion", "GatedAttention", "OfOneModality", "WeightedMean", "build", "load"]
