"""What sponsored places cost and brought, by the charges and the log; and charging what a crash left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from mmpipe.recommend.sponsored.amounts import text
from mmpipe.recommend.sponsored.charges import Cashier, PaidEvent
from mmpipe.recommend.sponsored.place import PAID_TYPES
from mmpipe.recommend.sponsored.tickets import looks_sealed

if TYPE_CHECKING:
    from mmpipe.recommend.sponsored.bids import Bids
    from mmpipe.recommend.sponsored.charges import Charge, Charges
    from mmpipe.recommend.sponsored.tickets import Ticket, Tickets
    from mmpipe.recommend.sponsored.wallet import Wallet
    from mmpipe.settings import SponsoredSettings

# What of the log is read.
COLUMNS: Final = ("event_id", "type", "product_id", "query_id", "received_at")


class SponsoredDay(BaseModel):
    """One product's places of one UTC day."""

    model_config = ConfigDict(extra="forbid")

    day: date
    product_id: str
    impressions: int = Field(description="of sold places, by the log")
    clicks: int = Field(description="on sold places, by the log; several on one place are one")
    paid: int = Field(description="places that were paid")
    spent: str
    average_price: str
    daily_budget: str | None = Field(description="by the bids of now; null where there is none any more")


class SponsoredReport(BaseModel):
    """By day, then by product. ``unpaid`` places were clicked (or seen) and are not paid: the budget was used
    up, or a replica ended before it charged them, which ``mmpipe sponsored settle`` does."""

    model_config = ConfigDict(extra="forbid")

    collection: str
    since: date
    spent: list[str] = Field(description="one sum a currency")
    unpaid: int
    days: list[SponsoredDay]


def first_day(days: int, now: datetime) -> date:
    """The first of ``days`` UTC days of which today is the last."""
    return now.astimezone(UTC).date() - timedelta(days=days - 1)


def paid_events(events: Iterable[pa.Table]) -> Iterator[PaidEvent]:
    """The events of the log (tables with :data:`COLUMNS`) that carry a ticket."""
    kinds = pa.array(sorted(PAID_TYPES.values()), pa.string())
    for table in events:
        table = table.filter(pc.is_in(table["type"], value_set=kinds)).filter(
            pc.starts_with(table["query_id"], "sp1.")
        )
        for row in table.select(list(COLUMNS)).to_pylist():
            if looks_sealed(row["query_id"]):
                yield PaidEvent(**row)


def sponsored_report(
    collection: str,
    events: Iterable[pa.Table],
    bids: Bids,
    tickets: Tickets,
    charges: Charges,
    settings: SponsoredSettings,
    *,
    since: date,
    now: datetime,
) -> SponsoredReport:
    """The places that were sold from ``since`` until today. ``events`` are of the log, each once."""
    first = since.isoformat()
    shown: dict[str, set[Ticket]] = {name: set() for name in PAID_TYPES}
    by_type = {kind: name for name, kind in PAID_TYPES.items()}
    for event in paid_events(events):
        ticket = tickets.open(event.query_id, event.product_id)
        if ticket is not None and ticket.day >= first:
            shown[by_type[event.type]].add(ticket)
    paid: list[Charge] = []
    for day in range((now.astimezone(UTC).date() - since).days + 1):
        paid += charges.of_day((since + timedelta(days=day)).isoformat())
    counted = {
        name: Counter(
            (ticket.day, ticket.placement.product_id, ticket.placement.currency) for ticket in places
        )
        for name, places in shown.items()
    }
    number: Counter[tuple[str, str, str]] = Counter()
    spent: Counter[tuple[str, str, str]] = Counter()
    total: Counter[str] = Counter()
    for charge in paid:
        key = (charge.sold_at.astimezone(UTC).date().isoformat(), charge.product_id, charge.currency)
        number[key] += 1
        spent[key] += charge.price
        total[charge.currency] += charge.price
    settled = {(charge.query_id, charge.product_id) for charge in paid}
    open_places = sum(
        (ticket.query_id, ticket.placement.product_id) not in settled for ticket in shown[settings.charge]
    )
    lines = []
    for key in sorted({*counted["click"], *counted["impression"], *number}):
        bid = bids.by_product.get(key[1])
        lines.append(
            SponsoredDay(
                day=date.fromisoformat(key[0]),
                product_id=key[1],
                impressions=counted["impression"][key],
                clicks=counted["click"][key],
                paid=number[key],
                spent=text(spent[key], key[2]),
                average_price=text(spent[key] // number[key] if number[key] else 0, key[2]),
                daily_budget=None if bid is None else text(bid.daily_budget, bids.currency),
            )
        )
    return SponsoredReport(
        collection=collection,
        since=since,
        spent=[text(amount, currency) for currency, amount in sorted(total.items())],
        unpaid=open_places,
        days=lines,
    )


def settle(
    events: Iterable[pa.Table],
    bids: Bids,
    tickets: Tickets,
    wallet: Wallet,
    charges: Charges,
    settings: SponsoredSettings,
    *,
    now: datetime,
) -> dict[str, int]:
    """Charge the events of the log that no replica did; gives how many had which outcome. As often as it is
    called, and beside replicas, a place is paid once. Gives back what it leased.

    Raises ``StorageUnavailable``, ``CommitConflict``: call it again then."""
    cashier = Cashier(
        tickets, wallet, charges, paid=PAID_TYPES[settings.charge], valid_hours=settings.valid_hours
    )
    outcomes: Counter[str] = Counter()
    try:
        for event in paid_events(events):
            if event.type == PAID_TYPES[settings.charge]:
                outcomes[cashier.charge(event, bids, now)] += 1
    finally:
        wallet.close()
    return dict(outcomes)
