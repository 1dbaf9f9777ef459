"""Stock: what is sold out though shoppers ask for it, what to offer instead, and what will run out.

:func:`substitutes` gives products for the same need that can be bought now. :func:`stock_report` makes a
report (:mod:`mmpipe.schemas.stock`) of a live version and the log of interactions: ``demand`` counts events,
``since`` tells how long a product is sold out, ``forecast`` how much of the others will be bought
(``smoothing`` is its one method that needs ``mmpipe[train]``), ``quantities`` how many are left.
:func:`report_on` fetches all that from a collection.
"""

from mmpipe.recommend.stock.forecast import METHODS, Method
from mmpipe.recommend.stock.make import report_on
from mmpipe.recommend.stock.quantities import read_quantities
from mmpipe.recommend.stock.report import Question, stock_report
from mmpipe.recommend.stock.since import FormerStock
from mmpipe.recommend.stock.substitutes import Substitutes, substitutes

__all__ = [
    "METHODS",
    "FormerStock",
    "Method",
    "Question",
    "Substitutes",
    "read_quantities",
    "report_on",
    "stock_report",
    "substitutes",
]
