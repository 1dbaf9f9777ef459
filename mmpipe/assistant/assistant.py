"""One turn of a conversation, start to end: read → look up → claims → words, and the state that follows."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mmpipe.assistant import (
    checked,
    evidence,
    wishes,
)
from mmpipe.assistant.checked import LanguageModel, Worded, WordingRefused
from mmpipe.assistant.language import language_of
from mmpipe.assistant.outcome import Outcome
from mmpipe.assistant.shop import Bounded
from mmpipe.assistant.state import opened
from mmpipe.assistant.work import Work
from mmpipe.schemas.assistant import (
    AssistantResponse,
    ShownProduct,
)

if TYPE_CHECKING:
    from mmpipe.assistant.language import Language
    from mmpipe.assistant.shop import Reviews, Shop
    from mmpipe.schemas.assistant import AssistantRequest
    from mmpipe.schemas.product import PublicProduct
    from mmpipe.schemas.search import Heard


class Assistant:
    """Answers turns from one version of a catalogue; without state of its own."""

    def __init__(
        self,
        shop: Shop,
        reviews: Reviews,
        collection: str,
        version: str,
        model: LanguageModel | None = None,
    ) -> None:
        self._shop, self._reviews, self._model = shop, reviews, model
        self._collection, self._version = collection, version

    async def answer(
        self, request: AssistantRequest, *, said: str | None = None, heard: Heard | None = None,
        picture: bool = False,
    ) -> AssistantResponse:  # fmt: skip
        """The answer to a turn. ``said`` are its words where they were heard, ``picture`` whether one came
        with it, which the shop's searches go by then. Raises :class:`~mmpipe.errors.InvalidRequest` for a
        state that is none."""
        begun = time.perf_counter()
        state = opened(request.state, self._collection)
        text = (said if said is not None else request.text or "").strip()
        language = request.language or language_of(text, state.language)
        shop = Bounded(self._shop)
        work = Work(shop, self._reviews, state.model_copy(update={"language": language}), language)
        found = await work.do(text, request.limit, picture=picture)
        worded, refused = await self._worded(text, language, found)
        return AssistantResponse(
            collection=self._collection,
            version=self._version,
            language=language,
            kind=found.kind,
            text=found.draft.text if worded is None else worded.text,
            claims=found.draft.claims if worded is None else worded.claims,
            products=[_shown(each, language) for each in found.products],
            comparison=found.rows,
            question=found.question,
            declined=found.declined,
            wishes=wishes.told(found.state.wishes),
            relaxed=list(found.relaxed),
            heard=heard,
            worded_by="templates" if worded is None else "model",
            wording_refused=refused,
            searches=shop.searches,
            state=found.state.token(),
            took_ms=round(1e3 * (time.perf_counter() - begun), 3),
        )

    async def _worded(
        self, asked: str, language: Language, found: Outcome
    ) -> tuple[Worded | None, str | None]:
        """The answer in a model's words, and why not."""
        if self._model is None or not checked.may_be_worded(found):
            return None, None
        try:
            sentences = await self._model.sentences(asked, language, found.draft.claims)
            return checked.accepted(sentences, found.draft.claims, language, found.tail), None
        except WordingRefused as refused:
            return None, str(refused)


def _shown(product: PublicProduct, language: Language) -> ShownProduct:
    paid = product.effective_price(datetime.now(UTC))
    return ShownProduct(
        id=product.id,
        title=evidence.title(product, language).value,
        price=None if paid is None else str(paid),
        availability=product.availability,
        image_link=product.image_link,
        link=product.link,
    )
