"""What shoppers did: events as they arrive over HTTP or in a file, and what is answered.

Every event is judged alone (:func:`judge`): one that cannot be used is rejected with its field and a reason,
and the others count all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.types import StringConstraints
from pydantic_core import PydanticCustomError

EventType = Literal[
    "view",
    "impression",
    "search-click",
    "add-to-cart",
    "purchase",
    "like",
    "dislike",
    "rating",
    "search",
]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)
MAX_EVENTS = 1_000
MAX_ID = 128
# A clock that was never set says 1970; nobody has events of before there were shops on the web.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(days=1)
_STEP = timedelta(microseconds=1)
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"

Id = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID, pattern=PRINTABLE)]


def _hyphened(value: Any) -> Any:
    return value.replace("_", "-") if isinstance(value, str) else value


class Context(BaseModel):
    """What the shopper was looking at."""

    model_config = ConfigDict(extra="forbid")

    query_id: Id | None = Field(default=None, description="of the search whose result this was")
    query: Annotated[str, StringConstraints(max_length=1_000)] | None = Field(
        default=None, description="the words that were searched for"
    )
    position: int | None = Field(
        default=None, ge=0, le=1_000_000, description="place of the product in its list, 0 the first"
    )
    list: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        default=None, description="name of the list the product was in, as in for_you or search"
    )


class Interaction(BaseModel):
    """One event: something a shopper did. Underscores in ``type`` are taken for hyphens."""

    model_config = ConfigDict(extra="forbid")

    type: Annotated[EventType, BeforeValidator(_hyphened)]
    event_id: Id | None = Field(
        default=None,
        description="the same id twice counts once, however it arrives; without one it is made here, and an"
        " event that is sent again may count twice",
    )
    user_id: Id | None = Field(
        default=None, description="who is logged in; kept as a pseudonym, never as it is"
    )
    session_id: Id | None = Field(
        default=None, description="the visit; required where nobody is logged in; kept as a pseudonym"
    )
    product_id: Id | None = Field(default=None, description="required for every type but search")
    time: Annotated[str, StringConstraints(max_length=40)] | None = Field(
        default=None, description="ISO 8601, UTC where it has no offset; now if absent, in the order sent"
    )
    device: Annotated[str, StringConstraints(max_length=64)] | None = None
    rating: float | None = Field(
        default=None, ge=0, le=5, allow_inf_nan=False, description="required for, and only for, a rating"
    )
    quantity: int | None = Field(default=None, ge=1, le=1_000_000, description="how many were bought")
    context: Context | None = None

    @model_validator(mode="after")
    def _whole(self) -> Interaction:
        if self.user_id is None and self.session_id is None:
            raise _wrong("user_id", "give user_id, session_id or both: somebody did it")
        if self.product_id is None and self.type != "search":
            raise _wrong("product_id", f"is missing: a {self.type} is of a product")
        if (self.rating is None) == (self.type == "rating"):
            raise _wrong(
                "rating",
                "is missing: give 0 to 5"
                if self.rating is None
                else f"belongs to a rating, not a {self.type}",
            )
        return self


def _wrong(name: str, reason: str) -> PydanticCustomError:
    return PydanticCustomError("interaction", "{reason}", {"field": name, "reason": reason})


class InteractionsRequest(BaseModel):
    """Up to 1,000 events of one collection. A single event may also be the body itself, with ``collection``
    beside its fields."""

    model_config = ConfigDict(extra="forbid")

    collection: str | None = Field(
        default=None, max_length=63, description="omit where the lake has only one"
    )
    interactions: list[Interaction] = Field(min_length=1, max_length=MAX_EVENTS)


class Rejected(BaseModel):
    """One event that was not stored."""

    index: int = Field(description="its place in the request, from 0")
    event_id: str | None = None
    field: str
    reason: str


class InteractionsResponse(BaseModel):
    """What became of the events of one request. Accepted ones are stored durably."""

    accepted: int
    duplicates: int = Field(
        description="known here to be stored already; the same event may be accepted twice, by two replicas"
        " or long after another, and counts once all the same"
    )
    unknown_products: int | None = Field(
        description="accepted events of products that are not in the live version; null where this service"
        " does not hold it"
    )
    rejected: list[Rejected] = Field(default_factory=list)


@dataclass(slots=True)
class Judged:
    """Events that can be stored, when each occurred (UTC), and where it stood; the others; and when all of
    them arrived."""

    received_at: datetime
    events: list[Interaction] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def judge(events: Iterable[tuple[int, Interaction | Any]], now: datetime, *, keep: timedelta) -> Judged:
    """Each event by itself: its place, and an :class:`Interaction` or what JSON gave.

    ``now`` is when they arrived, and the time of those without one, a microsecond later by each place. An
    event of before 1990, of more than ``keep`` ago (it would not be kept) or of more than a day ahead is
    rejected. Reasons quote no value.
    """
    judged = Judged(now)
    latest, oldest = now + CLOCK_SKEW, max(EARLIEST, now - keep)
    for place, given in events:
        if isinstance(given, Interaction):
            event = given
        else:
            try:
                event = Interaction.model_validate(given)
            except ValidationError as error:
                judged.rejected.append(rejected(place, given, error))
                continue
        if event.time is None:
            # As they stand: what came first happened first.
            moment = now + place * _STEP
        else:
            reason, moment = _moment(event.time, now, oldest, latest)
            if reason:
                judged.rejected.append(
                    Rejected(index=place, event_id=event.event_id, field="time", reason=reason)
                )
                continue
        judged.events.append(event)
        judged.times.append(moment)
        judged.places.append(place)
    return judged


def _moment(text: str, now: datetime, oldest: datetime, latest: datetime) -> tuple[str, datetime]:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return "is no ISO 8601 time; write it as 2026-01-31T09:30:00Z", now
    if moment > latest:
        return "lies more than a day in the future; check the clock that made it", now
    if moment < EARLIEST:
        return "lies before 1990; check the clock that made it", now
    if moment < oldest:
        return f"is of more than {(now - oldest).days} days ago, and events are kept no longer", now
    return "", moment


def rejected(place: int, given: Any, error: ValidationError) -> Rejected:
    """The first fault of an event that pydantic refused; quotes no value but the event's own id."""
    fault = error.errors(include_url=False, include_input=False)[0]
    context = fault.get("ctx") or {}
    if fault["type"] == "interaction":
        name, reason = str(context["field"]), str(context["reason"])
    else:
        name = ".".join(str(part)[:100] for part in fault["loc"])
        reason = "unknown field; remove it" if fault["type"] == "extra_forbidden" else str(fault["msg"])
    held = given.get("event_id") if isinstance(given, dict) else None
    known = held if isinstance(held, str) and len(held) <= MAX_ID else None
    return Rejected(index=place, event_id=known, field=name or "event", reason=reason[:300])
