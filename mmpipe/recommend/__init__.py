"""Recommendation: products for a product or a shopper."""

from mmpipe.recommend.similar import similar, similar_payload

__all__ = ["similar", "similar_payload"]
