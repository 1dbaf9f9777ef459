"""A replica's own share of budgets: leases it took and what it spent of them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmpipe.recommend.sponsored.ledger import Ledger


@dataclass
class _Lease:
    lease_id: str
    amount: int
    spent: int = 0


@dataclass
class _Purse:
    leases: list[_Lease] = field(default_factory=list)
    # A lease whose answer was lost is asked for again under its id, or its money would be gone.
    asked: str | None = None

    @property
    def left(self) -> int:
        return sum(lease.amount - lease.spent for lease in self.leases)


class Wallet:
    """For one thread, but for :meth:`is_exhausted`.

    Whatever is spent was leased before, so what all wallets of a collection spend of a product's daily budget
    is never more than it. What may stay unspent of it: of each wallet that lives less than a lease and a
    price; of one that died without :meth:`close` what it had leased.
    """

    def __init__(self, ledger: Ledger, part: float) -> None:
        """``part`` of a daily budget is leased at once."""
        self._ledger = ledger
        self._part = part
        self._purses: dict[tuple[str, str], _Purse] = {}
        self._exhausted: set[tuple[str, str]] = set()

    def is_exhausted(self, day: str, product_id: str) -> bool:
        """Whether a price could not be paid any more, as far as this wallet knows. Any thread may ask."""
        return (day, product_id) in self._exhausted

    def look_again(self) -> None:
        """Take no budget for used up: there may be others now."""
        self._exhausted.clear()

    def reserve(self, day: str, product_id: str, price: int, budget: int) -> bool:
        """Have ``price`` at hand, leasing where there is less; False where the budget does not give it.
        Raises ``CommitConflict``, ``StorageUnavailable``."""
        purse = self._purses.setdefault((day, product_id), _Purse())
        while (missing := price - purse.left) > 0:
            purse.asked = purse.asked or secrets.token_hex(8)
            want = max(int(budget * self._part), missing)
            amount = self._ledger.lease(day, product_id, purse.asked, want=want, least=missing, budget=budget)
            purse.leases.append(_Lease(purse.asked, amount))
            purse.asked = None
            if not amount:
                break
        if purse.left < price:
            self._exhausted.add((day, product_id))
            return False
        self._exhausted.discard((day, product_id))
        return True

    def take(self, day: str, product_id: str, price: int) -> None:
        """Spend ``price`` of what was reserved."""
        purse = self._purses[day, product_id]
        if purse.left < price:
            raise ValueError("more than was reserved")
        for lease in purse.leases:
            part = min(price, lease.amount - lease.spent)
            lease.spent += part
            price -= part

    def put_back(self, day: str, product_id: str, price: int) -> None:
        """Undo :meth:`take`, where nothing was bought after all."""
        for lease in reversed(self._purses[day, product_id].leases):
            part = min(price, lease.spent)
            lease.spent -= part
            price -= part

    def close(self) -> None:
        """Give back what was not spent; nothing can be spent any more. Raises ``CommitConflict``,
        ``StorageUnavailable``: what could not be given back then stays leased for its day."""
        purses, self._purses = self._purses, {}
        for (day, product_id), purse in purses.items():
            for lease in purse.leases:
                if lease.spent < lease.amount:
                    self._ledger.settle(day, product_id, lease.lease_id, lease.spent)
            if purse.asked is not None:
                self._ledger.settle(day, product_id, purse.asked, 0)

    def forget_before(self, now: datetime) -> None:
        """Let go of days that nobody pays for any more."""
        first = now.astimezone(UTC).date().toordinal() - 8
        for key in [key for key in self._purses if _ordinal(key[0]) < first]:
            del self._purses[key]
        for key in [key for key in self._exhausted if _ordinal(key[0]) < first]:
            self._exhausted.discard(key)


def _ordinal(day: str) -> int:
    return datetime.fromisoformat(day).toordinal()
