"""Re-ranking: the best matches of a first page are judged again, by a model that looks at each more closely.

A :class:`Ranker` scores some candidates; :class:`Judge` makes of it what
:class:`~mmpipe.search.page.window.Composer` asks: an order within a deadline, or None. ``base`` is what a
ranker is given and gives, ``worker`` runs one at a time, ``cross_encoder`` is the one that reads the query
beside each product. The ranker that knows shoppers is :mod:`mmpipe.recommend.interest`.
"""

from mmpipe.search.rerank.base import Candidates, Ranker
from mmpipe.search.rerank.judge import Judge
from mmpipe.search.rerank.worker import Worker

__all__ = ["Candidates", "Judge", "Ranker", "Worker"]
