"""Recommendation: products for a product.

:func:`similar` gives the products nearest to one, without its own variants, as a ``SearchResponse``;
:func:`similar_json` the same as JSON. Both ask a version, in memory; :func:`similar_in_shards_json` one that
is split among shards.
"""

from mmpipe.recommend.similar import similar, similar_in_shards_json, similar_json

__all__ = ["similar", "similar_in_shards_json", "similar_json"]
