"""One product, in the names of Google Merchant Center's product data specification."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from mmpipe.schemas.names import COLLECTION_PATTERN as COLLECTION_PATTERN
from mmpipe.schemas.names import PRODUCT_ID_PATTERN as PRODUCT_ID_PATTERN

Availability = Literal["in_stock", "out_of_stock", "preorder", "backorder"]
Text = Annotated[str, StringConstraints(strip_whitespace=True)]
# Plain ``str`` would let half a surrogate pair through, which JSON can spell and nothing can store.
Link = Annotated[str, StringConstraints(strip_whitespace=True)]
LanguageTag = Annotated[str, StringConstraints(strip_whitespace=True, max_length=35)]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]

# Product fields a search may filter and facet by, besides price and the free attributes.
FACET_FIELDS: tuple[str, ...] = (
    "brand",
    "category",
    "availability",
    "color",
    "size",
    "gender",
    "age_group",
    "material",
    "pattern",
    "condition",
)


MOST_RATINGS: Final = 10**12

# Attributes that say how much of something; as words they would be found by any query with that number.
_NUMBERS: Final = frozenset(
    {
        "averagerating",
        "inventoryquantity",
        "popularityrank",
        "quantity",
        "rating",
        "ratingcount",
        "ratingvalue",
        "reviewcount",
        "reviews",
        "starrating",
        "stock",
        "stockquantity",
    }
)
_NUMBER: Final = re.compile(r"[\d.,]+(?:/[\d.,]+)?")
# Flags, addresses and names of files, and the ids that programs make.
_NO_WORDS: Final = re.compile(
    r"true|false|yes|no|y|n|[01]|是|否"
    r"|(?:[a-z][a-z0-9+.-]*:)?//\S*|www\.\S+|(?:data|gid|mailto|urn):\S+|[^\s@]+@[^\s@]+\.[a-z]+"
    r"|\S+\.(?:avif|gif|html?|jpe?g|m4a|mov|mp[34]|pdf|png|svg|wav|webm|webp)(?:[?#]\S*)?"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{24,64}",
    re.IGNORECASE,
)


def says_words(name: str, value: str) -> bool:
    """Whether an attribute's value is words that a shopper may type: no flag, address, bare number of a
    rating or of a stock, nor an id that a program made."""
    if _NUMBER.fullmatch(value.strip()) and re.sub(r"[\W_]", "", name).lower() in _NUMBERS:
        return False
    return not all(_NO_WORDS.fullmatch(part.strip(",;|")) for part in value.split())


class Money(BaseModel):
    """An amount of one currency, as in ``19.99 USD``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Decimal = Field(ge=0, lt=Decimal("1e12"))
    currency: str = Field(pattern=r"^[A-Z]{3}$")

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


class SalePeriod(BaseModel):
    """When a sale price holds: from ``start`` on, until just before ``end``; None is open on that side."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: AwareDatetime | None = None
    end: AwareDatetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether ``now`` (with a time zone) lies inside."""
        return (self.start is None or self.start <= now) and (self.end is None or now < self.end)


class Translation(BaseModel):
    """Title and description in one more language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: ShortText = ""
    description: Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000)] = ""


class PublicProduct(BaseModel):
    """What anybody may see of a product. Links are as the feed gave them; :mod:`mmpipe.media` resolves and
    checks.

    ``price`` is the list price, ``sale_price`` what is asked instead while ``sale_price_effective_date``
    holds (always, where that is absent). ``additional_text`` is read by full-text search alone: questions and
    answers, for example.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=PRODUCT_ID_PATTERN.pattern, max_length=128)
    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
    description: Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000)] = ""
    link: str | None = Field(default=None, max_length=2_000)
    image_link: Link | None = None
    additional_image_link: tuple[Link, ...] = Field(default=(), max_length=20)
    video_link: Link | None = None
    audio_link: Link | None = None
    price: Money | None = None
    sale_price: Money | None = None
    sale_price_effective_date: SalePeriod | None = None
    availability: Availability = "in_stock"
    brand: ShortText | None = None
    gtin: ShortText | None = None
    mpn: ShortText | None = None
    condition: ShortText | None = None
    item_group_id: ShortText | None = None
    item_group_title: ShortText | None = None
    product_type: ShortText | None = None
    google_product_category: ShortText | None = None
    color: ShortText | None = None
    size: ShortText | None = None
    gender: ShortText | None = None
    age_group: ShortText | None = None
    material: ShortText | None = None
    pattern: ShortText | None = None
    language: str | None = Field(default=None, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    # What shoppers gave it, scaled to five, and how many they were.
    rating: float | None = Field(default=None, ge=0, le=5, allow_inf_nan=False)
    rating_count: int | None = Field(default=None, ge=0, le=MOST_RATINGS)
    additional_text: Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000)] = ""
    attributes: dict[ShortText, ShortText] = Field(default_factory=dict, max_length=100)
    translations: dict[LanguageTag, Translation] = Field(default_factory=dict, max_length=20)

    @property
    def category(self) -> str | None:
        """The shop's own category path, else Google's: ``Clothing > Dresses``."""
        path = self.product_type or self.google_product_category
        if not path:
            return None
        return " > ".join(part.strip() for part in path.split(">") if part.strip()) or None

    @property
    def valid_sale_price(self) -> Money | None:
        """The sale price where it is one: above zero, and in the currency of the price and below it."""
        price, sale = self.price, self.sale_price
        if sale is None or not sale.amount:
            return None
        if price is not None and (sale.currency != price.currency or sale.amount >= price.amount):
            return None
        return sale

    def effective_price(self, now: datetime) -> Money | None:
        """What a shopper pays at ``now`` (with a time zone): the price, or while a sale runs its valid sale
        price. None without a price while no sale runs."""
        sale, period = self.valid_sale_price, self.sale_price_effective_date
        return self.price if sale is None or (period is not None and not period.holds(now)) else sale

    def text_for_encoder(self) -> str:
        """What the text encoder reads: every language's title, then brand, category and looks."""
        parts = [self.title, *(t.title for t in self.translations.values())]
        parts += [
            p for p in (self.brand, self.category, self.color, self.material, self.pattern, self.gender) if p
        ]
        return " . ".join(dict.fromkeys(part for part in parts if part))

    def lexical_fields(self) -> dict[str, str]:
        """What full-text search reads, everything a shopper may type, by ``title``, ``brand``, ``category``,
        ``attributes`` and ``description``."""
        looks = (self.color, self.size, self.gender, self.material, self.pattern)
        said = [value for name, value in self.attributes.items() if says_words(name, value)]
        parts = {
            "title": [self.title, *(t.title for t in self.translations.values()), self.item_group_title],
            "brand": [self.brand],
            "category": [self.category],
            "attributes": [*looks, *said],
            "description": [
                self.description,
                *(t.description for t in self.translations.values()),
                self.gtin,
                self.additional_text,
            ],
        }
        return {name: " \n".join(filter(None, texts)) for name, texts in parts.items()}

    def text_for_lexical(self) -> str:
        """All of :meth:`lexical_fields`."""
        return " \n".join(filter(None, self.lexical_fields().values()))


class Product(PublicProduct):
    """One valid product row: what is public, and what is kept beside it.

    ``private`` holds columns that nobody chose to publish, under the feed's names. They are in no answer,
    facet or filter and in no text that is searched or encoded.
    """

    private: dict[ShortText, ShortText] = Field(default_factory=dict, max_length=200)

    def public(self) -> PublicProduct:
        """The same product without what is private."""
        return PublicProduct.model_construct(
            **{name: getattr(self, name) for name in PublicProduct.model_fields}
        )


class ProductResponse(BaseModel):
    """One product as it is live: what is public of it, and what a shopper pays now."""

    collection: str
    version: str
    product: PublicProduct
    effective_price: Money | None = Field(
        description="the sale price while a sale runs, else the price; null where there is none"
    )
