"""The catalogue that the widgets show: three levels of categories, sales, ratings."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any, Final

from examples.catalogue.media import encode_jpeg
from examples.catalogue.palette import COLOURS
from examples.catalogue.products import SampleProduct, generate_products
from examples.catalogue.render import render_image
from examples.catalogue.writer import feed_row
from tests.serve.conftest import png

COUNT: Final = 300


def rows(*, drawn: bool = False) -> list[dict[str, Any]]:
    """The feed's rows. With ``drawn`` each product has its own picture, which takes a while; else one of its
    colour."""
    return [_row(place, product, drawn) for place, product in enumerate(generate_products(count=COUNT))]


def _row(place: int, product: SampleProduct, drawn: bool) -> dict[str, Any]:
    row = feed_row(product)
    for name in ("video_link", "audio_link", "additional_image_link", "google_product_category"):
        row.pop(name, None)
    row["image_link"] = _drawn(product) if drawn else _plain(product.colour)
    row["product_type"] = f"{product.product_type} > {product.style or 'plain'}"
    # From 1.0 to 5.0 in steps of a half; every seventh product has none.
    if place % 7:
        row["rating"] = 1 + (place % 9) / 2
        row["rating_count"] = 1 + place % 40
    if place % 5 == 0:
        row["sale_price"] = f"{product.price / 2:.2f} {product.currency}"
    return row


def _drawn(product: SampleProduct) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(render_image(product, size=192))).decode()


@cache
def _plain(colour: str) -> str:
    rgb = [round(255 * part) for part in COLOURS[colour].rgb]
    return "data:image/png;base64," + base64.b64encode(png((rgb[0], rgb[1], rgb[2]))).decode()
