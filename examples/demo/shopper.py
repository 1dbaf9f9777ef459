"""A shopper who clicks three products: what was recommended before, what is a moment later, and why."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from examples.catalogue.products import SampleProduct
from mmpipe.client import Client
from mmpipe.schemas.recommend import Recommended

CLICKS = 3
ITEMS = 8
_POLL_SECONDS = 0.02
# A click counts on every replica within a second; the rest is for a machine with much else to do.
_WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ShopperOutcome:
    """Lists of one kind for somebody new, before and after ``clicked`` were viewed in one visit.

    ``fallback`` says what the list before was, ``seconds`` how long after the clicks were accepted the list
    had changed; None where it never did.
    """

    clicked: tuple[SampleProduct, ...]
    fallback: str | None
    before: tuple[Recommended, ...]
    after: tuple[Recommended, ...]
    seconds: float | None

    @property
    def category(self) -> str:
        """What the shopper looked at."""
        return self.clicked[0].category

    def trouble(self) -> list[str]:
        """Everything that is not as it should be."""
        if self.seconds is None:
            return [f"recommendations were the same {_WAIT_SECONDS:.0f} s after {len(self.clicked)} clicks"]
        found = []
        groups = {product.item_group_id for product in self.clicked}
        if any(item.item_group_id in groups for item in self.after):
            found.append("what the shopper has seen was recommended")
        if not any(why.product_id for item in self.after for why in item.why):
            found.append("no recommendation says which click it comes from")
        return found

    def to_json(self, categories: dict[str, str]) -> dict[str, Any]:
        """The entry of the report; ``categories`` are those of products by id."""

        def alike(items: Sequence[Recommended]) -> int:
            return sum(categories.get(item.id) == self.category for item in items)

        return {
            "clicked": [product.id for product in self.clicked],
            "category": self.category,
            "of_category_before": alike(self.before),
            "of_category_after": alike(self.after),
            "seconds": None if self.seconds is None else round(self.seconds, 2),
            "why": [why.text for why in self.after[0].why] if self.after else [],
        }


def clicked_products(products: Sequence[SampleProduct]) -> tuple[SampleProduct, ...]:
    """Three designs of one category in one colour, the one that has most of them; the first of equals."""
    designs: dict[tuple[str, str], dict[str, SampleProduct]] = {}
    for product in products:
        if product.availability == "in_stock":
            designs.setdefault((product.category, product.colour), {}).setdefault(
                product.item_group_id, product
            )
    (best, _), *_ = Counter({key: len(found) for key, found in designs.items()}).most_common(1)
    return tuple(designs[best].values())[:CLICKS]


def click_three(shop: Client, collection: str, products: Sequence[SampleProduct]) -> ShopperOutcome:
    """Ask, click, ask again until the answer is another one. Raises :class:`MmpipeError`."""
    visit = f"demo-{uuid.uuid4()}"
    clicked = clicked_products(products)

    def asked() -> tuple[tuple[Recommended, ...], str | None]:
        (only,) = shop.recommend("for_you", collection=collection, session_id=visit, limit=ITEMS).lists
        return tuple(only.items), only.fallback

    before, fallback = asked()
    events = [
        {"type": "view", "event_id": f"{visit}-{n}", "session_id": visit, "product_id": product.id}
        for n, product in enumerate(clicked)
    ]
    shop.interact(*events, collection=collection)
    began = time.monotonic()
    while True:
        after, _ = asked()
        waited = time.monotonic() - began
        if [item.id for item in after] != [item.id for item in before]:
            return ShopperOutcome(clicked, fallback, before, after, waited)
        if waited > _WAIT_SECONDS:
            return ShopperOutcome(clicked, fallback, before, after, None)
        time.sleep(_POLL_SECONDS)
