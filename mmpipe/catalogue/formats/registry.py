"""Every format, and which of them a file is."""

from __future__ import annotations

from functools import cache
from typing import Final

from mmpipe.catalogue.columns import bare_name, column_name
from mmpipe.catalogue.formats.acp import AcpProducts
from mmpipe.catalogue.formats.base import Format, Sample
from mmpipe.catalogue.formats.bigcommerce import BigCommerce
from mmpipe.catalogue.formats.google import GoogleNames, Meta, OpenAi
from mmpipe.catalogue.formats.magento import Magento
from mmpipe.catalogue.formats.merchant_api import MerchantApi
from mmpipe.catalogue.formats.prestashop import PrestaShop
from mmpipe.catalogue.formats.refused import refuse
from mmpipe.catalogue.formats.schema_org import SchemaOrg
from mmpipe.catalogue.formats.shopify import ShopifyCsv
from mmpipe.catalogue.formats.shopify_inventory import ShopifyInventory
from mmpipe.catalogue.formats.shopify_json import ShopifyBulk, ShopifyProducts
from mmpipe.catalogue.formats.woocommerce import WooCommerce
from mmpipe.catalogue.formats.woocommerce_rest import WooCommerceRest
from mmpipe.catalogue.roles import role_of
from mmpipe.errors import InvalidFeed

# In the order in which they are tried: the more particular ones first, any file with Google's names last.
FORMATS: Final[tuple[Format, ...]] = (
    ShopifyInventory(),
    ShopifyCsv(),
    ShopifyBulk(),
    ShopifyProducts(),
    WooCommerce(),
    WooCommerceRest(),
    Magento(),
    PrestaShop(),
    BigCommerce(),
    SchemaOrg(),
    AcpProducts(),
    MerchantApi(),
    OpenAi(),
    Meta(),
    GoogleNames(),
)
_SHOWN_COLUMNS: Final = 30


def format_of(sample: Sample) -> Format:
    """The format of a file that begins like this. Raises ``InvalidFeed`` for an export of something else, and
    for a file of no known format, naming what was looked for and what is there."""
    refuse(sample)
    for candidate in FORMATS:
        if candidate.recognises(sample):
            return candidate
    names = sorted(sample.names)
    more = f" and {len(names) - _SHOWN_COLUMNS} more" if len(names) > _SHOWN_COLUMNS else ""
    looked_for = ", ".join(candidate.title for candidate in FORMATS)
    raise InvalidFeed(
        f"is of no format that we know: looked for the columns of {looked_for}; found"
        f" {', '.join(name[:60] for name in names[:_SHOWN_COLUMNS]) or 'none'}{more}. Name at least id and"
        " title, or upload one of these exports"
    )


@cache
def _tables() -> tuple[Format, ...]:
    return tuple(f for f in FORMATS if not isinstance(f, GoogleNames))


def knows_column(name: str) -> bool:
    """Whether any format names a column so."""
    if not (column_name(name) or column_name(bare_name(name))):
        return False
    return role_of(name) is not None or any(f.table.find(name) is not None for f in _tables())
