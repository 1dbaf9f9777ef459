"""A small shop and its shoppers, for tests of lists."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from mmpipe.recommend import Knowledge, Lists
from mmpipe.recommend.behaviour import Behaviour, Shopper
from mmpipe.recommend.signals import Recommender
from mmpipe.schemas.product import Product
from mmpipe.schemas.recommend import RecommendationsRequest, RecommendationsResponse
from mmpipe.search.versions.version import Version
from tests.unit.recommend.behaviour.shoppers import NOW, Event, table
from tests.unit.search import catalogues

HOUR = 3_600.0
DAY = 86_400.0
COLORS = ("red", "green", "blue", "black")
KINDS = {
    "shoe": "Clothing > Shoes",
    "hat": "Clothing > Hats",
    "bag": "Accessories > Bags",
    "lamp": "Home > Lamps",
}
PER_COLOR = 3


def products() -> list[Product]:
    """48 products: four kinds in four colours, three of each; the third of each is sold out. Red shoes are
    variants of one another, and so are red hats, but for the sold out ones."""
    return [
        _product(kind, category, color, n)
        for kind, category in KINDS.items()
        for color in COLORS
        for n in range(PER_COLOR)
    ]


def _product(kind: str, category: str, color: str, n: int) -> Product:
    in_group = color == "red" and kind in ("shoe", "hat") and n < 2
    return catalogues.product(
        f"{color}-{kind}-{n}",
        f"{color} {kind} number {n}",
        price=f"{10 + 4 * n}.00",
        product_type=category,
        color=color,
        brand=("Acme", "Orbit")[n % 2],
        availability="out_of_stock" if n == 2 else "in_stock",
        item_group_id=f"group-{kind}" if in_group else None,
        image_link=f"https://shop.example/{color}-{kind}-{n}.jpg",
    )


def stocked(folder: Path, items: Sequence[Product] | None = None) -> Version:
    """The version of a table of ``items``, :func:`products` unless given."""
    rows = catalogues.rows_of(products() if items is None else items)
    place = rows.schema.get_field_index("added_at")
    rows = rows.set_column(place, "added_at", pa.nulls(len(rows), rows.schema.field(place).type))
    return catalogues.version(catalogues.create(folder / "products_t.lance", rows))


def did(name: str, kind: str, item: str | None, *, ago: float = HOUR, session: str | None = None) -> Event:
    """Something that somebody did so many seconds ago; ``name`` is a user, empty for a session alone."""
    number = f"{name}-{session}-{kind}-{item}-{ago}"
    return Event(number, kind, item, user=name or None, session=session, time=NOW - ago)


def crowd() -> list[Event]:
    """Twelve shoppers: the even ones view and buy red shoes with black hats, the odd ones blue bags with
    green lamps; all of them look at one popular lamp, yesterday."""
    events = []
    for n in range(12):
        first, second = (("red-shoe-0", "black-hat-0"), ("blue-bag-0", "green-lamp-0"))[n % 2]
        who = f"u{n}"
        for item in (first, second):
            events.append(did(who, "view", item, ago=3 * DAY + n))
            events.append(did(who, "purchase", item, ago=3 * DAY - n))
        events.append(did(who, "view", "blue-lamp-1", ago=DAY + n))
    return events


@dataclass
class Shop:
    """A version, its behaviour and the lists of both."""

    version: Version
    behaviour: Behaviour | None
    lists: Lists
    model: Recommender | None = None
    now: float = NOW

    @classmethod
    def of(cls, version: Version, events: Sequence[Event] = ()) -> Shop:
        behaviour = Behaviour(clock=lambda: NOW)
        if events:
            behaviour.add(table(events))
        return cls(version, behaviour, Lists())

    def ask(
        self, user: str | None = None, session: str | None = None, **request: Any
    ) -> RecommendationsResponse:
        """The answer to a request; ``user`` and ``session`` are pseudonyms."""
        return RecommendationsResponse.model_validate_json(self.ask_json(user, session, **request))

    def ask_json(self, user: str | None = None, session: str | None = None, **request: Any) -> bytes:
        asked = RecommendationsRequest.model_validate_json(json.dumps(request))
        shopper = None if user is None and session is None else Shopper(user, session)
        return self.lists.answer_json(
            self.version, asked, shopper, Knowledge(self.behaviour, self.model, self.now)
        )

    def ids(
        self, kind: str, user: str | None = None, session: str | None = None, **request: Any
    ) -> list[str]:
        """The products of one list."""
        (found,) = self.ask(user, session, kind=kind, **request).lists
        return [item.id for item in found.items]
