"""Recommendations: what is asked and answered at ``/v1/recommendations``."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from mmpipe.schemas.conditions import Condition
from mmpipe.schemas.search import Filters, Hit, ShopperId

Kind = Literal[
    "similar",
    "for_you",
    "session",
    "bought_together",
    "also_viewed",
    "trending",
    "popular",
    "substitutes",
    "complements",
    "new_arrivals",
    "recently_viewed",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
Language = Literal["en", "zh"]
MAX_LISTS = 10
MAX_LIMIT = 100
# Products that a list may be asked for.
MAX_PRODUCTS = 20

ProductId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
ProductIds = Annotated[list[ProductId], Field(min_length=1, max_length=MAX_PRODUCTS)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_ABOUT_PRODUCTS = (
    "the products that the list is about; required by substitutes. Without them similar, bought_together,"
    " also_viewed and complements are about what the shopper did last"
)


class WantedList(BaseModel):
    """One list of a call."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    product_ids: ProductIds | None = Field(default=None, description=_ABOUT_PRODUCTS)
    limit: int = Field(default=10, ge=1, le=MAX_LIMIT)
    filters: Filters = Field(default_factory=Filters)
    filter: Condition | None = Field(default=None, description="holds beside `filters`")
    name: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        default=None,
        description="what the answer calls the list, for interactions' context; its kind if absent",
    )
    sponsored: int | None = Field(
        default=None,
        ge=0,
        le=4,
        description="places that may be paid for, of similar, for_you, session, trending and popular; unless"
        " given what MMPIPE_SPONSORED__SLOTS says, and none where MMPIPE_SPONSORED__ENABLED is not set",
    )

    @property
    def called(self) -> str:
        """What the answer calls it."""
        return self.name or self.kind


class Exclude(BaseModel):
    """What must not be recommended. Every exclusion counts for all variants (``item_group_id``)."""

    model_config = ConfigDict(extra="forbid")

    product_ids: Annotated[list[ProductId], Field(max_length=1_000)] = Field(default_factory=list)
    purchased: bool = Field(default=True, description="what the shopper bought")
    seen: bool = Field(
        default=True, description="what the shopper viewed, clicked, put into the cart, liked or rated"
    )
    sold_out: bool = Field(default=True, description="what is out of stock now")


class RecommendationsRequest(BaseModel):
    """Up to ten lists for one shopper, in ``lists``; or one, with the fields of a list beside the others.

    ``user_id`` and ``session_id`` are those of interactions. Neither need be known: the answer says what was
    given instead.
    """

    model_config = ConfigDict(extra="forbid")

    collection: str | None = Field(
        default=None, max_length=63, description="omit where the lake has only one"
    )
    user_id: ShopperId | None = None
    session_id: ShopperId | None = None
    lists: Annotated[list[WantedList], Field(min_length=1, max_length=MAX_LISTS)] | None = None
    kind: Kind | None = Field(default=None, description="of the only list, in place of lists")
    product_ids: ProductIds | None = Field(default=None, description="likewise")
    limit: int | None = Field(default=None, ge=1, le=MAX_LIMIT, description="likewise")
    filters: Filters | None = Field(default=None, description="likewise")
    filter: Condition | None = Field(default=None, description="likewise")
    exclude: Exclude = Field(default_factory=Exclude)
    diversity: Share | None = Field(
        default=None,
        description="how far a list avoids products like those before them (maximal marginal relevance),"
        " 0 not at all; unless given 0.3 where it is about a shopper or everybody, 0 where about a product",
    )
    explore: Share | None = Field(
        default=None,
        description="the share of a list's places, after the first, that goes to products that few have been"
        " shown yet; unless given 0.1 where a list is about a shopper or everybody, else 0",
    )
    explain: bool = Field(default=True, description="false leaves out why")
    lang: Language = Field(default="en", description="of the texts of why and fallback")

    @model_validator(mode="after")
    def _one_way(self) -> RecommendationsRequest:
        if (self.lists is None) == (self.kind is None):
            raise ValueError("give either lists or kind")
        alone = [self.product_ids, self.limit, self.filters, self.filter]
        if self.lists is not None and any(value is not None for value in alone):
            raise ValueError("product_ids, limit, filters and filter go into lists where these are given")
        return self

    @cached_property
    def wanted(self) -> list[WantedList]:
        """The lists that are asked for, whichever way."""
        if self.lists is not None:
            return self.lists
        assert self.kind is not None
        return [
            WantedList(
                kind=self.kind,
                product_ids=self.product_ids,
                limit=10 if self.limit is None else self.limit,
                filters=self.filters or Filters(),
                filter=self.filter,
            )
        ]


class Why(BaseModel):
    """One part of an item's score."""

    reason: str = Field(
        description="a code: viewed, also-viewed, trending …; docs/recommendations.md lists them"
    )
    product_id: str | None = Field(default=None, description="the product that it comes from, where one does")
    text: str = Field(description="for people, as in 'because you viewed Red running shoe'")
    part: float = Field(description="what it adds to the score")


class Recommended(Hit):
    """One product of a list, with the fields of a search's hit. Lists are in the order to be shown, which
    with ``diversity`` or ``explore`` is not that of the scores; these compare within a list alone."""

    interest: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="how probably the shopper is interested, of for_you and session, where a ranker says so",
    )
    why: list[Why] = Field(default_factory=list, description="the parts of the score; they sum to it")
    explored: bool = Field(default=False, description="shown to learn of it rather than by its score")
    sponsored: bool = Field(default=False, description="its place is paid for")


class RecommendedList(BaseModel):
    """The answer to one list."""

    kind: Kind
    name: str
    fallback: str | None = Field(
        default=None,
        description="what was given instead of what was asked for, and why; null where nothing was",
    )
    query_id: str | None = Field(
        default=None,
        description="where an item is sponsored: to be sent in the context of the list's events, which pay by"
        " it",
    )
    items: list[Recommended]


class RecommendationsResponse(BaseModel):
    """Lists in the order of the request. No product, nor two variants of one, is in it twice: an earlier list
    takes it from a later one."""

    collection: str
    version: str = Field(description="the live version that answered")
    model: str | None = Field(default=None, description="the learnt model that took part, and its revision")
    lists: list[RecommendedList]
    took_ms: float
