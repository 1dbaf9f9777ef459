"""What was paid: one object per sold place that was clicked (or seen), written once.

``<lake>/<collection>/sponsored/charges/<day>/<digest>.json`` is made by a conditional write under the name of
the place, so a place is paid at most once, by whatever replica, however often it is clicked. A marker under
the name of the event, ``sponsored/events/<digest>``, keeps one event from paying for two places.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from mmpipe.errors import CommitConflict, ObjectNotFound, StorageUnavailable
from mmpipe.objects import ObjectTooLarge
from mmpipe.recommend.sponsored.tickets import is_current

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStore
    from mmpipe.recommend.sponsored.bids import Bids
    from mmpipe.recommend.sponsored.tickets import Ticket, Tickets
    from mmpipe.recommend.sponsored.wallet import Wallet

# ``unknown``: no sold place of this collection. ``exhausted``: the day's budget does not pay it any more.
Outcome = Literal["charged", "already", "unknown", "late", "exhausted"]
_MAX_BYTES: Final = 10_000
_READERS: Final = 16
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PaidEvent:
    """What of an interaction is looked at: its place's ticket is in ``query_id``."""

    event_id: str
    type: str
    product_id: str | None
    query_id: str | None
    received_at: datetime


class Charge(BaseModel):
    """One payment; ``price`` in millionths of ``currency``. ``event`` is a digest: who clicked is nowhere in
    it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    product_id: str
    price: int
    currency: str
    position: int
    query_id: str
    event: str
    sold_at: AwareDatetime
    charged_at: AwareDatetime
    nonce: str


class Charges:
    """The payments of one collection. Safe to share between threads."""

    def __init__(self, store: ObjectStore, collection_uri: str) -> None:
        self._store = store
        self._folder = f"{collection_uri}/sponsored"

    def exists(self, ticket: Ticket) -> bool:
        """Whether a place was paid."""
        try:
            self._store.stat(self._uri(ticket))
        except ObjectNotFound:
            return False
        return True

    def claim(self, event_id: str, ticket: Ticket) -> bool:
        """Let an event stand for a place; False where it stands for another one. Again it is the same."""
        uri = f"{self._folder}/events/{_digest(event_id)}"
        try:
            self._store.write(uri, ticket.digest.encode(), if_none_match=True)
        except CommitConflict:
            return self._store.read(uri, max_bytes=_MAX_BYTES)[0] == ticket.digest.encode()
        return True

    def write(self, ticket: Ticket, event_id: str, nonce: str, now: datetime) -> bool:
        """Record that a place is paid; False where another payment is there. With the same ``nonce`` it may
        be repeated."""
        place = ticket.placement
        charge = Charge(
            product_id=place.product_id,
            price=place.price,
            currency=place.currency,
            position=place.position,
            query_id=ticket.query_id,
            event=_digest(event_id),
            sold_at=ticket.made_at,
            charged_at=now,
            nonce=nonce,
        )
        uri = self._uri(ticket)
        try:
            self._store.write(uri, charge.model_dump_json().encode(), if_none_match=True)
        except CommitConflict:
            # It may be ours: of a write whose answer was lost.
            return self._read(uri).nonce == nonce
        return True

    def of_day(self, day: str) -> Iterator[Charge]:
        """The payments for the places of one UTC day."""
        found = [stat.uri for stat in self._store.list(f"{self._folder}/charges/{day}/")]
        with ThreadPoolExecutor(_READERS) as pool:
            yield from pool.map(self._read, found)

    def sweep(self, now: datetime, keep: timedelta) -> int:
        """Remove markers of events that are older than ``keep``; gives how many."""
        old = [s.uri for s in self._store.list(f"{self._folder}/events/") if s.last_modified < now - keep]
        for uri in old:
            self._store.delete(uri)
        return len(old)

    def _uri(self, ticket: Ticket) -> str:
        return f"{self._folder}/charges/{ticket.day}/{ticket.digest}.json"

    def _read(self, uri: str) -> Charge:
        try:
            return Charge.model_validate_json(self._store.read(uri, max_bytes=_MAX_BYTES)[0])
        except (ValidationError, ObjectTooLarge) as error:
            raise StorageUnavailable(f"{uri} is no charge: remove it") from error


class Cashier:
    """Charges events, of one collection and for one thread. Raises ``StorageUnavailable`` and
    ``CommitConflict``: the same event may be given again, and is not paid twice."""

    def __init__(
        self, tickets: Tickets, wallet: Wallet, charges: Charges, *, paid: str, valid_hours: float
    ) -> None:
        """``paid`` is the type of the events that cost something."""
        self._tickets = tickets
        self._wallet = wallet
        self._charges = charges
        self._paid = paid
        self._valid_hours = valid_hours
        # Places whose payment was begun and may have been written, with what was taken for them.
        self._pending: dict[str, str] = {}

    def charge(self, event: PaidEvent, bids: Bids, now: datetime) -> Outcome:
        """Let a product's budget pay for its place, once: what is not within the daily budget is free."""
        ticket = self._tickets.open(event.query_id, event.product_id)
        if ticket is None or event.type != self._paid:
            return "unknown"
        if not is_current(ticket, event.received_at, self._valid_hours):
            return "late"
        place = ticket.placement
        nonce = self._pending.get(ticket.digest)
        if nonce is None:
            if self._charges.exists(ticket) or not self._charges.claim(event.event_id, ticket):
                return "already"
            bid = bids.by_product.get(place.product_id)
            budget = 0 if bid is None else bid.daily_budget
            if not self._wallet.reserve(ticket.day, place.product_id, place.price, budget):
                return "exhausted"
            self._wallet.take(ticket.day, place.product_id, place.price)
            nonce = self._pending[ticket.digest] = secrets.token_hex(8)
        written = self._charges.write(ticket, event.event_id, nonce, now)
        del self._pending[ticket.digest]
        if not written:
            self._wallet.put_back(ticket.day, place.product_id, place.price)
            return "already"
        log.info(
            "sponsored place paid",
            extra={"product": place.product_id, "price_micros": place.price, "currency": place.currency},
        )
        return "charged"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
