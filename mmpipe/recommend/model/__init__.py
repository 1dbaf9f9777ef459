"""Learnt recommenders, as replicas answer with them: numpy alone, their files mapped.

* :class:`Recommenders` follows ``<lake>/<collection>/recommender.json`` and swaps models without a restart.
* :class:`Recommender` is one model: :meth:`~Recommender.scores` of every row of a version after a history,
  :meth:`~Recommender.interest` as a calibrated probability. ``form`` is what its files hold, ``parts`` what
  it is made of, ``sequence`` the transformer's forward pass, ``features`` and ``ranker`` the interest.
* :class:`Shelf` is what a model is asked about: a version's rows (:class:`VersionShelf`), or in training a
  table's (:class:`TableShelf`). :class:`Bound` is a model on a shelf.

:mod:`mmpipe.learn.recommender` trains them and writes their files.
"""

from mmpipe.recommend.model.follow import Recommenders, RecommenderStatus
from mmpipe.recommend.model.recommender import Bound, Recommender
from mmpipe.recommend.model.shelf import Shelf, TableShelf, VersionShelf

__all__ = [
    "Bound",
    "Recommender",
    "RecommenderStatus",
    "Recommenders",
    "Shelf",
    "TableShelf",
    "VersionShelf",
]
