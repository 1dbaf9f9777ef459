"""Search requests and responses: the HTTP API's bodies and the CLI's."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
# As interactions name them; half a surrogate pair, which JSON can spell, is refused.
ShopperId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Values = Annotated[list[ShortText], Field(min_length=1, max_length=100)]
Sort = Literal["relevance", "price_asc", "price_desc"]


class MediaInput(BaseModel):
    """A medium sent with a request: exactly one of base64 ``data`` or an address."""

    model_config = ConfigDict(extra="forbid")

    data: str | None = Field(default=None, description="base64 of the file's bytes")
    uri: str | None = Field(
        default=None, max_length=2_000, description="https:// on an allowed host, or data:"
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> MediaInput:
        if (self.data is None) == (self.uri is None):
            raise ValueError("give exactly one of data and uri")
        return self


class PriceRange(BaseModel):
    """Inclusive bounds of what a shopper pays now (the sale price while a sale runs), in the collection's own
    currency."""

    model_config = ConfigDict(extra="forbid")

    gte: Decimal | None = Field(default=None, ge=0)
    lte: Decimal | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> PriceRange:
        if self.gte is not None and self.lte is not None and self.gte > self.lte:
            raise ValueError("gte must not exceed lte")
        return self


class Filters(BaseModel):
    """All given fields must hold; within one field any of the values may. Comparison ignores case.

    ``category`` matches a whole path, any ancestor of it (``Clothing``), or any label of it (``Dresses``).
    """

    model_config = ConfigDict(extra="forbid")

    price: PriceRange | None = None
    brand: Values | None = None
    category: Values | None = None
    availability: Values | None = None
    color: Values | None = None
    size: Values | None = None
    gender: Values | None = None
    age_group: Values | None = None
    material: Values | None = None
    pattern: Values | None = None
    condition: Values | None = None
    attributes: dict[ShortText, Values] = Field(default_factory=dict, max_length=20)


class Weights(BaseModel):
    """How much each part of a mixed query counts; the given parts are normalised to sum to 1."""

    model_config = ConfigDict(extra="forbid")

    text: float = Field(default=1.0, ge=0, le=10)
    image: float = Field(default=1.0, ge=0, le=10)
    audio: float = Field(default=1.0, ge=0, le=10)
    video: float = Field(default=1.0, ge=0, le=10)


class SearchRequest(BaseModel):
    """Any mix of text, image, audio and video; none of them browses the filtered catalogue."""

    model_config = ConfigDict(extra="forbid")

    collection: str | None = Field(
        default=None, max_length=63, description="omit where the lake has only one"
    )
    text: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000)] | None = None
    image: MediaInput | None = None
    audio: MediaInput | None = None
    video: MediaInput | None = None
    audio_as: Literal["auto", "speech", "sound"] = Field(
        default="auto",
        description="speech: the recording's words are the query, and a recording without any is refused;"
        " sound: what it sounds like is; auto: its words where some are understood that the catalogue knows,"
        " else its sound",
    )
    weights: Weights = Field(default_factory=Weights)
    filters: Filters = Field(default_factory=Filters)
    facets: list[ShortText] = Field(default_factory=list, max_length=20)
    sort: Sort = Field(
        default="relevance",
        description="relevance: best match first, without a query by id; price_asc and price_desc: by what a"
        " shopper pays now, products without a price in the collection's own currency last",
    )
    limit: int = Field(default=20, ge=1, le=100)
    cursor: str | None = Field(default=None, max_length=16_000)
    explain: bool = True
    user_id: ShopperId | None = Field(
        default=None, description="who asks, as interactions name them: the order leans to their taste"
    )
    session_id: ShopperId | None = Field(
        default=None, description="the same for a shopper who is not known: what this session did"
    )
    personalise: bool = Field(
        default=True, description="false: the order is everybody's, whoever is named; browsing always is"
    )


class ScoreSplit(BaseModel):
    """The parts of one hit's score; they sum to ``score``. ``lexical`` is the full-text part, the others are
    the fused vector's part split by the modality of the product that earned it, and ``taste`` the shopper's,
    present where the search was personalised."""

    lexical: float = 0.0
    text: float = 0.0
    image: float = 0.0
    audio: float = 0.0
    video: float = 0.0
    taste: float = Field(default=0.0, description="what the shopper's taste adds; at most a small share")


class Hit(BaseModel):
    """One product of a result page."""

    id: str
    score: float
    title: str
    brand: str | None = None
    category: str | None = None
    price: str | None = Field(
        default=None, description="what a shopper pays now, as in 19.99 USD: the sale price while a sale runs"
    )
    list_price: str | None = Field(
        default=None,
        description="the price without the sale, as in 29.99 USD; only while a sale runs, else null",
    )
    availability: str
    color: str | None = None
    image_link: str | None = None
    link: str | None = None
    item_group_id: str | None = None
    transcript: str | None = Field(default=None, description="what is said in the product's recording")
    video_second: float | None = Field(
        default=None,
        ge=0,
        description="where the product's clip is most like the query, in seconds from its start (the time of"
        " the nearest of the frames sampled from it); null for a product without a clip, and for a query"
        " without words that the model knows and without a medium",
    )
    scores: ScoreSplit | None = None


class FacetCount(BaseModel):
    """How many of the matching products carry one value."""

    value: str
    count: int


class HeardWord(BaseModel):
    """One word of a spoken query, and when it was said."""

    word: str
    start: float = Field(description="seconds into the recording")
    end: float


class Heard(BaseModel):
    """What was understood of a spoken query, and searched for. To correct it, send the same request with
    ``text`` in place of ``audio``."""

    text: str
    confidence: float = Field(ge=0, le=1)
    language: str | None = None
    words: list[HeardWord] = Field(default_factory=list, description="on the first page only")


class WordChange(BaseModel):
    """A word of the query, and what it was looked for as."""

    asked: str
    found: str


class WordMatch(BaseModel):
    """How full text matched: every match that it found holds at least ``required`` of the query's ``asked``
    distinct words. Fewer than asked where no product under the filters holds them all."""

    asked: int
    required: int = Field(description="0 where no product holds any of them")
    corrected: list[WordChange] = Field(
        default_factory=list,
        description="words that no product holds, and the catalogue's words that they were taken for",
    )
    replaced: list[WordChange] = Field(
        default_factory=list,
        description="words that no product holds, and the other words for the same that were found",
    )


class SearchResponse(BaseModel):
    """One page. ``total``, ``facets`` and paging all speak of the same set of matches in the same version:
    under the filters, the products that full text matches together with the nearest by vector.

    Prices are those of the moment of the page: a sale that begins or ends between two pages of a search
    with a price filter changes what it matches.
    """

    collection: str
    version: str = Field(description="the live version that answered")
    version_changed: bool = Field(
        default=False,
        description="the pages before came from another version; products that have not changed since are"
        " neither skipped nor repeated",
    )
    partial: bool = Field(
        default=False,
        description="part of a large collection did not answer: its products are missing from this page,"
        " total and facets",
    )
    personalised: bool = Field(
        default=False,
        description="the order leans to the taste of the shopper who was named; false also where nothing is"
        " known of them yet, and where the collection is split among shards",
    )
    total: int
    words: WordMatch | None = Field(default=None, description="null without words")
    hits: list[Hit]
    facets: dict[str, list[FacetCount]] = Field(default_factory=dict)
    next_cursor: str | None = None
    heard: Heard | None = Field(
        default=None, description="the words of the recording where they were searched for, else null"
    )
    took_ms: float
