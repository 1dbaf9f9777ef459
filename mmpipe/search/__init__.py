"""Search over the live version of a collection, from columns that are mapped from local disk.

:class:`LiveVersions` follows what is live and hands out each :class:`Version` with the prices of now.
:func:`encode` (or :func:`compose`, of vectors made elsewhere) makes an :class:`EncodedQuery` by the models of
the table; :class:`Searcher` answers it: filters → matches → order → facets → page. In the order of a query:

* ``versions``: what is live; a version is the parts of its fragments, built once per node, and columns over
  them. ``columns`` are these, ``kernels`` the compiled passes over them.
* ``find``: filters, and the matches of a query with what they earned. Under the filters, the products that
  full text matches (all of the query's words; where none has all, those that have the most) together with
  the nearest by vector, as far as they are relevant; without a query, all products under the filters.
* ``page``: facets, explanation, the hits and the cursor of the next page. ``total``, facets and pages speak
  of exactly one set.
* ``suggest``: what is being typed, completed from asked queries, titles, categories and brands.

Of full text and vector the scaled scores are combined (decision 5), one alone keeps its own; ties go by id.
Prices, in filters, facets, order and hits, are what a shopper pays now. What ``Product.private`` holds is in
no column that is read but ``document``, and :meth:`Version.product` leaves it out.
"""

from mmpipe.search.find.query import EncodedQuery, TextCache, compose, encode
from mmpipe.search.page.cursor import pinned_version
from mmpipe.search.searcher import Searcher
from mmpipe.search.versions.live import LiveVersions
from mmpipe.search.versions.store import CollectionStatus
from mmpipe.search.versions.version import Version

__all__ = [
    "CollectionStatus",
    "EncodedQuery",
    "LiveVersions",
    "Searcher",
    "TextCache",
    "Version",
    "compose",
    "encode",
    "pinned_version",
]
