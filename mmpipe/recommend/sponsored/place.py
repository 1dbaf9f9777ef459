"""Sponsored places of one collection: sold in memory, paid in the background."""

from __future__ import annotations

import logging
import math
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from mmpipe.errors import RetryableError
from mmpipe.lexical import tokens
from mmpipe.recommend.sponsored.amounts import micros_of
from mmpipe.recommend.sponsored.auction import Candidate, auction, click_probability
from mmpipe.recommend.sponsored.bids import NO_BIDS, Bid, Bids, folded_path
from mmpipe.recommend.sponsored.charges import Cashier, PaidEvent
from mmpipe.recommend.sponsored.tickets import MAX_PLACES, Placement, looks_sealed

if TYPE_CHECKING:
    from mmpipe.recommend.sponsored.bids import BidFile
    from mmpipe.recommend.sponsored.charges import Charges
    from mmpipe.recommend.sponsored.tickets import Tickets
    from mmpipe.recommend.sponsored.wallet import Wallet
    from mmpipe.settings import SponsoredSettings

Exposures = Callable[[Sequence[str]], tuple[Sequence[float], Sequence[float]]]
PAID_TYPES: Final = {"click": "search-click", "impression": "impression"}
# Events that wait to be charged; what is over this is found in the log by `mmpipe sponsored settle`.
_MOST_WAITING: Final = 100_000
_TIDY: Final = timedelta(hours=1)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Context:
    """What an auction knows of the question: the ``category`` that the shopper is in, the ``words`` that were
    asked for, and what counts impressions and clicks of products (parallel sequences; without one every
    product has the prior's probability)."""

    category: str | None = None
    words: str | None = None
    exposures: Exposures | None = None


NOTHING_KNOWN: Final = Context()


class Sponsored:
    """:meth:`place`, :meth:`query_id` and :meth:`accepted` do no I/O and may be called by any thread;
    :meth:`work` and :meth:`close` are for one thread."""

    def __init__(
        self,
        settings: SponsoredSettings,
        file: BidFile,
        tickets: Tickets,
        wallet: Wallet,
        charges: Charges,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        wake: threading.Event | None = None,
    ) -> None:
        """``wake`` is set where there is something to do for :meth:`work`."""
        self._settings = settings
        self._file = file
        self._tickets = tickets
        self._wallet = wallet
        self._clock = clock
        self._paid = PAID_TYPES[settings.charge]
        self._cashier = Cashier(tickets, wallet, charges, paid=self._paid, valid_hours=settings.valid_hours)
        self._reserve = max(1, micros_of(settings.reserve))
        self._bids: Bids = NO_BIDS
        self._waiting: deque[PaidEvent] = deque()
        # By day and product: what a place of it cost that nobody has looked for money yet, and what there
        # is money for.
        self._sold: dict[tuple[str, str], int] = {}
        self._secured: dict[tuple[str, str], int] = {}
        self._read_at: datetime | None = None
        self._tidied: datetime | None = None
        self._wake = wake or threading.Event()
        self.outcomes: Counter[str] = Counter()

    @property
    def bids(self) -> Bids:
        """The bids as they were read last."""
        return self._bids

    def place(
        self,
        items: Iterable[tuple[str, float]],
        slots: int | None = None,
        context: Context = NOTHING_KNOWN,
    ) -> list[Placement]:
        """Sell up to ``slots`` places (None: as many as the settings say) of a list to some of ``items``,
        each a product that may be shown and its relevance from 0 to 1.

        Only products with a bid that holds now, that are relevant enough, whose bid is not for other
        categories or words, and whose budget of today is not used up take part. The placements are by
        position; the first position goes to the winner.
        """
        slots = self._settings.slots if slots is None else slots
        places = self._settings.positions[: max(0, min(slots, MAX_PLACES))]
        bids = self._bids
        if not places or not bids.by_product:
            return []
        now = self._clock()
        day = now.date().isoformat()
        asked = _Asked(context)
        fitting: dict[str, Bid] = {}
        for product_id, relevance in items:
            bid = bids.by_product.get(product_id)
            if bid is None or not (math.isfinite(relevance) and relevance >= self._settings.relevance):
                continue
            if (
                bid.start <= now.timestamp() < bid.end
                and asked.fits(bid)
                and not self._wallet.is_exhausted(day, product_id)
            ):
                fitting[product_id] = bid
        if not fitting:
            return []
        won = auction(self._candidates(fitting, context.exposures), len(places), self._reserve)
        for each in won:
            self._note(day, each.product_id, each.price)
        return [
            Placement(each.product_id, position, each.price, bids.currency)
            for each, position in zip(won, places, strict=False)
        ]

    def query_id(self, placements: Sequence[Placement]) -> str:
        """The ``query_id`` to answer with: events that carry it pay for these places."""
        return self._tickets.seal(placements, self._clock())

    def accepted(self, events: Iterable[PaidEvent]) -> None:
        """Tell of events that were stored; those that cost something are charged soon."""
        for event in events:
            if event.type == self._paid and looks_sealed(event.query_id):
                if len(self._waiting) >= _MOST_WAITING:
                    log.warning("too many paid events wait: settle them from the log")
                    break
                self._waiting.append(event)
        if self._waiting:
            self._wake.set()

    def work(self) -> None:
        """Read the bids where they changed, charge what waits, see that there is money for what was sold.
        What the lake refuses is tried again by the next call; the last such ``RetryableError`` is raised."""
        now = self._clock()
        self._read_bids(now)
        failed: RetryableError | None = None
        for _ in range(len(self._waiting)):
            event = self._waiting.popleft()
            try:
                outcome: str = self._cashier.charge(event, self._bids, now)
            except RetryableError as error:
                failed, outcome = error, "delayed"
                if now - event.received_at < timedelta(hours=self._settings.valid_hours):
                    self._waiting.append(event)
            self.outcomes[outcome] += 1
            if outcome == "charged":
                # The next place that is sold has its money looked for anew.
                self._secured.pop((now.date().isoformat(), event.product_id or ""), None)
        for (day, product_id), price in list(self._sold.items()):
            bid = self._bids.by_product.get(product_id)
            try:
                paid = self._wallet.reserve(day, product_id, price, 0 if bid is None else bid.daily_budget)
            except RetryableError as error:
                failed = error
                continue
            self._sold.pop((day, product_id), None)
            if paid:
                self._secured[day, product_id] = price
        self._tidy(now)
        if failed is not None:
            raise failed

    def _read_bids(self, now: datetime) -> None:
        every = timedelta(seconds=self._settings.poll_seconds)
        if self._read_at is None or not timedelta() <= now - self._read_at < every:
            bids = self._file.read()
            self._read_at = now
            if bids is not self._bids:
                self._bids = bids
                self._wallet.look_again()

    def close(self) -> None:
        """Charge what waits and give back what was leased; what the lake refuses is logged."""
        for what, step in (("charged", self.work), ("given back", self._wallet.close)):
            try:
                step()
            except RetryableError as error:
                log.warning("sponsored: not everything could be %s: %s", what, error)

    def _candidates(self, fitting: dict[str, Bid], exposures: Exposures | None) -> list[Candidate]:
        ids = list(fitting)
        shown, clicked = exposures(ids) if exposures is not None else ([0.0] * len(ids), [0.0] * len(ids))
        return [
            Candidate(
                product_id,
                fitting[product_id].bid,
                click_probability(
                    float(impressions),
                    float(clicks),
                    prior=self._settings.prior_ctr,
                    prior_impressions=self._settings.prior_impressions,
                ),
            )
            for product_id, impressions, clicks in zip(ids, shown, clicked, strict=True)
        ]

    def _note(self, day: str, product_id: str, price: int) -> None:
        key = (day, product_id)
        if max(self._secured.get(key, 0), self._sold.get(key, 0)) < price:
            self._sold[key] = price
            self._wake.set()

    def _tidy(self, now: datetime) -> None:
        if self._tidied is None or now - self._tidied > _TIDY:
            self._tidied = now
            self._wallet.forget_before(now)
            today = now.date().isoformat()
            for key in [key for key in self._secured if key[0] < today]:
                del self._secured[key]


class _Asked:
    """A question, as bids are held against it."""

    def __init__(self, context: Context) -> None:
        self._path = folded_path(context.category or "")
        self._words = frozenset(tokens(context.words)) if context.words else frozenset()

    def fits(self, bid: Bid) -> bool:
        if not bid.targeted:
            return True
        return any(_is_under(self._path, path) for path in bid.categories) or any(
            words <= self._words for words in bid.keywords
        )


def _is_under(path: str, above: str) -> bool:
    return path == above or path.startswith(f"{above} > ")
