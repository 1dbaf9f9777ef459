"""Statistics of shoppers that may be shown to anybody: differentially private, small groups suppressed.

:func:`release_trending` and :func:`release_pairs` make one release; ``noise`` draws for them, exactly and
from a secure source; ``ledger`` keeps what each day may still lose; :class:`DailyStatistics` releases a
collection's days. Nothing here is used for recommendations, which see the true counts.
"""

from mmpipe.recommend.private.daily import STATISTICS, DailyStatistics, Statistic, live_products
from mmpipe.recommend.private.ledger import BudgetSpent, PrivacyLedger, Released
from mmpipe.recommend.private.release import Release, release_pairs, release_trending

__all__ = [
    "STATISTICS",
    "BudgetSpent",
    "DailyStatistics",
    "PrivacyLedger",
    "Release",
    "Released",
    "Statistic",
    "live_products",
    "release_pairs",
    "release_trending",
]
