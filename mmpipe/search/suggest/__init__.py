"""Suggestions while somebody types: queries that others asked, categories, brands and products.

A :class:`Suggester` answers for one version, from memory. :func:`make` puts it together beside whatever
answers meanwhile, and takes over what did not change from the one before; :class:`Asked` holds what people
asked, of the log of interactions.

* ``words``: a text as words with their places, and the keys that a text is found by, pinyin among them.
* ``index``: entries by keys: whole words, beginnings, slips.
* ``titles``: distinct titles of a version's products, by parts that following versions share.
* ``names``: categories, brands and asked queries, by how many products or people stand behind them.
"""

from mmpipe.search.suggest.asked import COLUMNS, Asked, Popular
from mmpipe.search.suggest.suggester import Suggester, make

__all__ = ["COLUMNS", "Asked", "Popular", "Suggester", "make"]
