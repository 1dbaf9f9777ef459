"""The log of interactions as sequences, one a shopper, and as impressions that were clicked or not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmpipe.recommend.model.form import LEAST_RATING, POSITIVE
from mmpipe.schemas.interaction import EVENT_TYPES

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS: Final = ("event_id", "type", "user", "session", "product_id", "occurred_at", "rating")
# A shopper's latest different products count; one who is a robot must not fill the memory.
MAX_HISTORY: Final = 500
# What is acted on so soon after it was shown was clicked.
CLICK_SECONDS: Final = 1800.0
# A session of more events is no visit of one person.
MAX_JOINED: Final = 1_000
_NOBODY = -1

Times = NDArray[np.float64]
Items = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Sequences:
    """Shopper ``s`` liked ``items[starts[s] : starts[s + 1]]`` at ``times``, oldest first, each product once,
    when it was last liked. ``owner`` int64 ``(shoppers,)`` are who they are, rising."""

    owner: NDArray[np.int64]
    starts: NDArray[np.int64]
    items: Items
    times: Times

    def __len__(self) -> int:
        """Shoppers."""
        return len(self.starts) - 1

    def of(self, shopper: int) -> slice:
        """The events of one."""
        return slice(int(self.starts[shopper]), int(self.starts[shopper + 1]))

    def before(self, moment: float) -> Sequences:
        """What was liked before a moment, of the shoppers who had liked something by then."""
        kept = self.times < moment
        counts = np.add.reduceat(kept, self.starts[:-1]) if len(self) else np.zeros(0, np.int64)
        counts[np.diff(self.starts) == 0] = 0
        there = counts > 0
        starts = np.concatenate([[0], np.cumsum(counts[there])]).astype(np.int64)
        return Sequences(self.owner[there], starts, self.items[kept], self.times[kept])

    def lists(self) -> list[Items]:
        """The items of each shopper."""
        return [self.items[a:b] for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]


@dataclass(frozen=True, slots=True)
class Impressions:
    """What was shown to whom, by time; ``clicked`` what was acted on soon after."""

    owner: NDArray[np.int64]
    items: Items
    times: Times
    clicked: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class Log:
    """What a log holds: ``names[code]`` are the products, in the order of their UTF-8 bytes."""

    events: int
    names: list[str]
    sequences: Sequences
    impressions: Impressions


class _Codes:
    """Numbers for names, in the order they come; null has none."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def of(self, column: pa.ChunkedArray) -> NDArray[np.int64]:
        encoded = column.combine_chunks().dictionary_encode()
        known = self.known
        mine = np.array(
            [known.setdefault(name, len(known)) for name in encoded.dictionary.to_pylist()], np.int64
        )
        places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        numbers: NDArray[np.int64] = np.append(mine, _NOBODY)[places]
        return numbers


def read_log(tables: Iterable[pa.Table]) -> Log:
    """Events of the columns :data:`COLUMNS`, each once, in any order.

    An anonymous event belongs to the user who identifies in its session at it or after it, else to the latest
    before it, else to the session, as in :mod:`mmpipe.recommend.behaviour`. Liking are the events of
    :data:`POSITIVE`, ratings from :data:`LEAST_RATING` on.
    """
    users, sessions, products = _Codes(), _Codes(), _Codes()
    kinds = {name: code for code, name in enumerate(EVENT_TYPES)}
    parts: list[tuple[NDArray[np.int64], ...]] = []
    times: list[Times] = []
    ratings: list[NDArray[np.float32]] = []
    for table in tables:
        if not len(table):
            continue
        # Of events at the same moment the lower id is first, whatever came first.
        table = table.take(pc.sort_indices(table["event_id"]))
        named = table["type"].combine_chunks().dictionary_encode()
        codes = np.array([kinds.get(name, len(EVENT_TYPES)) for name in named.dictionary.to_pylist()])
        parts.append(
            (
                codes[named.indices.to_numpy()],
                users.of(table["user"]),
                sessions.of(table["session"]),
                products.of(table["product_id"]),
            )
        )
        moments = table["occurred_at"].to_numpy().astype("datetime64[us]").astype(np.int64)
        times.append(moments / 1e6)
        ratings.append(table["rating"].to_numpy().astype(np.float32))
    if not parts:
        nothing = np.zeros(0, np.int64)
        return Log(
            0, [], _sequences(nothing, nothing, np.zeros(0)), _impressions(nothing, nothing, np.zeros(0))
        )
    kind, user, session, item = (np.concatenate(column) for column in zip(*parts, strict=True))
    time, rating = np.concatenate(times), np.concatenate(ratings)
    owner = _owners(user, session, time, len(users.known))
    names, item = _sorted_names(list(products.known), item)
    liked = np.isin(kind, [kinds[name] for name in POSITIVE]) & (item >= 0)
    liked &= (kind != kinds["rating"]) | (rating >= LEAST_RATING)
    shown = (kind == kinds["impression"]) & (item >= 0)
    likes = (owner[liked], item[liked], time[liked])
    return Log(
        len(kind), names, _sequences(*likes), _impressions(owner[shown], item[shown], time[shown], likes)
    )


def _owners(
    user: NDArray[np.int64], session: NDArray[np.int64], time: Times, users: int
) -> NDArray[np.int64]:
    """Whose each event is: a user's number, or ``users`` and the session's."""
    order = np.lexsort((time, session))
    someone = user[order] >= 0
    places = np.arange(len(order))
    first = np.concatenate([[True], np.diff(session[order]) != 0])
    begin = np.maximum.accumulate(np.where(first, places, 0))
    ends = np.append(np.flatnonzero(first)[1:], len(order))
    end = ends[np.cumsum(first) - 1]
    before = np.maximum.accumulate(np.where(someone, places, -1))
    after = np.minimum.accumulate(np.where(someone, places, len(order))[::-1])[::-1]
    found = np.where(after < end, after, np.where(before >= begin, before, -1))
    found[end - begin > MAX_JOINED] = -1
    in_session = session[order] >= 0
    known = user[order]
    joined = np.where(found >= 0, known[np.maximum(found, 0)], users + session[order])
    owner = np.empty_like(user)
    owner[order] = np.where(someone, known, np.where(in_session, joined, _NOBODY))
    return owner


def _sorted_names(names: list[str], item: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
    encoded = [name.encode("utf-8", "surrogatepass") for name in names]
    order = sorted(range(len(names)), key=encoded.__getitem__)
    place = np.empty(len(names) + 1, np.int64)
    place[order] = np.arange(len(names))
    place[-1] = _NOBODY
    return [names[index] for index in order], place[item]


def _sequences(owner: NDArray[np.int64], item: NDArray[np.int64], time: Times) -> Sequences:
    there = owner >= 0
    owner, item, time = owner[there], item[there], time[there]
    order = np.lexsort((time, owner))
    owner, item, time = owner[order], item[order], time[order]
    # Of each product the last time; then of each shopper the latest products.
    places = np.lexsort((np.arange(len(owner)), item, owner))
    last = np.ones(len(owner), np.bool_)
    if len(owner):
        last[:-1] = (np.diff(item[places]) != 0) | (np.diff(owner[places]) != 0)
    kept = np.sort(places[last])
    owner, item, time = owner[kept], item[kept], time[kept]
    names, counts = np.unique(owner, return_counts=True)
    from_end = np.repeat(np.cumsum(counts), counts) - np.arange(len(owner))
    recent = from_end <= MAX_HISTORY
    starts = np.concatenate([[0], np.cumsum(np.minimum(counts, MAX_HISTORY))]).astype(np.int64)
    return Sequences(names.astype(np.int64), starts, item[recent].astype(np.int32), time[recent])


def _impressions(
    owner: NDArray[np.int64],
    item: NDArray[np.int64],
    time: Times,
    likes: tuple[NDArray[np.int64], NDArray[np.int64], Times] | None = None,
) -> Impressions:
    order = np.argsort(time, kind="stable")
    owner, item, time = owner[order], item[order], time[order]
    clicked = np.zeros(len(item), np.bool_)
    if likes is not None and len(item) and len(likes[0]):
        width = int(max(item.max(), likes[1].max())) + 1
        pairs, places = np.unique(
            np.concatenate([likes[0] * width + likes[1], owner * width + item]), return_inverse=True
        )
        begin = float(min(time.min(), likes[2].min()))
        span = float(max(time.max(), likes[2].max())) - begin + 2 * CLICK_SECONDS
        # Pair and time as one number, to a thousandth of a second or so.
        liked = np.sort(places[: len(likes[0])] * span + (likes[2] - begin))
        shown = places[len(likes[0]) :] * span + (time - begin)
        next_like = np.searchsorted(liked, shown)
        there = next_like < len(liked)
        clicked[there] = liked[next_like[there]] - shown[there] <= CLICK_SECONDS
        del pairs
    return Impressions(owner, item.astype(np.int32), time, clicked)
