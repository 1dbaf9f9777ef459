"""The fields of a product with variants, as ACP and UCP name them."""

from __future__ import annotations

from typing import Final

from mmpipe.catalogue.formats.base import DECIDES, PRIVATE, Column

EXPORT: Final = """\
This is the feed of OpenAI's commerce file upload and Product API (one product a line, its `variants`
inside), and the answer of a shop's Universal Commerce Protocol catalogue. Upload the file that you send to
OpenAI: JSON Lines, or one JSON object with `products`.

- Amounts are in the currency's smallest unit, as ISO 4217 has it: 1999 is 19.99 USD, 1999 JPY or 1.999 KWD.
  An amount with a decimal sign is refused.
- A variant says what differs from its product; the rest is inherited.
- A product that is left out of a later file stays: set `is_eligible_search` to false, or `status` to
  archived."""

_BOTH: Final = (
    ("description", "description", "`plain`, else `html`, else `markdown`", ()),
    ("url", "link", "", ()),
    ("media", "image_link, additional_image_link, video_link",
     "by `type`; a variant's own before its product's, the first 21 pictures", ()),
    ("categories", "product_type, google_product_category",
     "by `taxonomy`: google_product_category, or any other", ()),
    ("price", "price", "in minor units", ()),
    ("list_price", "sale_price", "above the price, it is the `price`, and the price the `sale_price`", ()),
    ("availability", "availability", "`available` and `status`", ()),
    ("condition", "condition", "the first of the list", ()),
    ("rating", "rating, rating_count", "scaled to five", ()),
    ("tags", "attributes", "", ()),
    ("brand", "brand", "", ("vendor",)),
    ("is_eligible_search", DECIDES, "false: withdrawn", ("enable_search",)),
    ("status", DECIDES, "archived, draft or inactive: withdrawn", ()),
    ("seller", PRIVATE, "", ()),
    ("marketplace", PRIVATE, "", ()),
    ("links", PRIVATE, "policies", ()),
    ("metadata", PRIVATE, "", ()),
    ("handle", PRIVATE, "", ()),
    ("is_eligible_checkout", PRIVATE, "", ()),
    ("is_ads_eligible", PRIVATE, "", ()),
    ("shipping", PRIVATE, "", ()),
    ("checkout_url", PRIVATE, "", ()),
)  # fmt: skip

COLUMNS: Final = (
    Column("id", "item_group_id", key="id"),
    Column("title", "item_group_title", "and the title of variants that have none", key="title"),
    Column("options", "color, size, material, pattern, attributes", "where there is one value only",
           key="choices"),
    Column("price_range", "price", "where a variant has none, and there is one price only",
           key="price_range"),
    Column("list_price_range", "sale_price", "with `price_range`", key="list_price_range"),
    Column("variants", DECIDES, "each is a product"),
    Column("target_country", PRIVATE),
    Column("variants.id", "id", "unlike in any other product", key="variant_id"),
    Column("variants.sku", "attributes", "and the `id` where there is no other", key="sku"),
    Column("variants.title", "title", "with the product's before it where it repeats the options only"),
    Column("variants.options", "color, size, material, pattern, attributes", "`name` and `label` or `value`",
           others=("variants.variant_options",), key="options"),
    Column("variants.barcodes", "gtin, mpn", "by `type`", key="barcodes"),
    Column("variants.unit_price", "attributes", "its measures", key="unit_price"),
    Column("variants.inputs", PRIVATE),
    *(Column(f"{where}{name}", to, note, others=tuple(f"{where}{other}" for other in others), key=name)
      for where in ("", "variants.") for name, to, note, others in _BOTH),
)  # fmt: skip
