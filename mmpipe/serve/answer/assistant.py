"""Turns of a conversation over the live versions: what the assistant asks of a catalogue, by this replica's
own searches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.assistant import Assistant, ReviewSentence
from mmpipe.assistant.shop import Found, found_of
from mmpipe.errors import InvalidRequest, UnknownProduct
from mmpipe.schemas.search import SearchRequest

if TYPE_CHECKING:
    from mmpipe.assistant import Reviews
    from mmpipe.assistant.checked import LanguageModel
    from mmpipe.schemas.assistant import AssistantRequest, AssistantResponse
    from mmpipe.schemas.product import PublicProduct
    from mmpipe.search.find.meaning import Meaning
    from mmpipe.serve.answer.query_encoder import Media
    from mmpipe.serve.answer.reviews import ReviewAnswers
    from mmpipe.serve.answer.source import LiveVersion
    from mmpipe.serve.answer.voice import SpokenQuery

# A search of a version with media, as JSON.
Search = Callable[["LiveVersion", SearchRequest, "Media"], Awaitable[bytes]]


@dataclass(frozen=True)
class LiveShop:
    """See :class:`~mmpipe.assistant.Shop`. Searches go by ``media`` too where any came with the turn."""

    version: LiveVersion
    find: Search
    media: Media

    async def meaning(self, text: str) -> Meaning | None:
        """See :class:`~mmpipe.assistant.Shop`."""
        return await self.version.meaning(SearchRequest(text=text, understand="filter"))

    async def search(self, request: SearchRequest) -> Found:
        """See :class:`~mmpipe.assistant.Shop`."""
        return found_of(await self.find(self.version, request, self.media))

    async def products(self, ids: Sequence[str]) -> list[PublicProduct]:
        """See :class:`~mmpipe.assistant.Shop`."""
        whole = self.version.whole
        if whole is None:
            found = await asyncio.gather(*map(self.version.product, ids), return_exceptions=True)
            return [_product(each) for each in found if not isinstance(each, UnknownProduct)]
        rows = np.array([row for each in ids if (row := whole.find(each)) is not None], np.int32)
        return await asyncio.to_thread(whole.products, rows)


@dataclass(frozen=True)
class LakeReviews:
    """See :class:`~mmpipe.assistant.Reviews`: those of the lake, read by a thread."""

    held: ReviewAnswers
    collection: str

    async def sentences(self, product_id: str, most: int) -> Sequence[ReviewSentence]:
        """See :class:`~mmpipe.assistant.Reviews`."""
        found = await self.held.sentences(self.collection, product_id, most)
        return [
            ReviewSentence(
                each.review_id, each.text, {str(name): well for name, well in each.opinions.items()}
            )
            for each in found
        ]


def _product(found: PublicProduct | BaseException) -> PublicProduct:
    if isinstance(found, BaseException):
        raise found
    return found


def as_search(request: AssistantRequest) -> SearchRequest:
    """What of a turn is media and words, as a search takes it: a recording is what is said. Raises
    :class:`InvalidRequest` for a turn that says nothing."""
    if not (request.text or request.audio or request.image):
        raise InvalidRequest("text", "is missing; say something, or send audio or an image")
    speech = "speech" if request.audio is not None else "auto"
    return SearchRequest(
        collection=request.collection,
        text=request.text or None,
        image=request.image,
        audio=request.audio,
        audio_as=speech,  # type: ignore[arg-type]
    )


async def answer(
    version: LiveVersion,
    request: AssistantRequest,
    spoken: SpokenQuery,
    find: Search,
    reviews: Reviews,
    model: LanguageModel | None = None,
) -> AssistantResponse:
    """The answer to a turn. Raises :class:`InvalidRequest` for a state that is none."""
    shop = LiveShop(version, find, spoken.media)
    assistant = Assistant(shop, reviews, version.collection, version.label, model)
    return await assistant.answer(
        request, said=spoken.request.text, heard=spoken.heard, picture="image" in spoken.media
    )
