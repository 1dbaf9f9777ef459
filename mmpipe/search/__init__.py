"""Search over the live version of a collection, in memory.

:class:`SnapshotStore` follows what is live and hands out each :class:`Snapshot` with the prices of now; pages
keep the version that they began with. :func:`encode` (or :func:`compose`, of vectors made elsewhere) makes an
:class:`EncodedQuery` by the models of the table; :class:`Searcher` answers it: filter → retrieve →
rank_fusion → facets → page → explain → present.

The matches of a query are the union of the candidates by vector and by full text (``serve.candidates`` each)
under the filters; without a query, all products under the filters. ``total``, facets and paging speak of
exactly that set. Vectors are scored in memory up to ``serve.exact_rows`` rows, above that Lance's index
proposes rows that are scored again; full text is BM25 in memory. Of several lists the scaled scores are
combined (decision 5), a single one keeps its own; ties go by id.

Prices, in filters, facets and hits, are what a shopper pays now (``prices``). What ``Product.private`` holds
is in no column that is read but ``document``, and :meth:`Snapshot.product` leaves it out.
"""

from mmpipe.search.cursor import pinned_version
from mmpipe.search.query import EncodedQuery, TextCache, compose, encode
from mmpipe.search.searcher import Searcher
from mmpipe.search.snapshot import Snapshot
from mmpipe.search.store import CollectionStatus, SnapshotStore

__all__ = [
    "CollectionStatus",
    "EncodedQuery",
    "Searcher",
    "Snapshot",
    "SnapshotStore",
    "TextCache",
    "compose",
    "encode",
    "pinned_version",
]
