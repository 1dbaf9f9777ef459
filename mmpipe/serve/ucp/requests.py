"""The bodies that agents send. Members that are not here are the protocol's or an extension's we do not have:
they are allowed, and take no part."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from mmpipe.schemas.search import ImageInput, ShortText

MAX_IDS: Final = 50
MAX_LIMIT: Final = 50
# CatalogFilters of our own beside the protocol's two: fields of a product, any of whose values may hold.
FIELDS: Final = (
    "brand", "availability", "color", "size", "gender", "age_group", "material", "pattern", "condition",
)  # fmt: skip
_MOST = 10**15


def _whole(value: Any) -> Any:
    """To JSON Schema ``10.0`` is an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _amount(value: Any) -> Any:
    """Nothing costs more than the most, so an amount beyond it says the same."""
    whole = _whole(value)
    return min(whole, _MOST) if type(whole) is int else whole


Whole = Annotated[int, BeforeValidator(_whole)]
Amount = Annotated[int, BeforeValidator(_amount), Field(ge=0)]
Id = Annotated[str, Field(max_length=2_000)]
Values = Annotated[list[ShortText], Field(max_length=100)]
Words = Annotated[str, StringConstraints(max_length=2_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore")


class BuyerContext(_Body):
    """Hints of who is going to buy; those that are not named here are of no use to us."""

    language: Words | None = Field(default=None, description="BCP 47, as in en or zh-Hans")
    currency: Words | None = Field(default=None, description="ISO 4217; what price filters are in")


class PriceFilter(_Body):
    """Inclusive bounds, in minor units of ``context.currency``."""

    min: Amount | None = None
    max: Amount | None = None


class CatalogFilters(BaseModel):
    """All must hold; of each list any value may."""

    model_config = ConfigDict(extra="allow")

    categories: Values | None = Field(default=None, description="as `categories` of products have them")
    price: PriceFilter | None = None
    brand: Values | None = None
    availability: Values | None = Field(
        default=None, description="in_stock, out_of_stock, preorder, backorder"
    )
    color: Values | None = None
    size: Values | None = None
    gender: Values | None = None
    age_group: Values | None = None
    material: Values | None = None
    pattern: Values | None = None
    condition: Values | None = None
    attributes: dict[ShortText, Values] | None = Field(
        default=None, max_length=20, description="free attributes, by name"
    )

    @property
    def unknown(self) -> list[str]:
        """CatalogFilters that there are none of."""
        return sorted(self.model_extra or {})

    @property
    def given(self) -> bool:
        """Whether any filter is there that we have."""
        price = self.price is not None and (self.price.min is not None or self.price.max is not None)
        named = (getattr(self, name) for name in ("categories", *FIELDS))
        return price or any(named) or any((self.attributes or {}).values())


class Pagination(_Body):
    """Which page."""

    cursor: str | None = Field(default=None, max_length=16_000)
    limit: Whole = Field(default=10, ge=1, description=f"products of a page; {MAX_LIMIT} at most")


class _Asked(_Body):
    context: BuyerContext = Field(default_factory=BuyerContext)
    filters: CatalogFilters = Field(default_factory=CatalogFilters)
    signals: dict[str, Any] | None = Field(default=None, description="not looked at, nor kept")
    attribution: dict[str, Any] | None = Field(default=None, description="not looked at, nor kept")


class SearchCatalog(_Asked):
    """At least one of ``query``, ``filters`` and ``image``."""

    query: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000)] | None = None
    pagination: Pagination = Field(default_factory=Pagination)
    image: ImageInput | None = Field(
        default=None, description="extension image_search: a picture of what is looked for"
    )
    facets: Annotated[list[ShortText], Field(max_length=20)] = Field(
        default_factory=list, description="extension facets: fields whose values are to be counted"
    )


class LookupCatalog(_Asked):
    """Products or variants by their ids, SKUs or barcodes."""

    ids: Annotated[list[Id], Field(min_length=1)]


class SelectedOption(_Body):
    """A value of an option."""

    name: Words
    label: Words


class ListsWanted(BaseModel):
    """How many products of each list are wanted beside a product."""

    model_config = ConfigDict(extra="forbid")

    similar: Whole | None = Field(default=None, ge=1, le=20, description="products like it")
    complements: Whole | None = Field(default=None, ge=1, le=20, description="what goes with it")


class GetProduct(_Asked):
    """One product, its variants narrowed by what is selected."""

    id: Id
    selected: Annotated[list[SelectedOption], Field(max_length=20)] | None = None
    preferences: Annotated[list[Words], Field(max_length=20)] = Field(
        default_factory=list,
        description="names of options, dearest first: what no variant has is given up from the end",
    )
    recommendations: ListsWanted | None = Field(
        default=None, description="extension recommendations: products beside this one"
    )
