"""What the tools take. Names and descriptions are read by the model that calls them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.conditions import Condition
from mmpipe.schemas.recommend import MAX_PRODUCTS, Kind
from mmpipe.schemas.search import Filters, ProductId, ShopperId, ShortText, Sort

MAX_SEEN: Final = 100
"""Places of a search that can be asked for: those behind them are for another query."""

MAX_BASE64: Final = 40_000_000


def _several(given: object) -> object:
    """One value alone is a list of it: models leave the brackets out."""
    return [given] if isinstance(given, str) else given


Several = Annotated[list[ShortText], BeforeValidator(_several), Field(min_length=1, max_length=20)]
Products = Annotated[list[ProductId], BeforeValidator(_several), Field(min_length=1, max_length=MAX_PRODUCTS)]
Price = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class Arguments(BaseModel):
    """What every tool takes."""

    model_config = ConfigDict(extra="forbid")

    collection: str | None = Field(
        default=None, max_length=63, description="which catalogue; omit it where there is only one"
    )


class Nothing(BaseModel):
    """Of ``list_collections``."""

    model_config = ConfigDict(extra="forbid")


class Narrowed(Arguments):
    """Of which products. All that is given must hold; of several values of one field any may."""

    price_min: Price | None = Field(default=None, description="what is paid now, at least")
    price_max: Price | None = Field(default=None, description="what is paid now, at most")
    brand: Several | None = None
    category: Several | None = Field(default=None, description="a path, or any one label of it")
    color: Several | None = None
    size: Several | None = None
    gender: Several | None = None
    material: Several | None = None
    attributes: dict[ShortText, Several] | None = Field(
        default=None, max_length=10, description='the shop\'s own, as in {"sole": ["rubber"]}'
    )
    in_stock: bool = Field(default=False, description="true: only what can be bought now")

    def filters(self) -> Filters:
        """The same as searches take them. Raises ``InvalidRequest``."""
        low, high = self.price_min, self.price_max
        if low is not None and high is not None and low > high:
            raise InvalidRequest("price_min", "must not exceed price_max")
        names = ("brand", "category", "color", "size", "gender", "material", "attributes")
        given: dict[str, Any] = {name: value for name in names if (value := getattr(self, name))}
        if low is not None or high is not None:
            given["price"] = {"gte": low, "lte": high}
        if self.in_stock:
            given["availability"] = ["in_stock"]
        return Filters.model_validate(given)


class Conditioned(Narrowed):
    """With any condition beside them."""

    filter: Annotated[Condition, WithJsonSchema({"type": "object"})] | None = Field(
        default=None,
        description='for what the others cannot say: {"field": F, OP: V} with OP of eq, in, gte, gt, lte, lt,'
        ' prefix and exists, joined by {"and": [...]}, {"or": [...]} and {"not": ...}. F is id, title, price,'
        " list_price, on_sale, rating, rating_count, added, availability, language, currency, item_group_id,"
        ' identifier (SKU, GTIN), attributes.NAME or one of the above. As in {"field": "rating", "gte": 4}',
    )


class Query(Conditioned):
    """What is looked for. Nothing of it: all products that the other arguments let through."""

    text: Annotated[str, Field(max_length=1_000)] | None = Field(
        default=None,
        description='words, in English or Chinese; prices, colours and brands in them are understood. "exact'
        ' phrase" and -word work',
    )
    image: str | None = Field(
        default=None, max_length=MAX_BASE64, description="a picture to be like: base64 of its file"
    )
    image_path: Annotated[str, Field(max_length=1_000)] | None = Field(
        default=None, description="instead of image: a file's path below the folder of pictures"
    )
    image_crop: tuple[Share, Share, Share, Share] | None = Field(
        default=None,
        description="only this box of the picture: left, top, right, bottom, each 0 to 1 of its side",
    )
    like: Annotated[Products, Field(max_length=10)] | None = Field(
        default=None, description="ids of products to be like"
    )
    not_text: ShortText | None = Field(default=None, description="words for what is not wanted")
    sort: Sort = "relevance"


class Search(Query):
    """Of ``search_products``."""

    limit: int = Field(default=10, ge=1, le=20)
    offset: int = Field(
        default=0, ge=0, lt=MAX_SEEN, description="next_offset of the answer before, for more of it"
    )
    fields: Several | None = Field(
        default=None,
        description="more of each product: link, image_link, description, category, color, attributes ...",
    )
    facets: Annotated[Several, Field(max_length=5)] | None = Field(
        default=None, description="fields whose values are to be counted, as in brand; tells what filters fit"
    )


class Product(Arguments):
    """Of ``get_product``."""

    product_id: ProductId
    full: bool = Field(default=False, description="true: long texts whole, and translations")


class Similar(Narrowed):
    """Of ``similar_products``."""

    product_id: ProductId
    limit: int = Field(default=10, ge=1, le=20)


class Recommend(Conditioned):
    """Of ``recommend_products``."""

    kind: Kind = Field(
        description="for_you, session, recently_viewed: for the shopper who is named. similar, substitutes,"
        " complements, bought_together, also_viewed: about product_ids. trending, popular, new_arrivals: for"
        " everybody"
    )
    product_ids: Products | None = None
    user_id: ShopperId | None = Field(default=None, description="the shopper, as the shop names them")
    session_id: ShopperId | None = Field(default=None, description="the visit of a shopper who is not known")
    limit: int = Field(default=10, ge=1, le=20)


class Explain(Query):
    """Of ``explain_ranking``."""

    product_id: ProductId | None = Field(
        default=None, description="explain the place of this one; without it, of the first ones"
    )
    limit: int = Field(default=5, ge=1, le=10, description="without product_id: how many")


class Rejects(Arguments):
    """Of ``list_rejects``."""

    product_id: str | None = Field(default=None, max_length=128, description="only of this product")
    source: str | None = Field(
        default=None, max_length=2_000, description="only of this file, by its whole address"
    )
    run_id: str | None = Field(default=None, max_length=64, description="only of this run, as status has it")
    limit: int = Field(default=20, ge=1, le=50)
    rows: bool = Field(default=False, description="true: also each row as it was read")


class Status(Arguments):
    """Of ``status``."""

    runs: int = Field(default=5, ge=0, le=20, description="of each collection so many of the last uploads")
