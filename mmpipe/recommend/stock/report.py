"""The shop operator's view of stock: one report, made from a live version and the log of interactions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mmpipe.recommend.stock import smoothing
from mmpipe.recommend.stock.demand import COUNTED, Demand, demand_of
from mmpipe.recommend.stock.forecast import METHODS, Forecast, Method, forecast
from mmpipe.recommend.stock.quantities import quantity_of
from mmpipe.recommend.stock.substitutes import substitutes
from mmpipe.schemas.stock import (
    SHORT_HISTORY,
    GroupReport,
    LowProduct,
    MethodError,
    SoldOutProduct,
    StockReport,
    Substitute,
)
from mmpipe.search.kernels.memory import rows_of
from mmpipe.search.page.present import money

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from mmpipe.recommend.stock.since import SoldOut
    from mmpipe.search.versions.version import Version

# Groups are the first labels of category paths; the smallest of more than these are one.
MOST_GROUPS: Final = 50
# Of so many products, those that are bought most, the quantity is looked up in their documents.
MOST_QUANTITIES: Final = 2_000
OTHER: Final = "other"


@dataclass(frozen=True)
class Question:
    """What a report is to look at: ``days`` of events, ``lead_days`` until new stock is there, ``limit``
    products of each list, each with up to ``substitutes``; forecasts from ``history_days`` of purchases by
    one of ``methods``. ``quantities`` go before what the catalogue says, of which ``private`` columns are
    looked at for a reader who may know them."""

    days: int = 28
    lead_days: float = 14.0
    limit: int = 50
    substitutes: int = 3
    history_days: int = 371
    methods: Sequence[Method] = METHODS
    quantities: Mapping[str, int] = field(default_factory=dict)
    private: bool = True


def stock_report(
    version: Version,
    events: Iterable[pa.Table],
    since: Mapping[str, SoldOut],
    question: Question,
    *,
    now: datetime | None = None,
) -> StockReport:
    """The report on a live version. ``events`` are of the log, each once, with
    :data:`~mmpipe.recommend.stock.demand.COLUMNS`; ``since`` is of
    :meth:`~mmpipe.recommend.stock.since.FormerStock.since`."""
    now = (now or datetime.now(UTC)).astimezone(UTC)
    shelf = _Shelf(version, question, now)
    out = shelf.sold_out
    counted = np.full(len(shelf.rows), np.inf)
    opened = now - timedelta(days=question.days)
    for place in out.tolist():
        known = since.get(shelf.ids[place])
        counted[place] = max(opened, known.at_latest if known is not None else opened).timestamp()
    demand = demand_of(events, shelf.ids, counted, now=now, days=question.history_days)
    groups, names = shelf.groups(demand)
    told = forecast(demand, groups, names, question.lead_days, methods=question.methods)
    asked = out[demand.counts[out].any(axis=1)]
    order = sorted(
        asked.tolist(),
        key=lambda at: (-int(demand.shoppers[at]), -int(demand.counts[at, 2]), shelf.ids[at]),
    )
    low, notes = shelf.low(told)
    return StockReport(
        collection=version.collection,
        version=version.label,
        made_at=now,
        days=question.days,
        lead_days=question.lead_days,
        products=len(version),
        events=demand.events,
        events_of_unknown_products=demand.strangers,
        sold_out_products=len(order),
        sold_out=[
            shelf.sold_out_product(at, demand, since, float(counted[at])) for at in order[: question.limit]
        ],
        low_stock_products=len(low),
        low_stock=low[: question.limit],
        forecast=[_group(each) for each in told.groups],
        notes=[*notes, *_notes(told, question, demand)],
    )


def _group(each: Any) -> GroupReport:
    return GroupReport(
        group=each.group,
        products=each.products,
        held_out_weeks=each.held_out_weeks,
        method=each.method,
        errors={
            name: MethodError(rmse=error.rmse, mae=error.mae, mase=error.mase)
            for name, error in sorted(each.errors.items())
        },
    )


def _notes(told: Forecast, question: Question, demand: Demand) -> list[str]:
    notes = []
    short = sum(method == SHORT_HISTORY for method in told.method)
    if short:
        notes.append(
            f"{short} of {len(told.method)} products that were bought have not enough history to choose a"
            " method: they get the mean rate of what there is, with its Poisson interval"
        )
    if "ets" not in question.methods:
        notes.append("exponential smoothing was not tried here: `mmpipe stock` does")
    elif not smoothing.is_installed():
        notes.append("exponential smoothing was not tried: install mmpipe[train] (statsmodels)")
    if len(demand.sold):
        notes.append(
            "what could not be bought was not: after days without stock a forecast is lower than the demand"
        )
    if not question.private:
        notes.append("what the catalogue keeps privately is not told by a service without API keys")
    if demand.ignored:
        notes.append(f"{demand.ignored} events say that they are of the future: left out")
    return notes


class _Shelf:
    """The products of a version. Places are those of ``rows``."""

    def __init__(self, version: Version, question: Question, now: datetime) -> None:
        self.version = version.at(now.timestamp())
        self.question = question
        self.rows: NDArray[np.int32] = rows_of(version.alive)
        self.ids = version.ids.ids(self.rows)
        self.availability = version.coded["availability"].values(self.rows)
        is_out = np.array([word == "out_of_stock" for word in self.availability], np.bool_)
        self.sold_out = np.flatnonzero(is_out)
        self._categories = version.coded["category"].values(self.rows)

    def groups(self, demand: Demand) -> tuple[NDArray[np.int64], list[str]]:
        """The group of each product, and the groups' names."""
        tops = [(path or OTHER).split(" > ")[0].strip() or OTHER for path in self._categories]
        bought: dict[str, float] = dict.fromkeys(tops, 0.0)
        for place, pieces in zip(demand.product.tolist(), demand.sold.tolist(), strict=True):
            bought[tops[place]] += pieces
        kept = sorted(bought, key=lambda name: (-bought[name], name))
        if len(kept) > MOST_GROUPS:
            kept = [*(name for name in kept[: MOST_GROUPS - 1] if name != OTHER), OTHER]
        number = {name: at for at, name in enumerate(kept)}
        rest = number.get(OTHER, 0)
        return np.array([number.get(top, rest) for top in tops], np.int64), kept

    def sold_out_product(
        self, at: int, demand: Demand, since: Mapping[str, SoldOut], counted_from: float
    ) -> SoldOutProduct:
        """One line of the report, with its substitutes."""
        known = since.get(self.ids[at])
        shown = self.version.page.static(int(self.rows[at]))
        counts = dict(zip(COUNTED, demand.counts[at].tolist(), strict=True))
        return SoldOutProduct(
            product_id=self.ids[at],
            title=shown["title"] or "",
            category=self._categories[at],
            price=self._price(int(self.rows[at])),
            sold_out_after=None if known is None else known.not_before,
            sold_out_by=None if known is None else known.at_latest,
            counted_from=datetime.fromtimestamp(counted_from, UTC),
            shoppers=int(demand.shoppers[at]),
            views=counts["view"],
            clicks=counts["search-click"],
            carts=counts["add-to-cart"],
            purchases=counts["purchase"],
            substitutes=self._substitutes(int(self.rows[at])),
        )

    def _substitutes(self, row: int) -> list[Substitute]:
        if not self.question.substitutes:
            return []
        found = substitutes(self.version, row, self.question.substitutes)
        rows = zip(found.ids, found.rows.tolist(), found.cosine.tolist(), found.needs, strict=True)
        return [
            Substitute(
                product_id=product_id,
                title=self.version.page.static(other)["title"] or "",
                price=self._price(other),
                cosine=None if math.isnan(cosine) else cosine,
                shares=need,
            )
            for product_id, other, cosine, need in rows
        ]

    def low(self, told: Forecast) -> tuple[list[LowProduct], list[str]]:
        """What may run out: of known quantity, less than the upper bound of what will be bought; where no
        quantity is known at all, what can be bought, by falling demand."""
        order = np.lexsort((told.products, -told.expected)).tolist()
        sold = [at for at in order if self.availability[told.products[at]] != "out_of_stock"]
        looked = sold[:MOST_QUANTITIES]
        quantities = {at: self._quantity(int(told.products[at])) for at in looked}
        notes = []
        if any(quantity is not None for quantity in quantities.values()):
            low = [
                self._low(told, at, quantity)
                for at, quantity in quantities.items()
                if quantity is not None and quantity < told.high[at]
            ]
            low.sort(key=lambda line: line.days_left if line.days_left is not None else math.inf)
            unknown = sum(quantity is None for quantity in quantities.values())
            if unknown:
                notes.append(f"of {unknown} products that are bought no quantity is known: left out")
        else:
            low = [self._low(told, at, None) for at in looked if told.expected[at] > 0]
            if low:
                notes.append(
                    "no quantity is known, so nothing is known to be low: these are the products that are"
                    " bought most; give `mmpipe stock --quantities FILE` what is left of each"
                )
        if len(sold) > len(looked):
            notes.append(f"only the {MOST_QUANTITIES:,} products that are bought most were looked at")
        return low, notes

    def _quantity(self, place: int) -> int | None:
        given = self.question.quantities.get(self.ids[place])
        if given is not None:
            return given
        fragments, offsets = self.version.layout.locate(self.rows[place : place + 1])
        product = self.version.documents.product(int(fragments[0]), int(offsets[0]))
        return quantity_of(product if self.question.private else product.public())

    def _low(self, told: Forecast, at: int, quantity: int | None) -> LowProduct:
        place = int(told.products[at])
        expected = float(told.expected[at])
        lasting = None
        if quantity is not None and expected > 0:
            lasting = quantity / expected * told.lead_days
        return LowProduct(
            product_id=self.ids[place],
            title=self.version.page.static(int(self.rows[place]))["title"] or "",
            category=self._categories[place],
            availability=self.availability[place] or "",
            quantity=quantity,
            expected=expected,
            low=float(told.low[at]),
            high=float(told.high[at]),
            days_left=lasting,
            method=told.method[at],
            weeks=int(told.weeks[at]),
        )

    def _price(self, row: int) -> str | None:
        one = np.array([row], np.int32)
        return money(float(self.version.prices.paid(one)[0]), self.version.coded["currency"].values(one)[0])
