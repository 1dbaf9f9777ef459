"""Moments and periods as feeds write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_SPACES: Final = re.compile(r"\s+")
_SHORT_ZONE: Final = re.compile(r"([+-]\d{2})(\d{2})?$")
_SEPARATOR: Final = re.compile(r"\s*/\s*|\s+-\s+|\s+to\s+")
_OTHER_DAYS: Final = ("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y%m%d")
_NEVER: Final = ("0000-00-00", "0001-01-01")


class InvalidMoment(ValueError):
    """No date; the text says what to write."""


def moment(text: str, *, end: bool = False) -> datetime | None:
    """One date or time with its zone, UTC where it names none; None for an empty text, and for the zero date
    by which databases say "no date".

    A day alone means its start, as the ``end`` of a period the start of the day after: the day still counts.
    ISO 8601, and ``d.m.Y`` and ``m/d/Y`` or ``d/m/Y`` for days where only one of them can be meant. Raises
    :class:`InvalidMoment`.
    """
    text = _SPACES.sub(" ", text.strip())
    if not text or text.startswith(_NEVER):
        return None
    if _DAY.fullmatch(text) is None:
        found = _time(text)
        if found is not None:
            return found
    day = _day(text)
    if day is None:
        raise InvalidMoment(f"{text[:40]!r} is no date: write it as 2026-01-31 or 2026-01-31T09:00+01:00")
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start + timedelta(days=1) if end else start


def period(text: str) -> tuple[datetime | None, datetime | None]:
    """``start/end`` as (start, end). Raises :class:`InvalidMoment`."""
    start, separator, end = _split(text.strip())
    if not separator:
        raise InvalidMoment(f"{text[:60]!r} is no period: write 2026-01-01T00:00Z/2026-01-31T23:59Z")
    return moment(start), moment(end, end=True)


def _split(text: str) -> tuple[str, str, str]:
    if text.count("/") == 1:
        return text.partition("/")
    found = _SEPARATOR.search(text)
    if found is None:
        return text, "", ""
    return text[: found.start()], "/", text[found.end() :]


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(_SHORT_ZONE.sub(_with_minutes, text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _with_minutes(zone: re.Match[str]) -> str:
    return f"{zone[1]}:{zone[2] or '00'}"


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    found: set[date] = set()
    for pattern in _OTHER_DAYS:
        try:
            found.add(datetime.strptime(text.split(" ")[0], pattern).date())
        except ValueError:
            continue
    return found.pop() if len(found) == 1 else None
