"""mmpipe: multimodal product search and recommendation over object storage.

Rooms, in the order of the data's way: ``events`` and ``dispatch`` (what happened, who does it),
``catalogue``, ``media``, ``speech``, ``encoders``, ``fusion`` (a feed row to a product and its vectors),
``indexing`` (all of that to table rows), ``lake`` (the tables), ``search`` and ``recommend`` (a version
asked), ``serve`` (over HTTP), ``client`` and ``embedded`` (who asks a service, or a lake in their own
process: :func:`open`). Each room's ``__init__`` says what it gives to the others; ``docs/architecture.md``
how they meet.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import PurePath

    from mmpipe.embedded import Shop
    from mmpipe.settings import Settings


def open(
    lake: str | PurePath = "./lake", *, collection: str | None = None, settings: Settings | None = None
) -> Shop:
    """A lake in this process, to be indexed into, searched and asked for recommendations; a folder that is
    not there becomes one. See :class:`mmpipe.embedded.Shop` and docs/notebook.md::

        shop = mmpipe.open("./lake")
        shop.index("feed.csv")
        shop.search("red dress")
    """
    # Whoever imports the package, as the handlers do, is to get nothing with it; a zip of what is imported
    # is not to hold it either.
    shop: Shop = import_module("mmpipe.embedded").Shop(lake, collection=collection, settings=settings)
    return shop
