"""One product, in the names of Google Merchant Center's product data specification."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

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


class Money(BaseModel):
    """An amount of one currency, as in ``19.99 USD``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Decimal = Field(ge=0, lt=Decimal("1e12"))
    currency: str = Field(pattern=r"^[A-Z]{3}$")

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


class Translation(BaseModel):
    """Title and description in one more language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: ShortText = ""
    description: Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000)] = ""


class Product(BaseModel):
    """One valid product row. Links are as the feed gave them; :mod:`mmpipe.media` resolves and checks."""

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
    availability: Availability = "in_stock"
    brand: ShortText | None = None
    gtin: ShortText | None = None
    mpn: ShortText | None = None
    condition: ShortText | None = None
    item_group_id: ShortText | None = None
    product_type: ShortText | None = None
    google_product_category: ShortText | None = None
    color: ShortText | None = None
    size: ShortText | None = None
    gender: ShortText | None = None
    age_group: ShortText | None = None
    material: ShortText | None = None
    pattern: ShortText | None = None
    language: str | None = Field(default=None, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    attributes: dict[ShortText, ShortText] = Field(default_factory=dict, max_length=100)
    translations: dict[LanguageTag, Translation] = Field(default_factory=dict, max_length=20)

    @property
    def category(self) -> str | None:
        """The shop's own category path, else Google's: ``Clothing > Dresses``."""
        path = self.product_type or self.google_product_category
        if not path:
            return None
        return " > ".join(part.strip() for part in path.split(">") if part.strip()) or None

    def text_for_encoder(self) -> str:
        """What the text encoder reads: every language's title, then brand, category and looks."""
        parts = [self.title, *(t.title for t in self.translations.values())]
        parts += [
            p for p in (self.brand, self.category, self.color, self.material, self.pattern, self.gender) if p
        ]
        return " . ".join(dict.fromkeys(part for part in parts if part))

    def text_for_lexical(self) -> str:
        """What full-text search reads: everything a shopper may type."""
        parts = [self.title, self.description]
        for translation in self.translations.values():
            parts += [translation.title, translation.description]
        parts += [
            p
            for p in (
                self.brand,
                self.category,
                self.color,
                self.size,
                self.gender,
                self.material,
                self.pattern,
                self.gtin,
            )
            if p
        ]
        parts += self.attributes.values()
        return " \n".join(part for part in parts if part)
