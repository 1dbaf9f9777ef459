"""A shop with bids, and replicas that sell its places."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.synchronize import Event

from mmpipe.errors import RetryableError
from mmpipe.objects import FolderStore, MemoryStore, ObjectStore
from mmpipe.recommend.sponsored import BidFile, PaidEvent, Sponsored
from mmpipe.recommend.sponsored.charges import Charges
from mmpipe.recommend.sponsored.ledger import Ledger
from mmpipe.recommend.sponsored.tickets import Tickets
from mmpipe.recommend.sponsored.wallet import Wallet
from mmpipe.settings import SponsoredSettings

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
TODAY = "2026-11-29"
KEY = b"k" * 32


@dataclass
class Shop:
    store: ObjectStore = field(default_factory=MemoryStore)
    uri: str = "memory://lake/shop"
    settings: SponsoredSettings = field(default_factory=lambda: SponsoredSettings(enabled=True, slots=2))
    now: datetime = NOW

    def bid(self, *bids: dict[str, object]) -> None:
        data = "\n".join(json.dumps({"daily_budget": "10 USD", **bid}) for bid in bids).encode()
        BidFile(self.store, self.uri).replace(data)

    @property
    def charges(self) -> Charges:
        return Charges(self.store, self.uri)

    @property
    def tickets(self) -> Tickets:
        return Tickets(KEY, "shop")

    def wallet(self) -> Wallet:
        return Wallet(Ledger(self.store, self.uri), self.settings.lease)

    def replica(self, *, worked: bool = True, clock: Callable[[], datetime] | None = None) -> Sponsored:
        made = Sponsored(
            self.settings,
            BidFile(self.store, self.uri),
            self.tickets,
            self.wallet(),
            self.charges,
            clock=clock or (lambda: self.now),
        )
        if worked:
            made.work()
        return made

    def spent(self, day: str = TODAY) -> int:
        return sum(charge.price for charge in self.charges.of_day(day))


def click(
    event_id: str, product_id: str, query_id: str, kind: str = "search-click", at: datetime = NOW
) -> PaidEvent:
    return PaidEvent(event_id, kind, product_id, query_id, at)


def spend(shop: Shop, query_ids: list[str], name: str, *, close: bool) -> int:
    """A replica that is told of a click on each; gives how many it charged."""
    replica = shop.replica()
    for number, query_id in enumerate(query_ids):
        replica.accepted([click(f"{name}-{number}", "a", query_id)])
        _work(replica)
    if close:
        replica.close()
    return replica.outcomes["charged"]


def spend_at(folder: str, query_ids: list[str], name: str, ready: Event) -> None:
    """The same for the shop in a folder, by a replica that is killed at the end."""
    ready.set()
    spend(Shop(FolderStore(folder), f"file://{folder}/shop"), query_ids, name, close=False)


def _work(replica: Sponsored) -> None:
    for _ in range(50):
        try:
            replica.work()
        except RetryableError:
            continue
        return
    raise AssertionError("the lake refused everything")
