"""Sponsored places: shops' bids for a place in a list, sold by auction and paid by the click.

:func:`open_sponsored` gives a replica's :class:`SponsoredBook`, or None where the setting is off, as it is by
default. Of a collection, :meth:`Sponsored.place` sells places in memory (``bids``, ``auction``),
:meth:`Sponsored.query_id` makes the id by which a click is known to whichever replica it comes (``tickets``),
and :meth:`Sponsored.accepted` takes stored events, to be charged in the background: within the daily budget,
whatever number of replicas spend it (``ledger``, ``wallet``), and each place once (``charges``).
"""

from mmpipe.recommend.sponsored.bids import BidFile, Bids, parse_bids
from mmpipe.recommend.sponsored.book import SponsoredBook, open_sponsored
from mmpipe.recommend.sponsored.charges import PaidEvent
from mmpipe.recommend.sponsored.place import Context, Sponsored
from mmpipe.recommend.sponsored.report import SponsoredReport, settle, sponsored_report
from mmpipe.recommend.sponsored.tickets import MAX_PLACES, Placement

__all__ = [
    "MAX_PLACES",
    "BidFile",
    "Bids",
    "Context",
    "PaidEvent",
    "Placement",
    "Sponsored",
    "SponsoredBook",
    "SponsoredReport",
    "open_sponsored",
    "parse_bids",
    "settle",
    "sponsored_report",
]
