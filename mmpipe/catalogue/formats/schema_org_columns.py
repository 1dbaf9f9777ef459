"""The properties of schema.org's Product, ProductGroup and Offer."""

from __future__ import annotations

from typing import Final

from mmpipe.catalogue.formats.base import DECIDES, PRIVATE, Column

EXPORT: Final = """\
schema.org data stand in the product pages of most shops, in `<script type="application/ld+json">`. Upload
what they hold: one object a line (`.jsonl`), a list, or a document with `@graph`. `Product`, `ProductGroup`
with its `hasVariant`, and the products of an `ItemList` are read; breadcrumbs, organisations and pages are
left out.

- Of several offers the first that is in stock counts, else the first.
- A `priceSpecification` with `priceType` StrikethroughPrice, ListPrice or SRP above the price makes a sale,
  which ends at `priceValidUntil`.
- Give every product a `sku`; without one it is known by `productID`, `@id`, `gtin` or `mpn`.
- Nothing says that a product was taken out of the shop: delete it, or give it `Discontinued`."""

_GTINS: Final = ("gtin13", "gtin12", "gtin14", "gtin8", "isbn")
_PRIVATE: Final = """
review reviews identifier sameAs mainEntityOfPage subjectOf potentialAction isRelatedTo isSimilarTo
isConsumableFor isAccessoryOrSparePartFor hasMerchantReturnPolicy hasCertification hasEnergyConsumptionDetails
countryOfOrigin countryOfAssembly countryOfLastProcessing productionDate purchaseDate releaseDate nsn logo
funding owner additionalType disambiguatingDescription positiveNotes negativeNotes interactionStatistic
hasMeasurement isFamilyFriendly
"""
_PRIVATE_OF_OFFERS: Final = """
seller offeredBy shippingDetails hasMerchantReturnPolicy inventoryLevel eligibleRegion eligibleQuantity
eligibleCustomerType areaServed acceptedPaymentMethod availabilityStarts availabilityEnds availableAtOrFrom
deliveryLeadTime businessFunction category offerCount highPrice validThrough warranty hasAdhocPrice name
description image itemOffered identifier priceType addOn serialNumber review aggregateRating mpn
"""

COLUMNS: Final = (
    Column("@context", DECIDES, "says that it is schema.org's", key="context"),
    Column("@type", DECIDES, "Product, ProductGroup and their kinds are read", key="type"),
    Column("sku", "id", key="sku"),
    Column("productID", "id", "where there is no `sku`", key="product_id"),
    Column("@id", "id", "where there is neither", key="node"),
    Column("gtin", "gtin", "and the `id` where nothing else is one", others=_GTINS),
    Column("mpn", "mpn", "and the `id` where nothing else is one"),
    Column("productGroupID", "item_group_id", key="group"),
    Column("inProductGroupWithID", "item_group_id", key="in_group"),
    Column("isVariantOf", "item_group_id", "what the group says is inherited", key="variant_of"),
    Column("hasVariant", DECIDES, "each is a product that inherits from the group", key="variants"),
    Column("variesBy", DECIDES, key="varies_by"),
    Column("name", "title, translations, item_group_title", "by `@language` where it has several",
           key="name"),
    Column("alternateName", "additional_text", key="other_name"),
    Column("description", "description, translations", key="description"),
    Column("keywords", "additional_text", key="keywords"),
    Column("slogan", "additional_text", key="slogan"),
    Column("inLanguage", "language"),
    Column("url", "link", key="url"),
    Column("image", "image_link, additional_image_link", "text, list or `ImageObject`; the first 21 are used",
           key="image"),
    Column("thumbnailUrl", "image_link", "where there is no `image`", key="thumbnail"),
    Column("video", "video_link", "`contentUrl` of the first `VideoObject`", key="video"),
    Column("brand", "brand", key="brand"),
    Column("manufacturer", "brand", "where there is no `brand`", key="manufacturer"),
    Column("category", "product_type", "the first of several", key="category"),
    Column("color", "color"),
    Column("size", "size, gender", "text, `SizeSpecification` or an amount with its unit", key="size"),
    Column("material", "material"),
    Column("pattern", "pattern"),
    Column("audience", "gender, age_group", "`suggestedGender`, `suggestedMinAge`, `suggestedMaxAge`",
           key="audience"),
    Column("itemCondition", "condition", others=("offers.itemCondition",)),
    Column("additionalProperty", "color, size, material, pattern, attributes", "by `name`, with its unit",
           key="properties"),
    Column("weight", "attributes", "with its unit", key="weight"),
    Column("height", "attributes", "with its unit", key="height"),
    Column("width", "attributes", "with its unit", key="width"),
    Column("depth", "attributes", "with its unit", key="depth"),
    Column("model", "attributes", key="model"),
    Column("award", "attributes", key="award"),
    Column("aggregateRating", "rating, rating_count", "scaled to five", key="rating"),
    Column("offers", "price, sale_price, availability, condition", "the properties below", key="offers"),
    Column("offers.@type", DECIDES, key="offer_type"),
    Column("offers.@id", DECIDES, key="offer_node"),
    Column("offers.price", "price", key="price"),
    Column("offers.lowPrice", "price", "of an `AggregateOffer`", key="low_price"),
    Column("offers.priceCurrency", "price", key="currency"),
    Column("offers.priceSpecification", "price, sale_price", "by `priceType`", key="specification"),
    Column("offers.priceValidUntil", "sale_price_effective_date", "where there is a sale", key="until"),
    Column("offers.validFrom", "sale_price_effective_date", "where there is a sale", key="since"),
    Column("offers.availability", "availability", "schema.org's twelve words", key="availability"),
    Column("offers.url", "link", "where the product has no `url`", key="offer_url"),
    Column("offers.sku", "id", "of a single offer, where the product has no `sku`", key="offer_sku"),
    Column("offers.gtin", "gtin", "where the product has none",
           others=tuple(f"offers.{name}" for name in _GTINS), key="offer_gtin"),
    Column("offers.offers", DECIDES, "of these the first that is in stock", key="inner_offers"),
    *(Column(name, PRIVATE) for name in _PRIVATE.split()),
    *(Column(f"offers.{name}", PRIVATE) for name in _PRIVATE_OF_OFFERS.split()),
)  # fmt: skip
