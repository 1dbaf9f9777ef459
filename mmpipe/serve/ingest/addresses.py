"""Which objects an order of work may name: what was uploaded to its own collection, by the bucket's layout.

Whoever holds the dispatch token has the indexer read what an order names, with the indexer's own rights, and
what is in it becomes public as products. So an order names an object of the layout of its collection and its
kind, below the place that shops upload to.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from mmpipe.errors import InvalidEvent, InvalidRequest
from mmpipe.events.layout import place_of
from mmpipe.objects import InvalidAddress, scheme_of, split_s3, to_path, to_uri
from mmpipe.schemas.work import REMOVALS, WorkOrder

_SETTING = "MMPIPE_INDEXING__UPLOADS_URI"


def check_addresses(orders: Sequence[WorkOrder], uploads: str | None) -> None:
    """Raises ``InvalidRequest``, naming the order at fault, where one names anything but
    ``<collection>/<section>/…`` below ``uploads``; without that, of any bucket. A symbolic link that leads
    out of a folder is none of it.
    """
    for number, order in enumerate(orders):
        try:
            fault = _fault(order, uploads)
        except (InvalidAddress, InvalidEvent) as error:
            fault = str(error)
        if fault:
            raise InvalidRequest(f"orders.{number}.object.uri", fault)


def _fault(order: WorkOrder, uploads: str | None) -> str:
    uri = order.object.uri
    scheme = scheme_of(uri)
    if uploads is not None:
        root = to_uri(uploads).rstrip("/") + "/"
        if not uri.startswith(root) or (scheme == "file" and not _leads_below(uri, root)):
            return f"is outside the place that shops upload to; {_SETTING} names it"
        key = uri.removeprefix(root)
    elif scheme == "s3":
        key = split_s3(uri)[1]
    else:
        return f"is no object of a bucket; {_SETTING} names a folder that uploads may be in"
    place = place_of(key)
    if place is None or place.collection != order.collection:
        return (
            f"is no upload of collection '{order.collection[:64]}'; send {order.collection[:64]}/SECTION/NAME"
        )
    if place.kind(removed=order.kind in REMOVALS) != order.kind:
        return f"is in {place.section}/, which is nothing for an order of kind {order.kind}"
    return ""


def _leads_below(uri: str, root: str) -> bool:
    return os.path.realpath(to_path(uri)).startswith(os.path.realpath(to_path(root)).rstrip("/") + "/")
