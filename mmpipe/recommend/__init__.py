"""Recommendation: products for a product, and lists for a shopper.

:func:`similar` gives the products nearest to one, without its own variants, as a ``SearchResponse``;
:func:`similar_json` the same as JSON. Both ask a version, in memory; :func:`similar_in_shards_json` one that
is split among shards.

:class:`Lists` makes lists of every kind over a version, of what is known beside it (:class:`Knowledge`): what
shoppers did (``behaviour``) and what was learnt of it (``model``). ``kinds`` has the measures that find
candidates, ``rank`` what becomes of them, ``why`` the words for it, ``items`` which row an item of the log is
in, ``signals`` what of behaviour and models lists ask. ``stock`` and ``sponsored`` are about what is sold out
and what is paid for, ``private`` about what of the statistics may be told.
"""

from mmpipe.recommend.lists import Knowledge, Lists
from mmpipe.recommend.similar import similar, similar_in_shards_json, similar_json

__all__ = ["Knowledge", "Lists", "similar", "similar_in_shards_json", "similar_json"]
