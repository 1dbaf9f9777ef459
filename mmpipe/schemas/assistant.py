"""Turns of a conversation with the shopping assistant, and its answers."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mmpipe.schemas.search import Heard, ImageInput, MediaInput

MAX_TEXT: Final = 500
MAX_STATE: Final = 8_000
MAX_SHOWN: Final = 10
AnswerKind = Literal["find", "compare", "attribute", "reviews", "ask", "decline", "smalltalk"]


class AssistantRequest(BaseModel):
    """One turn: words, a spoken turn, a picture, or a picture with words."""

    model_config = ConfigDict(extra="forbid")

    collection: str | None = Field(
        default=None, max_length=63, description="omit where the lake has only one"
    )
    text: Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_TEXT)] | None = None
    audio: MediaInput | None = Field(default=None, description="a recording whose words are the turn")
    image: ImageInput | None = Field(default=None, description="something like this is looked for")
    state: Annotated[str, StringConstraints(max_length=MAX_STATE)] | None = Field(
        default=None, description="`state` of the answer before; without one a conversation begins"
    )
    language: Literal["en", "zh"] | None = Field(
        default=None, description="of the answer; as the turn is written where omitted"
    )
    limit: int = Field(default=3, ge=1, le=MAX_SHOWN, description="products to show at most")


class Claim(BaseModel):
    """What an answer says of a product, and the words of the catalogue that it stands on: ``value`` is in
    ``text`` from ``start`` to ``end``, and in ``quote``, which is a part of the product's ``field``."""

    id: str
    product_id: str
    field: str = Field(
        description="of the product: title, price, attributes.weight, translations.zh.description,"
        " reviews.ID of one of its reviews, and so on"
    )
    quote: str
    value: str
    start: int = Field(description="in characters")
    end: int


class ShownProduct(BaseModel):
    """A product that an answer is about, in the order in which shoppers may name it."""

    id: str
    title: str = Field(description="in the language of the answer where the catalogue has it")
    price: str | None = Field(default=None, description="what a shopper pays now")
    availability: str
    image_link: str | None = None
    link: str | None = None


class ComparedRow(BaseModel):
    """What products say of one thing: ``claims`` by product id, without those that say nothing."""

    aspect: str
    name: str = Field(description="of the aspect, in the language of the answer")
    claims: dict[str, str] = Field(description="ids of claims by product id")
    winner: str | None = Field(
        default=None, description="where one was asked for: which product has the least or the most of it"
    )


class Asked(BaseModel):
    """What the assistant would like to know; the next turn may answer it or not."""

    slot: Literal["size", "budget", "product"]
    options: list[str] = Field(default_factory=list, description="the catalogue's own values")


class Wish(BaseModel):
    """What is looked for or not wanted, as the conversation has it so far."""

    field: str
    values: list[str] = Field(default_factory=list)
    wanted: bool = True
    gte: str | None = None
    lte: str | None = None


class AssistantResponse(BaseModel):
    """An answer. All that it says of products is in ``claims``; the rest is the service's own words."""

    collection: str
    version: str
    language: Literal["en", "zh"]
    kind: AnswerKind
    text: str
    claims: list[Claim]
    products: list[ShownProduct]
    comparison: list[ComparedRow] = Field(default_factory=list)
    question: Asked | None = None
    declined: str | None = Field(
        default=None,
        description="why there is no answer: not_said, off_topic, nothing_found, no_product, no_reviews",
    )
    wishes: list[Wish] = Field(default_factory=list)
    relaxed: list[str] = Field(
        default_factory=list,
        description="what was left out, since with it nothing was found; a value behind the name of its"
        " field, which is in the language of the answer",
    )
    heard: Heard | None = None
    worded_by: Literal["templates", "model"] = "templates"
    wording_refused: str | None = Field(
        default=None, description="why a model's wording was not taken, where one was asked for"
    )
    query_id: str | None = Field(
        default=None, description="of the search that found what is shown; events of it name it"
    )
    searches: int = Field(description="that this turn took")
    state: str = Field(description="to be sent with the next turn")
    took_ms: float
