"""What of each day's privacy is spent, and what was released for it.

Releases of one day's events add up (basic composition: Dwork and Roth, *The algorithmic foundations of
differential privacy*, 2014, theorem 3.14): their epsilons together never exceed the day's. A shopper who
comes on n days has lost at most n times that. ``<lake>/<collection>/privacy/day=YYYY-MM-DD.json`` is written
before any noise is drawn, so a crash spends without releasing and never the other way round.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from mmpipe.errors import CommitConflict, InvalidRequest, ObjectNotFound, StorageUnavailable

if TYPE_CHECKING:
    from datetime import datetime

    from mmpipe.objects import ObjectStore

_MAX_BYTES = 16_000_000
_ATTEMPTS = 8
_FRACTION = r"^[0-9]{1,400}(/[0-9]{1,400})?$"


class BudgetSpent(InvalidRequest):
    """A release that would exceed what the day may lose of its shoppers' privacy; nothing was released."""


class Spent(BaseModel):
    """One release's part of a day's epsilon, as an exact fraction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(pattern=r"^[a-z_]{1,40}$")
    epsilon: str = Field(pattern=_FRACTION)
    at: AwareDatetime


class Released(BaseModel):
    """A release as it is kept: product ids with a number, or pairs of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(pattern=r"^[a-z_]{1,40}$")
    epsilon: str = Field(pattern=_FRACTION)
    scale: str = Field(pattern=_FRACTION)
    threshold: int
    counts: tuple[tuple[tuple[str, ...], int], ...]


class DayLedger(BaseModel):
    """The content of one day's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: date
    spent: tuple[Spent, ...] = ()
    released: tuple[Released, ...] = ()

    def total(self) -> Fraction:
        """All that is spent, exactly."""
        return sum((Fraction(each.epsilon) for each in self.spent), Fraction(0))

    def of(self, kind: str) -> Released | None:
        """What was released of that kind, if it was."""
        return next((each for each in self.released if each.kind == kind), None)


class PrivacyLedger:
    """The ledgers of one collection. Safe for any number of processes."""

    def __init__(self, store: ObjectStore, collection_uri: str, per_day: Fraction) -> None:
        self._store = store
        self._uri = f"{collection_uri.rstrip('/')}/privacy"
        self._per_day = per_day

    def read(self, day: date) -> DayLedger:
        """What is known of a day. Raises ``StorageUnavailable``."""
        return self._read(day)[0]

    def spend(self, day: date, kind: str, epsilon: Fraction, now: datetime) -> None:
        """Take ``epsilon`` out of the day's budget, for good. Raises :class:`BudgetSpent` where less is left,
        ``ValueError`` for an epsilon that is not positive, ``CommitConflict``, ``StorageUnavailable``."""
        if epsilon <= 0:
            raise ValueError("epsilon is positive")

        def add(held: DayLedger) -> DayLedger:
            left = self._per_day - held.total()
            if epsilon > left:
                raise BudgetSpent(
                    "privacy.epsilon_per_day",
                    f"{day}: {float(epsilon):g} is asked, {float(max(left, Fraction(0))):g} of"
                    f" {float(self._per_day):g} is left; what was released before can be read again",
                )
            entry = Spent(kind=kind, epsilon=str(epsilon), at=now)
            return held.model_copy(update={"spent": (*held.spent, entry)})

        self._change(day, add)

    def keep(self, day: date, release: Released) -> Released:
        """Store a release that was paid for; the one that is there already stands, and is given back."""

        def add(held: DayLedger) -> DayLedger:
            if held.of(release.kind) is not None:
                return held
            return held.model_copy(update={"released": (*held.released, release)})

        return self._change(day, add).of(release.kind) or release

    def _change(self, day: date, change: Callable[[DayLedger], DayLedger]) -> DayLedger:
        for _ in range(_ATTEMPTS):
            held, etag = self._read(day)
            made = change(held)
            if made is held:
                return held
            data = made.model_dump_json(indent=1).encode()
            try:
                if etag is None:
                    self._store.write(self._of(day), data, if_none_match=True)
                else:
                    self._store.write(self._of(day), data, if_match=etag)
            except CommitConflict:
                continue
            return made
        raise CommitConflict(f"{self._of(day)}: others kept changing it first")

    def _read(self, day: date) -> tuple[DayLedger, str | None]:
        uri = self._of(day)
        try:
            data, found = self._store.read(uri, max_bytes=_MAX_BYTES)
        except ObjectNotFound:
            return DayLedger(day=day), None
        try:
            return DayLedger.model_validate_json(data), found.etag
        except ValidationError as error:
            # Taken for empty it would let the day be spent twice.
            raise StorageUnavailable(f"{uri} is no ledger: restore its former version") from error

    def _of(self, day: date) -> str:
        return f"{self._uri}/day={day.isoformat()}.json"
