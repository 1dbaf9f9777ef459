"""Each day's statistics of a collection, released once: from the interaction log, paid for in the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from collections.abc import Collection as Ids
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from mmpipe.errors import InvalidRequest, NotFound
from mmpipe.lake.storage import lance_errors
from mmpipe.recommend.private.ledger import PrivacyLedger, Released
from mmpipe.recommend.private.release import MAX_PAIRED_PRODUCTS, Release, release_pairs, release_trending

if TYPE_CHECKING:
    from mmpipe.lake import Collection
    from mmpipe.settings import PrivacySettings

Statistic = Literal["trending", "viewed_together", "bought_together"]
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)
MAX_DAYS = 90
_COLUMNS = ["event_id", "type", "user", "session", "product_id", "occurred_at", "received_at"]
# What counts as interest in a product; whoever buys viewed it, wherever that was.
_INTEREST = ("view", "search-click", "add-to-cart", "purchase", "like")
_TYPES: dict[Statistic, tuple[str, ...]] = {
    "trending": _INTEREST,
    "viewed_together": _INTEREST,
    "bought_together": ("purchase",),
}


class DailyStatistics:
    """What may be told to anybody of a collection's shoppers. Each kind is released once for each UTC day of
    arrival, with a third of the day's epsilon, and is the same for whoever asks again."""

    def __init__(
        self, collection: Collection, settings: PrivacySettings, products: Callable[[], Ids[str]]
    ) -> None:
        """``products`` gives the domain when a release is made: what everybody knows there is, as
        :func:`live_products` does."""
        self._collection = collection
        self._settings = settings
        self._products = products
        self._per_day = Fraction(str(settings.epsilon_per_day))
        self._ledger = PrivacyLedger(collection.store, collection.uri, self._per_day)

    def of_day(self, kind: Statistic, day: date, now: datetime) -> Released:
        """The release of that kind for a day that is over, made now where it was not yet.

        Pairs are of the products that the day's release of trending ones names, which is made and paid for
        too where it was not. Raises
        ``InvalidRequest`` while releases are off and for a day that is not over,
        :class:`~mmpipe.recommend.private.ledger.BudgetSpent`, ``StorageUnavailable``.
        """
        if self._per_day == 0:
            raise InvalidRequest("privacy.epsilon_per_day", "0: nothing is released; set it above 0")
        if day >= now.astimezone(UTC).date():
            raise InvalidRequest(
                "day", f"{day} is not over (UTC): what is still to come could not be counted"
            )
        held = self._ledger.read(day).of(kind)
        if held is not None:
            return held
        if kind == "trending":
            domain = self._products()
        else:
            named = self.of_day("trending", day, now).counts
            domain = [cell[0] for cell, _ in named[:MAX_PAIRED_PRODUCTS]]
        epsilon = self._per_day / len(STATISTICS)
        self._ledger.spend(day, kind, epsilon, now)
        shoppers = shoppers_of(self._day(day), _TYPES[kind])
        most, least = self._settings.max_products, self._settings.min_shoppers
        if kind == "trending":
            singles = release_trending(shoppers, domain, epsilon=epsilon, most=most, min_shoppers=least)
            return self._ledger.keep(day, _kept(kind, singles, [(cell,) for cell, _ in singles.counts]))
        pairs = release_pairs(shoppers, domain, epsilon=epsilon, most=most, min_shoppers=least)
        return self._ledger.keep(day, _kept(kind, pairs, [cell for cell, _ in pairs.counts]))

    def over_days(
        self, kind: Statistic, days: int, now: datetime, *, half_life_days: float
    ) -> list[tuple[tuple[str, ...], float]]:
        """The last ``days`` releases added up, each halved every ``half_life_days``; the greatest first.

        It follows from the releases, so it costs nothing beyond them. Raises what :meth:`of_day` does.
        """
        if not 1 <= days <= MAX_DAYS:
            raise InvalidRequest("days", f"from 1 to {MAX_DAYS}")
        if not half_life_days > 0:
            raise InvalidRequest("half_life_days", "above 0")
        today = now.astimezone(UTC).date()
        weighed: dict[tuple[str, ...], float] = defaultdict(float)
        for back in range(1, days + 1):
            weight = 0.5 ** ((back - 1) / half_life_days)
            for cell, count in self.of_day(kind, today - timedelta(days=back), now).counts:
                weighed[cell] += weight * count
        return sorted(weighed.items(), key=lambda each: (-each[1], each[0]))

    def _day(self, day: date) -> list[pa.Table]:
        begin = datetime.combine(day, clock(), UTC)
        end = begin + timedelta(days=1)
        tables = self._collection.interactions.scan(columns=_COLUMNS, since=begin - timedelta(days=1))
        return [table.filter(_between(table["received_at"], begin, end)) for table in tables]


def live_products(collection: Collection) -> list[str]:
    """Ids of what is live in a collection. Raises ``NotFound`` where nothing is, ``StorageUnavailable``."""
    live = collection.live()
    if live is None:
        raise NotFound(f"nothing of collection {collection.name} is live")
    with lance_errors(f"reading table {live.table}"):
        dataset = collection.table(live.table).at(live.version)
        ids: list[str] = dataset.to_table(columns=["id"], filter="deleted = false")["id"].to_pylist()
    return ids


def shoppers_of(tables: list[pa.Table], types: tuple[str, ...]) -> Mapping[str, set[str]]:
    """What each shopper had to do with by events of these types: of a user with the sessions that they are
    known by in these tables, else of a session."""
    users: dict[str, str] = {}
    for table in tables:
        both = pc.and_(pc.is_valid(table["user"]), pc.is_valid(table["session"]))
        named = table.select(["session", "user"]).filter(both).group_by(["session"])
        least = named.aggregate([("user", "min")])
        for session, user in zip(least["session"].to_pylist(), least["user_min"].to_pylist(), strict=True):
            users[session] = min(user, users.get(session, user))
    found: dict[str, set[str]] = defaultdict(set)
    for table in tables:
        wanted = pc.is_in(table["type"], value_set=pa.array(types, pa.string()))
        rows = table.filter(pc.and_(wanted, pc.is_valid(table["product_id"])))
        columns = (rows[name].to_pylist() for name in ("user", "session", "product_id"))
        for user, session, product in zip(*columns, strict=True):
            found[user or users.get(session, session)].add(product)
    return found


def _between(times: pa.ChunkedArray, begin: datetime, end: datetime) -> pa.ChunkedArray:
    low, high = (pa.scalar(moment, times.type) for moment in (begin, end))
    return pc.and_(pc.greater_equal(times, low), pc.less(times, high))


def _kept(
    kind: Statistic,
    release: Release[str] | Release[tuple[str, str]],
    cells: list[tuple[str]] | list[tuple[str, str]],
) -> Released:
    counts = tuple((tuple(cell), count) for cell, (_, count) in zip(cells, release.counts, strict=True))
    return Released(
        kind=kind,
        epsilon=str(release.epsilon),
        scale=str(release.scale),
        threshold=release.threshold,
        counts=counts,
    )
