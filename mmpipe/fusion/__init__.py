"""Modality vectors to one vector; the same code for documents and for queries."""

from mmpipe.fusion.weighted import WeightedMean

__all__ = ["WeightedMean"]
