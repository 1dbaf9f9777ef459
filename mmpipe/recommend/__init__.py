"""Recommendation: products for a product.

:func:`similar` gives the products nearest to one, without its own variants, as a ``SearchResponse``;
:func:`similar_payload` the same as plain dictionaries. Both ask a snapshot, in memory.
"""

from mmpipe.recommend.similar import similar, similar_payload

__all__ = ["similar", "similar_payload"]
