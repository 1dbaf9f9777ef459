"""Moments and periods as feeds write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

_SPACES: Final = re.compile(r"\s+")
_ZONE: Final = re.compile(r" ?([+-]\d{2}):?(\d{2})?$")
_UTC: Final = re.compile(r" ?(?:UTC|GMT|Z)$", re.IGNORECASE)
_SEPARATORS: Final = (re.compile(r" (?:[-–—]|to) "), re.compile(r" / "))
# Of a clock of twelve hours, and the end of a day that ISO 8601 calls 24:00.
_TWELVE: Final = re.compile(r"(\d{1,2})(?::(\d{2}))?(:\d{2})? ?([ap])\.?m\.?(?=$|[ +-])", re.IGNORECASE)
_MIDNIGHT: Final = re.compile(r"(?<=[T ])24(?=:?00(?:\D|$))")
_OTHER_DAYS: Final = ("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y%m%d")
_NEVER: Final = ("0000-00-00", "0001-01-01")
_MAX_CHARACTERS: Final = 64


class InvalidMoment(ValueError):
    """No date; the text says what to write."""


def moment(text: str, *, end: bool = False) -> datetime | None:
    """One date or time with its zone, UTC where it names none; None for an empty text, for the zero date by
    which databases say "no date", and for the last ones of the calendar, by which they say "for ever".

    A day alone means its start, as the ``end`` of a period the start of the day after: the day still counts.
    ISO 8601, and ``d.m.Y`` and ``m/d/Y`` or ``d/m/Y`` for days where only one of them can be meant. Raises
    :class:`InvalidMoment`.
    """
    text = _SPACES.sub(" ", text[: 2 * _MAX_CHARACTERS].strip())
    if not text or text.startswith(_NEVER):
        return None
    found = _read(text) if len(text) <= _MAX_CHARACTERS else None
    if found is None:
        raise InvalidMoment(f"{text[:40]!r} is no date: write it as 2026-01-31 or 2026-01-31T09:00+01:00")
    try:
        if isinstance(found, datetime):
            found.astimezone(UTC)
            return found
        start = datetime(found.year, found.month, found.day, tzinfo=UTC)
        return start + timedelta(days=1) if end else start
    except OverflowError:
        return None


def period(text: str) -> tuple[datetime | None, datetime | None]:
    """``start/end`` as (start, end). Raises :class:`InvalidMoment`."""
    start, separator, end = _split(_SPACES.sub(" ", text[: 4 * _MAX_CHARACTERS].strip()))
    if not separator:
        raise InvalidMoment(f"{text[:60]!r} is no period: write 2026-01-01T00:00Z/2026-01-31T23:59Z")
    return moment(start), moment(end, end=True)


def _split(text: str) -> tuple[str, str, str]:
    if text.count("/") == 1:
        return text.partition("/")
    # Days may hold the mark themselves: 01/31/2026 - 02/28/2026.
    for separator in _SEPARATORS:
        found = separator.search(text)
        if found is not None:
            return text[: found.start()], "/", text[found.end() :]
    return text, "", ""


def _read(text: str) -> datetime | date | None:
    """A time with its zone, or a day alone."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    text = _TWELVE.sub(_of_day, _ZONE.sub(_with_minutes, _UTC.sub("+00:00", text)), count=1)
    midnight = _MIDNIGHT.sub("00", text)
    if midnight != text:
        start = _read(midnight)
        if not isinstance(start, datetime) or start.time() != time.min:
            return None
        # The last midnight of the calendar is for ever, as its last days are.
        return start + timedelta(days=1) if start.date() < date.max else date.max
    found = _time(text)
    if found is not None:
        return found
    first, _, rest = text.partition(" ")
    days: set[date] = set()
    for pattern in _OTHER_DAYS:
        try:
            days.add(datetime.strptime(first, pattern).date())
        except ValueError:
            continue
    if len(days) != 1:
        return None
    day = days.pop()
    return _time(f"{day.isoformat()} {rest}") if rest else day


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _of_day(twelve: re.Match[str]) -> str:
    hour = int(twelve[1])
    if not 1 <= hour <= 12:
        return twelve[0]
    return f"{hour % 12 + 12 * (twelve[4] in 'pP'):02}:{twelve[2] or '00'}{twelve[3] or ''}"


def _with_minutes(zone: re.Match[str]) -> str:
    return f"{zone[1]}:{zone[2] or '00'}"
