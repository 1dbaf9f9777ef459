"""What the assistant asks of a catalogue, and of its reviews. Whoever answers turns brings these along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from pydantic_core import from_json

if TYPE_CHECKING:
    from mmpipe.schemas.product import PublicProduct
    from mmpipe.schemas.search import SearchRequest
    from mmpipe.search.find.meaning import Meaning

# A turn asks no more of the engine.
MOST_SEARCHES: Final = 4


@dataclass(frozen=True, slots=True)
class Hit:
    """A product that a search found; ``lexical`` is what its words earned."""

    id: str
    lexical: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found; of ``asked`` words every match of full text has ``required``."""

    hits: tuple[Hit, ...] = ()
    asked: int = 0
    required: int = 0


@dataclass(frozen=True, slots=True)
class ReviewSentence:
    """A sentence of a review as it was written; ``opinions`` are what it speaks of, and whether well."""

    review_id: str
    text: str
    opinions: Mapping[str, bool] = field(default_factory=dict)


class Reviews(Protocol):
    """The reviews of a collection."""

    async def sentences(self, product_id: str, most: int) -> Sequence[ReviewSentence]:
        """Sentences of a product's reviews, the newest first; none of a product without."""


class NoReviews:
    """A collection without reviews."""

    async def sentences(self, product_id: str, most: int) -> Sequence[ReviewSentence]:
        """See :class:`Reviews`."""
        return ()


class Shop(Protocol):
    """One live version of a catalogue."""

    async def meaning(self, text: str) -> Meaning | None:
        """What words say of prices and of the catalogue's values."""

    async def search(self, request: SearchRequest) -> Found:
        """The matches of a request, best first; pictures that came with the turn are looked for too."""

    async def products(self, ids: Sequence[str]) -> list[PublicProduct]:
        """What is public of those that are still there, in the order of ``ids``."""


@dataclass
class Bounded:
    """A shop that is searched at most :data:`MOST_SEARCHES` times, and each text understood once; what is
    asked beyond finds nothing."""

    shop: Shop
    searches: int = 0
    _understood: dict[str, Meaning | None] = field(default_factory=dict)

    async def meaning(self, text: str) -> Meaning | None:
        """See :class:`Shop`."""
        if text not in self._understood:
            if len(self._understood) >= 4 * MOST_SEARCHES:
                return None
            self._understood[text] = await self.shop.meaning(text)
        return self._understood[text]

    async def search(self, request: SearchRequest) -> Found:
        """See :class:`Shop`."""
        if self.searches >= MOST_SEARCHES:
            return Found()
        self.searches += 1
        return await self.shop.search(request)

    async def products(self, ids: Sequence[str]) -> list[PublicProduct]:
        """See :class:`Shop`."""
        return await self.shop.products(ids) if ids else []


def found_of(body: bytes) -> Found:
    """What a search found, of a :class:`~mmpipe.schemas.search.SearchResponse` as JSON."""
    answer = from_json(body)
    said = answer["words"] or {"asked": 0, "required": 0}
    hits = tuple(Hit(hit["id"], hit["scores"]["lexical"]) for hit in answer["hits"])
    return Found(hits, said["asked"], said["required"])
