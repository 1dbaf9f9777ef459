"""Search requests and responses: the HTTP API's bodies and the CLI's."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from mmpipe.schemas.conditions import Condition
from mmpipe.schemas.review import ReviewPhoto


def _explain(given: object, info: ValidationInfo) -> bool | Literal["scores"]:
    if isinstance(given, bool) or given == "scores":
        return given if isinstance(given, bool) else "scores"
    # Query strings and forms hold no other type than text.
    if info.mode == "python" and given in ("true", "false"):
        return given == "true"
    raise ValueError("must be true, false or scores")


ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
# As interactions name them; half a surrogate pair, which JSON can spell, is refused.
ShopperId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Values = Annotated[list[ShortText], Field(min_length=1, max_length=100)]
Sort = Literal["relevance", "price_asc", "price_desc", "newest", "rating", "popularity"]
Fusion = Literal["early", "late", "hybrid"]
Meaning = Literal["filter", "boost", "off"]
Explain = Annotated[
    bool | Literal["scores"],
    PlainValidator(_explain),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"const": "scores"}]}),
]
ProductId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Edge = Annotated[float, Field(ge=0, le=1)]


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


class ImageInput(MediaInput):
    """A picture, or a part of it."""

    crop: tuple[Edge, Edge, Edge, Edge] | None = Field(
        default=None,
        description="only this box is looked at: left, top, right, bottom, as parts of the upright picture's"
        " width and height",
    )

    @model_validator(mode="after")
    def _box(self) -> ImageInput:
        if self.crop is not None and not (self.crop[0] < self.crop[2] and self.crop[1] < self.crop[3]):
            raise ValueError("crop must be left < right and top < bottom")
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
    like: float = Field(default=1.0, ge=0, le=10)


class Unlike(BaseModel):
    """What is not wanted: nothing found is to be like it. A product that says all words of ``text`` is no
    match."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] | None = None
    image: ImageInput | None = None
    like: list[ProductId] = Field(default_factory=list, max_length=10, description="ids of products")

    @model_validator(mode="after")
    def _something(self) -> Unlike:
        if not (self.text or self.image or self.like):
            raise ValueError("name what is not wanted: text, image or like")
        return self


class Boost(BaseModel):
    """Matches under ``filter`` gain, or lose, a share of the span of scores."""

    model_config = ConfigDict(extra="forbid")

    filter: Condition
    weight: float = Field(ge=-1, le=1, description="share of the span of scores; below 0 they lose it")


class Bounds(BaseModel):
    """A range of numbers: from ``gte`` on, until just below ``lt``; open where one is left out."""

    model_config = ConfigDict(extra="forbid")

    gte: float | None = Field(default=None, allow_inf_nan=False)
    lt: float | None = Field(default=None, allow_inf_nan=False)


class Facet(BaseModel):
    """What to count of one field."""

    model_config = ConfigDict(extra="forbid")

    field: ShortText
    limit: int = Field(default=50, ge=1, le=1_000, description="values at most")
    order: Literal["count", "value"] = Field(default="count", description="commonest first, or by value")
    search: ShortText | None = Field(
        default=None, description="only values with a word that begins like each of these"
    )
    under: ShortText | None = Field(default=None, description="of category: only what is below this path")
    depth: int | None = Field(
        default=None, ge=1, le=10, description="of category: so many levels (below `under`, where given)"
    )
    ranges: list[Bounds] = Field(
        default_factory=list, max_length=50, description="of a number: counts of these ranges"
    )
    buckets: int | None = Field(
        default=None, ge=1, le=100, description="of a number: a histogram of so many equal steps"
    )
    stats: bool = Field(default=False, description="of a number: min, max and avg, in `facet_stats`")
    disjunctive: bool = Field(
        default=True,
        description="the filter on the field itself does not count for it, so that the values beside the"
        " chosen ones keep their numbers",
    )


def _facet(given: object) -> object:
    return {"field": given} if isinstance(given, str) else given


class SearchRequest(BaseModel):
    """Any mix of text, image, audio and video; none of them browses the filtered catalogue."""

    model_config = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=True)

    collection: str | None = Field(
        default=None, max_length=63, description="omit where the lake has only one"
    )
    text: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000)] | None = None
    image: ImageInput | None = None
    audio: MediaInput | None = None
    video: MediaInput | None = None
    like: list[ProductId] = Field(
        default_factory=list, max_length=10, description="ids of products that what is looked for is like"
    )
    unlike: Unlike | None = Field(default=None, alias="not", description="what is not wanted")
    audio_as: Literal["auto", "speech", "sound"] = Field(
        default="auto",
        description="speech: the recording's words are the query, and a recording without any is refused;"
        " sound: what it sounds like is; auto: its words where some are understood that the catalogue knows,"
        " else its sound",
    )
    weights: Weights | None = Field(
        default=None, description="omit it and they follow the query; parts that are left out weigh 1"
    )
    fusion: Fusion | None = Field(
        default=None,
        description="search by one fused vector, by scores per modality, or find by the one and score by the"
        " other; as the service is set where omitted",
    )
    understand: Meaning | None = Field(
        default=None,
        description="what the words say of price, brand, colour and the like becomes a filter, lifts what has"
        " it (a price is a filter even so), or is words alone; as the service is set where omitted",
    )
    filters: Filters = Field(default_factory=Filters)
    filter: Condition | None = Field(default=None, description="holds beside `filters`")
    boosts: list[Boost] = Field(default_factory=list, max_length=10)
    facets: list[Annotated[Facet, BeforeValidator(_facet)]] = Field(
        default_factory=list, max_length=20, description="fields to count, by name or with what to count"
    )
    sort: Sort = Field(
        default="relevance",
        description="relevance: best match first, without a query by id; price_asc and price_desc: by what a"
        " shopper pays now, products without a price in the collection's own currency last; newest: what was"
        " added last first; rating: best rated first; popularity: what shoppers chose most lately first",
    )
    collapse: bool = Field(
        default=False,
        description="of each `item_group_id` the best match alone, with what it stands for in `variants`;"
        " total, facets and pages then speak of groups",
    )
    diversity: float = Field(
        default=0.0, ge=0, le=1, description="above 0: of what is alike the first pages show less"
    )
    rerank: bool | None = Field(
        default=None,
        description="judge the best matches again; as the service is set where omitted",
    )
    rules: bool = Field(default=True, description="false: no merchandising rule takes part")
    context: dict[ShortText, ShortText] = Field(
        default_factory=dict, max_length=10, description="what rules may ask for, as in channel: app"
    )
    limit: int = Field(default=20, ge=1, le=100)
    cursor: str | None = Field(default=None, max_length=16_000)
    explain: Explain = Field(
        default="scores",
        description="scores: each hit's score by what earned it; true: also part by part and word by word,"
        " and the steps of the search; false: neither",
    )
    fields: list[ShortText] = Field(
        default_factory=list,
        max_length=30,
        description="more of each product, by its names, as in description; in `fields` of a hit",
    )
    highlight: bool = Field(default=False, description="where the query's words stand in title and brand")
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
    present where the search was personalised. ``boosts`` and ``rules`` are what these add or take."""

    lexical: float = 0.0
    text: float = 0.0
    image: float = 0.0
    audio: float = 0.0
    video: float = 0.0
    taste: float = Field(default=0.0, description="what the shopper's taste adds; at most a small share")
    boosts: float = Field(default=0.0, description="what the request's boosts and its understood words add")
    rules: float = Field(default=0.0, description="what merchandising rules add or take")
    review_photo: float = Field(
        default=0.0,
        description="what the photo of a review adds that is more like the query's picture than the product's"
        " own; never below 0",
    )


class Contribution(BaseModel):
    """One part of a hit's score."""

    source: str = Field(description="a name of `scores`")
    value: float
    field: str | None = Field(default=None, description="of a word: the product's field that has most of it")
    asked: str | None = Field(default=None, description="the query's word")
    found: str | None = Field(default=None, description="what stands there, where that is another word")
    how: Literal["word", "joined", "synonym", "typo", "identifier"] | None = None
    rule: str | None = Field(default=None, description="the rule's name, or which boost")


class Swatch(BaseModel):
    """One variant of a group."""

    id: str
    color: str | None = None
    size: str | None = None
    image_link: str | None = None
    price: str | None = None
    availability: str


class Variants(BaseModel):
    """The living variants of a hit's group, the shown one among them."""

    count: int
    matching: int = Field(description="how many of them the search found")
    price_min: str | None = None
    price_max: str | None = None
    swatches: list[Swatch] = Field(description="one for each colour, the shown one first, 12 at most")


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
    rating: float | None = Field(default=None, description="of 5")
    rating_count: int | None = None
    scores: ScoreSplit | None = None
    explanation: list[Contribution] = Field(
        default_factory=list, description="with `explain`: the parts, by falling weight; they sum to score"
    )
    review_photo: ReviewPhoto | None = Field(
        default=None,
        description="the photo of a review that the product was found by, where one adds to its score",
    )
    variants: Variants | None = Field(default=None, description="with `collapse`, of a product with a group")
    highlights: dict[str, list[tuple[int, int]]] = Field(
        default_factory=dict,
        description="with `highlight`: by field where matched words begin and end, in characters",
    )
    fields: dict[str, Any] = Field(default_factory=dict, description="what the request's `fields` name")


class FacetCount(BaseModel):
    """How many of the matching products carry one value."""

    value: str
    count: int
    gte: float | None = Field(default=None, description="of a range: where it begins")
    lt: float | None = Field(default=None, description="of a range: it ends just below")


class FacetStats(BaseModel):
    """Of the numbers of one field: how many products have one, and what they are."""

    count: int
    min: float | None = None
    max: float | None = None
    avg: float | None = None


class UnderstoodPart(BaseModel):
    """A part of the query's text that says something of a field."""

    field: str
    value: str | None = Field(default=None, description="the catalogue's own value")
    gte: str | None = Field(default=None, description="of a price: at least")
    lte: str | None = Field(default=None, description="of a price: at most")
    currency: str | None = None
    start: int = Field(
        description="where it begins in the query's text without the blanks before it, in characters"
    )
    end: int
    applied: Literal["filter", "boost", "none"] = Field(
        description="none: a price in a currency that is not the collection's, which is not converted"
    )


class PlanStep(BaseModel):
    """One step of how a search was answered."""

    step: str
    ms: float
    detail: str | None = None


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
    query_id: str | None = Field(
        default=None,
        description="to be sent with the interactions that follow, so that clicks are counted",
    )
    total: int
    words: WordMatch | None = Field(default=None, description="null without words")
    hits: list[Hit]
    facets: dict[str, list[FacetCount]] = Field(default_factory=dict)
    facet_stats: dict[str, FacetStats] = Field(default_factory=dict)
    understood: list[UnderstoodPart] = Field(default_factory=list)
    did_you_mean: str | None = Field(
        default=None,
        description="the text that was searched, where words were taken for others",
    )
    relaxed: list[str] = Field(
        default_factory=list, description="what was left out, since with it nothing was found"
    )
    rules: list[str] = Field(default_factory=list, description="the merchandising rules that took part")
    redirect: str | None = Field(default=None, description="where a rule sends the shopper")
    banners: list[str] = Field(default_factory=list, description="what rules have to say beside the hits")
    reranked: bool | None = Field(
        default=None,
        description="of a first page: true where the best matches were judged again; false where they were to"
        " be, which took too long or told nothing: the first ranking stands",
    )
    plan: list[PlanStep] = Field(default_factory=list, description="with `explain`")
    next_cursor: str | None = None
    heard: Heard | None = Field(
        default=None, description="the words of the recording where they were searched for, else null"
    )
    took_ms: float
