"""The fields of a product in Google's Merchant API (v1, v1beta) and its Content API."""

from __future__ import annotations

from typing import Final

from mmpipe.catalogue.formats.base import PRIVATE, Column

EXPORT: Final = """\
What `accounts.products.list` of the Merchant API answers (or `products.list` of the older Content API):
upload it as it comes, or one product a line. `productAttributes` is read as if its fields stood beside
`offerId`.

- `id` is the `offerId`. One offer in several languages is one product with translations; the same offer in
  several feed labels is refused, but for the first: export one feed label.
- Amounts are `amountMicros`, in millionths; `value` of the Content API is read too.
- Custom attributes are kept privately unless they are chosen to be public."""

_PRIVATE: Final = """
id name dataSource feedLabel channel targetCountry kind source versionNumber product legacyLocal productStatus
automatedDiscounts destinations issues adsGrouping adsLabels adsRedirect adult autoPricingMinPrice
cloudExportAdditionalProperties costOfGoodsSold customLabel0 customLabel1 customLabel2 customLabel3
customLabel4 disclosureDate displayAdsId displayAdsLink displayAdsSimilarIds displayAdsTitle displayAdsValue
documentLinks excludedDestinations expirationDate externalSellerId freeShippingThreshold identifierExists
includedDestinations installment linkTemplate loyaltyPoints loyaltyProgram loyaltyPrograms maxHandlingTime
maximumRetailPrice minHandlingTime mobileLink mobileLinkTemplate pause pickupMethod pickupSla pickupCost
promotionIds relatedProducts returns returnPolicyLabel sellOnGoogleQuantity shipping
shippingHandlingBusinessDays shippingHeight shippingLabel shippingLength shippingTransitBusinessDays
shippingWeight shippingWidth shoppingAdsExcludedCountries storeCode subscriptionCost sustainabilityIncentives
taxCategory taxes transitTimeLabel virtualModelLink carrierShipping handlingCutoffTimes minimumOrderValues
"""
WORDS: Final = ("ageGroup", "condition", "gender")
ATTRIBUTES: Final = """
shortTitle sizeSystem sizeTypes sizeType multipack isBundle energyEfficiencyClass minEnergyEfficiencyClass
maxEnergyEfficiencyClass certifications unitPricingMeasure unitPricingBaseMeasure productHeight productLength
productWeight productWidth availabilityDate popularityRank
"""

COLUMNS: Final = (
    Column("offerId", "id", key="id"),
    Column("contentLanguage", "language, translations", key="language"),
    Column("title", "title"),
    Column("structuredTitle", "title", "its `content`, where `title` is empty", key="structured_title"),
    Column("description", "description"),
    Column("structuredDescription", "description", "its `content`, where `description` is empty",
           key="structured_description"),
    Column("link", "link"),
    Column("canonicalLink", "link", "where `link` is empty", key="canonical"),
    Column("imageLink", "image_link"),
    Column("additionalImageLinks", "additional_image_link", key="images"),
    Column("lifestyleImageLinks", "additional_image_link", key="lifestyle"),
    Column("videoLinks", "video_link", "the first", others=("videoLink",), key="videos"),
    Column("price", "price", "`amountMicros` or `value`"),
    Column("salePrice", "sale_price"),
    Column("salePriceEffectiveDate", "sale_price_effective_date", "`startTime` and `endTime`"),
    Column("availability", "availability"),
    Column("brand", "brand"),
    Column("gtins", "gtin", "the first", others=("gtin",), key="gtins"),
    Column("mpn", "mpn"),
    Column("itemGroupId", "item_group_id"),
    Column("itemGroupTitle", "item_group_title"),
    Column("productTypes", "product_type", "the first", others=("productType",), key="product_types"),
    Column("googleProductCategory", "google_product_category"),
    Column("color", "color"),
    Column("size", "size", others=("sizes",), key="size"),
    Column("material", "material"),
    Column("pattern", "pattern"),
    *(Column(name, column, "in small letters", key=column)
      for name, column in zip(WORDS, ("age_group", "condition", "gender"), strict=True)),
    Column("variantOptions", "color, size, material, pattern, attributes", others=("variantOption",),
           key="variant_option"),
    Column("productDetails", "attributes", "by `attributeName`", others=("productDetail",),
           key="product_detail"),
    Column("productHighlights", "attributes", "as `product_highlight`", others=("productHighlight",),
           key="product_highlight"),
    Column("questionsAndAnswers", "additional_text", others=("questionAndAnswer", "questionAndAnswers"),
           key="question_and_answer"),
    *(Column(name, "attributes", key=f"attribute {name}") for name in ATTRIBUTES.split()),
    *(Column(name, PRIVATE) for name in _PRIVATE.split()),
    Column("customAttributes.NAME", PRIVATE, "each under its own name, unless it is chosen to be public"),
)  # fmt: skip
