"""What people asked, from the log of interactions: enough of it to suggest, too little to tell of anybody.

Of a shopper and a query the last time counts, however often they asked: so the order in which events arrive
says nothing, nor whether they arrive twice, and nobody makes a query popular alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmpipe.lexical import tokens

COLUMNS = ("type", "user", "session", "query", "occurred_at")
"""The columns of the log that are read."""
MOST_PAIRS = 500_000
"""So many shoppers' queries are kept, the latest."""
MOST_QUERIES = 5_000
"""So many queries are given, the most popular."""
MAX_QUERY = 80
_MAX_WORDS = 10
_TYPES = pa.array(["search", "search-click"], pa.string())
_DAY = 86_400.0
# An address of mail or of a page, or a number as of a phone, a card, an order or a person.
_PRIVATE = re.compile(
    r"(?P<address>@|\bwww\.|://|\b(?:e-?mail|mailto)\b)"
    r"|(?P<number>(?:\d[\s().+/-]{0,3}){7,})",
    re.IGNORECASE,
)
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""What no text to be shown holds: control characters, and halves of surrogate pairs."""


@dataclass(frozen=True, slots=True)
class Popular:
    """One query as most people spell it; whether anybody clicked in what it found; how many people's it is,
    each counted half after every half-life."""

    text: str
    clicked: bool
    weight: float


@dataclass(frozen=True)
class _Pairs:
    """Who asked what: parallel arrays, each pair of spelling and asker once."""

    spelling: NDArray[np.int32]
    asker: NDArray[np.uint64]
    time: NDArray[np.float64]
    clicked: NDArray[np.bool_]

    @classmethod
    def none(cls) -> _Pairs:
        return cls(
            np.zeros(0, np.int32), np.zeros(0, np.uint64), np.zeros(0, np.float64), np.zeros(0, np.bool_)
        )

    def take(self, rows: Any) -> _Pairs:
        return _Pairs(self.spelling[rows], self.asker[rows], self.time[rows], self.clicked[rows])

    def __len__(self) -> int:
        return len(self.time)


class Asked:
    """The queries of one collection. One thread at a time."""

    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        self._pairs = _Pairs.none()
        # Whose a session is, where somebody is known to be logged in during it.
        self._owner: dict[int, int] = {}
        self.revision = 0
        """Another number whenever what is known changed."""

    def __len__(self) -> int:
        """Pairs of a shopper and a spelling."""
        return len(self._pairs)

    @property
    def nbytes(self) -> int:
        """About the bytes in memory."""
        pairs = self._pairs
        arrays = (pairs.spelling, pairs.asker, pairs.time, pairs.clicked)
        texts = sum(len(text) * 2 + 150 for text in self._number)
        return sum(array.nbytes for array in arrays) + texts + 100 * len(self._owner)

    def add(self, table: pa.Table) -> None:
        """Take in rows of the log, those in :data:`COLUMNS`. What may name or number a person is passed
        over, and so is a query of more than 80 characters."""
        chosen = table.filter(pc.and_(pc.is_in(table["type"], value_set=_TYPES), pc.is_valid(table["query"])))
        queries, users, sessions = (chosen[name].to_pylist() for name in ("query", "user", "session"))
        seconds = pc.divide(chosen["occurred_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()), 1e6)
        texts = {query: spelled(query) for query in set(queries)}
        people = {name: _digest("u", name) for name in set(users) if name is not None}
        visits = {name: _digest("s", name) for name in set(sessions) if name is not None}
        said: list[int] = []
        askers: list[int] = []
        rows: list[int] = []
        for row, (query, user, session) in enumerate(zip(queries, users, sessions, strict=True)):
            text, person, visit = texts[query], people.get(user), visits.get(session)
            asker = visit if person is None else person
            if text is None or asker is None:
                continue
            if person is not None and visit is not None:
                # Of several who share it always the same one, in whatever order they come.
                self._owner[visit] = min(person, self._owner.get(visit, person))
            said.append(self._number.setdefault(text, len(self._number)))
            askers.append(asker)
            rows.append(row)
        if said:
            added = _Pairs(
                np.array(said, np.int32),
                np.array(askers, np.uint64),
                seconds.to_numpy()[rows],
                pc.equal(chosen["type"], "search-click").to_numpy()[rows],
            )
            self._keep(_once(_both(self._pairs, added)))

    def forget(self, pseudonyms: Iterable[str]) -> None:
        """Leave nothing of some users and sessions."""
        gone = {_digest(salt, name) for name in pseudonyms for salt in "us"}
        gone |= {session for session, user in self._owner.items() if user in gone}
        kept = ~np.isin(self._pairs.asker, np.array(sorted(gone), np.uint64))
        self._owner = {s: u for s, u in self._owner.items() if s not in gone and u not in gone}
        if not kept.all():
            self._keep(self._pairs.take(kept))

    def popular(
        self,
        now: float,
        *,
        shoppers: int,
        half_life_days: float,
        keep_days: float = 365.0,
        most: int = MOST_QUERIES,
    ) -> list[Popular]:
        """What at least ``shoppers`` different ones asked, the most popular first; spellings of the same
        words are one query, however they are written. ``now`` is in Unix seconds; what is of later counts as
        of now, and what is of more than ``keep_days`` ago not at all."""
        pairs = self._pairs.take(self._pairs.time >= now - keep_days * _DAY)
        if not len(pairs):
            return []
        texts = list(self._number)
        groups: dict[tuple[str, ...], int] = {}
        group_of = np.array(
            [groups.setdefault(tuple(tokens(text.replace("-", " "))), len(groups)) for text in texts],
            np.int32,
        )
        owners = self._owners(pairs.asker)
        merged = _once(_Pairs(group_of[pairs.spelling], owners, pairs.time, pairs.clicked))
        age = np.maximum(now - merged.time, 0.0) / (half_life_days * _DAY)
        people = np.bincount(merged.spelling, minlength=len(groups))
        weight = np.bincount(merged.spelling, np.exp2(-np.minimum(age, 1_000.0)), len(groups))
        clicks = np.bincount(merged.spelling, merged.clicked, len(groups)) > 0
        own = _once(_Pairs(pairs.spelling, owners, pairs.time, pairs.clicked))
        by_text = np.bincount(own.spelling, minlength=len(texts)).tolist()
        usual: dict[int, str] = {}
        for text, group, count in zip(texts, group_of.tolist(), by_text, strict=True):
            best = usual.get(group)
            if best is None or (-count, text) < (-by_text[self._number[best]], best):
                usual[group] = text
        chosen = np.flatnonzero(people >= shoppers).tolist()
        found = [Popular(usual[group], bool(clicks[group]), float(weight[group])) for group in chosen]
        return sorted(found, key=lambda each: (-each.weight, each.text))[:most]

    def _owners(self, askers: NDArray[np.uint64]) -> NDArray[np.uint64]:
        if not self._owner:
            return askers
        sessions = np.array(sorted(self._owner), np.uint64)
        users = np.array([self._owner[int(session)] for session in sessions], np.uint64)
        at = np.minimum(np.searchsorted(sessions, askers), len(sessions) - 1)
        return np.where(sessions[at] == askers, users[at], askers)

    def _keep(self, pairs: _Pairs) -> None:
        if len(pairs) > MOST_PAIRS:
            # A part more than must go, so that the next table does not do all this again.
            latest = np.argpartition(-pairs.time, MOST_PAIRS * 9 // 10)[: MOST_PAIRS * 9 // 10]
            pairs = pairs.take(np.sort(latest))
        used, number = np.unique(pairs.spelling, return_inverse=True)
        if len(used) < len(self._number):
            texts = list(self._number)
            self._number = {texts[at]: n for n, at in enumerate(used.tolist())}
            pairs = _Pairs(number.astype(np.int32), pairs.asker, pairs.time, pairs.clicked)
        if len(self._owner) > MOST_PAIRS:
            here = set(pairs.asker.tolist())
            self._owner = {session: user for session, user in self._owner.items() if session in here}
        self._pairs = pairs
        self.revision += 1


def private_part(text: str) -> str | None:
    """What a text may tell of somebody: ``address`` or ``number``, as of a phone, a card, an order or a
    person; None where it looks like neither."""
    found = _PRIVATE.search(text)
    return None if found is None else found.lastgroup


def spelled(query: str) -> str | None:
    """A query without needless blanks and capitals; None where it must not be shown to others, or is none."""
    text = " ".join(query.split()).lower()
    if not text or len(text) > MAX_QUERY or CONTROL.search(text) or private_part(text):
        return None
    return text if tokens(text) and len(text.split()) <= _MAX_WORDS else None


def _both(one: _Pairs, other: _Pairs) -> _Pairs:
    return _Pairs(
        np.concatenate([one.spelling, other.spelling]),
        np.concatenate([one.asker, other.asker]),
        np.concatenate([one.time, other.time]),
        np.concatenate([one.clicked, other.clicked]),
    )


def _once(pairs: _Pairs) -> _Pairs:
    """Each pair once, at its last time; clicked if it ever was."""
    if not len(pairs):
        return pairs
    order = np.lexsort((pairs.time, pairs.asker, pairs.spelling))
    pairs = pairs.take(order)
    new = (np.diff(pairs.spelling) != 0) | (np.diff(pairs.asker) != 0)
    first = np.concatenate([[0], np.flatnonzero(new) + 1])
    last = np.concatenate([first[1:], [len(pairs)]]) - 1
    clicked = np.logical_or.reduceat(pairs.clicked, first)
    return _Pairs(pairs.spelling[last], pairs.asker[last], pairs.time[last], clicked)


def _digest(salt: str, pseudonym: str) -> int:
    data = f"{salt}:{pseudonym}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest())
