"""What a feed is read into."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from mmpipe.errors import InvalidRow
from mmpipe.schemas.product import Availability, Product

MAX_RAW_BYTES: Final = 64 * 1024
INCOMPLETE_KEY: Final = "_incomplete"
_KEPT_CHARACTERS: Final = 200
_NO_MEDIA: Final[Mapping[str, bytes]] = {}
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, default=str)


class FeedRow(NamedTuple):
    """One product of a feed: exactly one of ``product``, ``delete_id``, ``stock`` and ``reject`` is set.

    ``row`` counts the records of the file from 1; a record with variants gives a row for each. ``product_id``
    is set wherever a valid id could be read, also on a reject. ``stock`` is the availability of a product
    that is known already: nothing else of it changes. ``group_id`` binds a deletion or a stock to a product
    of that item group: another group's product of the same id is not meant. ``raw`` is the row as JSON (or as
    text where it parsed as nothing), at most 64 KiB: a longer row, or one whose media came inline, keeps its
    short values and says under ``_incomplete`` why it cannot be replayed from here. ``inline_media`` holds
    media that came as bytes, by field (``image_link``, ``audio_link``, ``video_link``); they take the place
    of a link in that field. ``group`` marks the parent of variants: ``product`` describes what they share,
    and is not for sale itself.
    """

    row: int
    raw: str
    product: Product | None = None
    delete_id: str | None = None
    stock: Availability | None = None
    reject: InvalidRow | None = None
    product_id: str | None = None
    group_id: str | None = None
    group: bool = False
    inline_media: Mapping[str, bytes] = _NO_MEDIA


Meaning = Literal["product", "withdrawn", "stock", "group"]


class Record(NamedTuple):
    """One record of a file: its values, or the reason why there are none.

    A container (:mod:`mmpipe.catalogue.readers`) gives values under the file's own names; a format
    (:mod:`mmpipe.catalogue.formats`) gives them under the names of
    :class:`~mmpipe.schemas.product.Product`, and says what the record means: a product; one that is
    ``withdrawn`` from sale; the ``stock`` of a known one (``availability`` alone); the ``group`` that its
    variants belong to. ``group_id`` as in :class:`FeedRow`.
    """

    row: int
    values: Mapping[str, Any] | None
    raw: str | None = None
    inline_media: Mapping[str, bytes] = _NO_MEDIA
    problem: InvalidRow | None = None
    meaning: Meaning = "product"
    group_id: str | None = None


def raw_of(values: Mapping[str, Any], inline_media: Mapping[str, bytes] | None = None) -> str:
    """The row's JSON within :data:`MAX_RAW_BYTES`."""
    if inline_media:
        sizes = ", ".join(f"{name}: {len(data):,} bytes" for name, data in inline_media.items())
        values = {**values, INCOMPLETE_KEY: f"media inside the file are not kept here ({sizes})"}
    return bounded_raw(_ENCODER.encode(values), values)


def bounded_raw(text: str, values: Mapping[str, Any] | None = None) -> str:
    """``text`` if it is encodable and short enough, else what can be kept of it."""
    if len(text) <= MAX_RAW_BYTES and text.isascii():
        return text
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode()
        size = len(text.encode())
    if size <= MAX_RAW_BYTES:
        return text
    if values is None:
        return text.encode()[: MAX_RAW_BYTES - 4].decode("utf-8", "ignore") + "…"
    short = {str(key)[:_KEPT_CHARACTERS]: _shortened(value) for key, value in list(values.items())[:100]}
    short[INCOMPLETE_KEY] = f"the row holds {size:,} bytes, of which only short values are kept here"
    return bounded_raw(_ENCODER.encode(short))


def _shortened(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else _ENCODER.encode(value)
    return text if len(text) <= _KEPT_CHARACTERS else text[:_KEPT_CHARACTERS] + "…"
