"""The lake: LanceDB tables on object storage or in a folder, and which version of them is live.

``<lake>/<collection>/`` holds ``products_<profile>_<fingerprint>``, one table per profile that ever filled
the collection; the small tables ``runs`` (the ledger), ``rejects`` and ``media`` (what was announced of
media); ``interactions/``, the log of what shoppers did; ``analytics/``, what was asked (``searches``);
``staging/``, journals of large runs; and ``live.json``. ``<lake>/models/`` is the registry, ``<lake>/_keys/``
has the key of shoppers' pseudonyms where no other is given.

* :func:`open_lake` → :class:`Lake` → :class:`Collection`: its tables, :meth:`~Collection.publish`,
  :meth:`~Collection.promote`, :meth:`~Collection.rollback`, :meth:`~Collection.reset`.
* :class:`ProductTable`: :meth:`~ProductTable.apply` makes any number of changes (``changes``) in one version
  or none: ``resolve`` decides by ``precedence`` what stands, ``writer`` and ``fragments`` write it.
  :meth:`~ProductTable.stage` writes rows that no version names yet.
* ``schema``: every column; ``stock``, ``frames``, ``media_log``, ``runs``, ``rejects``: what is in them.
  ``interactions`` is no table: see there.
* ``checks`` stand before a publication, ``live`` and ``tags`` are what it writes, ``maintenance`` keeps a
  table quick; ``mirror`` copies a version to local disk.
* ``models`` registers trained profiles and recommenders, ``model_loading`` loads a profile wherever it is;
  ``recommenders`` says which recommender readers follow.

Any number of processes may write. A table of an earlier release gains columns that are new since with the
first write, null in every row; readers take the columns that it lacks as null.
"""

from __future__ import annotations

from mmpipe.lake.changes import WriteResult
from mmpipe.lake.lake import Collection, Lake, open_lake
from mmpipe.lake.live import LiveVersion
from mmpipe.lake.maintenance import MaintenanceReport
from mmpipe.lake.products import ProductTable

__all__ = [
    "Collection",
    "Lake",
    "LiveVersion",
    "MaintenanceReport",
    "ProductTable",
    "WriteResult",
    "open_lake",
]
