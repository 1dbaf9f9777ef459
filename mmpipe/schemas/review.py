"""What shoppers wrote about products: reviews, what is said in them, and what they add up to.

A review's text is its author's: it is kept and answered as it is, as data, and nothing ever acts on it. Who
shows it has to escape it, as any text.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mmpipe.schemas.interaction import MAX_ID, PRINTABLE
from mmpipe.schemas.names import PRODUCT_ID_PATTERN

AspectName = Literal[
    "quality", "fit", "look", "comfort", "price", "delivery", "durability", "sound", "ease_of_use", "service"
]
ASPECTS: Final[tuple[AspectName, ...]] = get_args(AspectName)
MAX_TEXT: Final = 10_000
MAX_PHOTOS: Final = 10
MAX_QUOTE: Final = 300

ReviewId = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID, pattern=PRINTABLE)]
Link = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=PRINTABLE)]


class Opinion(BaseModel):
    """That a part of a review, ``text[start:end]``, speaks well or badly of an aspect."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    aspect: AspectName
    positive: bool
    start: int = Field(ge=0)
    end: int = Field(ge=0)


class Review(BaseModel):
    """One review as it was uploaded, or with ``deleted`` that it is taken back. ``user_id`` is whoever wrote
    it, as the shop knows them: it is kept as a pseudonym alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    product_id: str = Field(pattern=PRODUCT_ID_PATTERN.pattern, max_length=128)
    review_id: ReviewId | None = None
    rating: float | None = Field(default=None, ge=0, le=5, allow_inf_nan=False)
    text: str = Field(default="", max_length=MAX_TEXT)
    photos: tuple[Link, ...] = Field(default=(), max_length=MAX_PHOTOS)
    time: datetime | None = None
    language: str | None = Field(default=None, max_length=35)
    user_id: ReviewId | None = None
    deleted: bool = False


class Quote(BaseModel):
    """Words of a review, exactly as they stand there; text, whatever they look like."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    review_id: str


class AspectOpinions(BaseModel):
    """How many reviews speak well and badly of an aspect, and what some of them say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: AspectName
    positive: int
    negative: int
    quotes: list[Quote] = Field(default_factory=list)


class ReviewPhoto(BaseModel):
    """A photo that a review came with: ``GET /v1/products/{product_id}/reviews/photos/{photo}``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    review_id: str
    photo: str = Field(description="names it; the link itself is nobody's business")


class ProductReviews(BaseModel):
    """What the reviews of a product add up to. ``aspects`` by how often they are spoken of; ``summary`` are
    sentences of reviews, by what most of them speak of; ``photos`` those of the newest reviews first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    product_id: str
    count: int = Field(default=0, description="reviews")
    rating_count: int = Field(default=0, description="reviews that give a rating")
    rating: float | None = Field(default=None, description="mean of five; null where nobody rated")
    aspects: list[AspectOpinions] = Field(default_factory=list)
    summary: list[Quote] = Field(default_factory=list)
    photos: list[ReviewPhoto] = Field(default_factory=list)


class ReviewSentence(BaseModel):
    """A sentence of a review, with what it says of which aspects (true: it speaks well of it)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    review_id: str
    rating: float | None = None
    language: str | None = None
    opinions: dict[AspectName, bool] = Field(default_factory=dict)
