"""Conditions on products, in JSON: what searches, boosts and rules say which products they mean by.

A condition is read by hand rather than by a union of models, so that an error names the place as the caller
wrote it (``filter.and[1].gte``) with one remedy, and so that no more is looked at than a valid one holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal, NoReturn, TypeAlias, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import definition_reference_schema

from mmpipe.schemas.product import FACET_FIELDS

MAX_DEPTH: Final = 8
MAX_COMPARISONS: Final = 100
MAX_VALUES: Final = 100
MAX_TEXT: Final = 200
MAX_NUMBER: Final = 10**15

Kind = Literal[
    "text", "path", "id", "group", "title", "money", "flag", "number", "moment", "identifier", "attribute"
]
Operator = Literal["eq", "in", "gte", "gt", "lte", "lt", "exists", "prefix"]
Bound: TypeAlias = Decimal | str
Scalar: TypeAlias = bool | Decimal | str

OPERATORS: Final[tuple[Operator, ...]] = get_args(Operator)
_RANGE: Final[tuple[Operator, ...]] = ("gte", "gt", "lte", "lt")
ATTRIBUTE: Final = "attributes."
FIELDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys((*FACET_FIELDS, "currency", "language"), "text"),
    "category": "path",
    "id": "id",
    "item_group_id": "group",
    "title": "title",
    "price": "money",
    "list_price": "money",
    "on_sale": "flag",
    "rating": "number",
    "rating_count": "number",
    "added": "moment",
    "identifier": "identifier",
}
_TAKES: Final[Mapping[Kind, tuple[Operator, ...]]] = {
    "text": ("eq", "in", "prefix", "exists"),
    "path": ("eq", "in", "prefix", "exists"),
    "id": ("eq", "in", "prefix", "exists"),
    "group": ("eq", "in", "prefix", "exists"),
    "title": ("prefix", "exists"),
    "money": ("eq", "in", *_RANGE, "exists"),
    "flag": ("eq",),
    "number": ("eq", "in", *_RANGE, "exists"),
    "moment": (*_RANGE, "exists"),
    "identifier": ("eq", "in"),
    "attribute": OPERATORS,
}
_ONE_OF: Final = 'give one of {"and": […]}, {"or": […]}, {"not": {…}} and {"field": …, "eq": …}'
_AMOUNT: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,12})?")
_CURRENCY: Final = re.compile(r"[A-Za-z]{3}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(rf"{_DAY.pattern}[T ][0-9:.]{{4,15}}(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})?")
# A number, which may have a unit behind it.
_MEASURE: Final = re.compile(r"[+-]?[0-9][0-9.,]*[ -]?[^0-9]{0,20}")


class Condition(BaseModel):
    """One of ``{"and": […]}``, ``{"or": […]}``, ``{"not": …}`` and a comparison, ``{"field": …, "eq": …}``.

    Read by ``model_validate`` and ``model_validate_json``, and as a field of other models, to one of
    :class:`And`, :class:`Or`, :class:`Not` and :class:`Comparison`. At most :data:`MAX_DEPTH` deep (a
    comparison by itself is 1), with at most :data:`MAX_COMPARISONS` comparisons. Frozen.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, value: Any, _handler: ModelWrapValidatorHandler[Condition]) -> Condition:
        return value if isinstance(value, Condition) else _Reader().read(value, (), 1)

    @model_serializer(mode="plain")
    def _written(self) -> dict[str, Any]:
        return self.as_json()

    def as_json(self) -> dict[str, Any]:
        """The condition as JSON has it; amounts are decimal texts."""
        raise NotImplementedError

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        own = handler(definition_reference_schema(core_schema["ref"]))
        return {
            "description": f"which products are meant: at most {MAX_DEPTH} deep, with {MAX_COMPARISONS}"
            " comparisons; docs/filters.md",
            "anyOf": _json_schemas(own["$ref"]),
        }


class And(Condition):
    """All of ``parts`` hold."""

    parts: tuple[Condition, ...]

    def as_json(self) -> dict[str, Any]:
        """See :meth:`Condition.as_json`."""
        return {"and": [part.as_json() for part in self.parts]}


class Or(Condition):
    """Any of ``parts`` holds."""

    parts: tuple[Condition, ...]

    def as_json(self) -> dict[str, Any]:
        """See :meth:`Condition.as_json`."""
        return {"or": [part.as_json() for part in self.parts]}


class Not(Condition):
    """``part`` does not hold: that is so too of products that do not have its field."""

    part: Condition

    def as_json(self) -> dict[str, Any]:
        """See :meth:`Condition.as_json`."""
        return {"not": self.part.as_json()}


class Comparison(Condition):
    """A field, and one kind of operator: ``eq``, ``in``, a range (one or both sides), ``exists`` or
    ``prefix``. Numbers are ``Decimal``; ``currency`` is upper case, and of prices only."""

    field: str
    eq: Scalar | None = None
    values: tuple[Scalar, ...] | None = None
    gte: Bound | None = None
    gt: Bound | None = None
    lte: Bound | None = None
    lt: Bound | None = None
    exists: bool | None = None
    prefix: str | None = None
    currency: str | None = None

    @classmethod
    def of(cls, field: str, values: Sequence[Scalar]) -> Comparison:
        """That a known field has any of some values, which are taken as they are."""
        return cls.model_construct(field=field, values=tuple(values))

    @property
    def kind(self) -> Kind:
        """What sort of field it is."""
        return "attribute" if self.field.startswith(ATTRIBUTE) else FIELDS[self.field]

    @property
    def attribute(self) -> str:
        """The name of the free attribute that is compared."""
        return self.field.removeprefix(ATTRIBUTE)

    @property
    def any_of(self) -> tuple[Scalar, ...]:
        """The values of ``eq`` or ``in``; none where another operator is given."""
        if self.eq is not None:
            return (self.eq,)
        return self.values or ()

    def as_json(self) -> dict[str, Any]:
        """See :meth:`Condition.as_json`."""
        given = ((name, getattr(self, name)) for name in Comparison.model_fields)
        return {
            "in" if name == "values" else name: _plain(value) for name, value in given if value is not None
        }


def _json_schemas(reference: str) -> list[JsonSchemaValue]:
    """The JSON schemas of the four kinds, where ``reference`` is that of any."""
    condition = {"$ref": reference}
    text = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
    scalar = {"anyOf": [text, {"type": "number"}, {"type": "boolean"}]}
    bound = {"anyOf": [{"type": "number"}, text]}
    parts = {"type": "array", "items": condition, "minItems": 1, "maxItems": MAX_COMPARISONS}
    members: dict[str, JsonSchemaValue] = {
        "field": {**text, "description": f"{', '.join(FIELDS)}, or attributes.NAME of a free attribute"},
        "eq": scalar,
        "in": {"type": "array", "items": scalar, "minItems": 1, "maxItems": MAX_VALUES},
        **dict.fromkeys(_RANGE, bound),
        "exists": {"type": "boolean"},
        "prefix": text,
        "currency": {
            "type": "string",
            "pattern": f"^{_CURRENCY.pattern}$",
            "description": "of price and list_price; the collection's own unless given",
        },
    }
    kinds: list[tuple[dict[str, JsonSchemaValue], str]] = [
        ({"and": parts}, "and"), ({"or": parts}, "or"), ({"not": condition}, "not"), (members, "field"),
    ]  # fmt: skip
    return [
        {"type": "object", "properties": of_kind, "required": [name], "additionalProperties": False}
        for of_kind, name in kinds
    ]


def comparisons(condition: Condition) -> Iterator[Comparison]:
    """Those that a condition is made of, from left to right."""
    match condition:
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from comparisons(part)
        case Not(part=part):
            yield from comparisons(part)
        case Comparison():
            yield condition


def takes(field: str) -> tuple[Operator, ...]:
    """The operators of a known field."""
    return _TAKES[_kind_of(field, ("field",))]


def moment(text: str, *, end: bool) -> float:
    """The Unix seconds of an ISO 8601 date or timestamp, UTC where it names no time zone; of a date the first
    moment of the day, or with ``end`` that of the next. Raises ``ValueError`` for another text."""
    is_day = _DAY.fullmatch(text) is not None
    if not is_day and not _MOMENT.fullmatch(text):
        raise ValueError("no ISO 8601 date or timestamp")
    found = datetime.fromisoformat(text)
    seconds = (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    return seconds + 86_400 if end and is_day else seconds


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


class _Reader:
    """Reads one condition, counting what it holds. Raises ``ValidationError``, whose one entry names the
    place below the condition's own."""

    def __init__(self) -> None:
        self._comparisons = 0

    def read(self, value: Any, place: tuple[str, ...], depth: int) -> Condition:
        if not isinstance(value, Mapping):
            _refuse(place, f"is no condition; {_ONE_OF}")
        if depth > MAX_DEPTH:
            _refuse(place, f"is nested deeper than {MAX_DEPTH} levels; write it flatter")
        if "field" in value:
            return self._comparison(value, place)
        if len(value) != 1 or (name := next(iter(value))) not in ("and", "or", "not"):
            _refuse(place, f"is no condition; {_ONE_OF}")
        if name == "not":
            return Not.model_construct(part=self.read(value[name], (*place, name), depth + 1))
        parts = value[name]
        if not _is_list(parts) or not 0 < len(parts) <= MAX_COMPARISONS:
            _refuse((*place, name), f"must be a list of 1 to {MAX_COMPARISONS} conditions")
        kind = And if name == "and" else Or
        read = (self.read(part, (*place, f"{name}[{at}]"), depth + 1) for at, part in enumerate(parts))
        return kind.model_construct(parts=tuple(read))

    def _comparison(self, value: Mapping[str, Any], place: tuple[str, ...]) -> Comparison:
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            _refuse(place, f"is one comparison more than the {MAX_COMPARISONS} that a condition may have")
        field = _text(value["field"], (*place, "field"))
        kind = _kind_of(field, (*place, "field"))
        takes = _TAKES[kind]
        given = [name for name in value if name not in ("field", "currency")]
        for name in given:
            if name not in takes:
                known = f"{field if len(field) <= 60 else 'the field'} takes {_listed(takes)}"
                if name not in OPERATORS:
                    _refuse(place, f"has a member that is no operator; {known}")
                _refuse((*place, name), f"is no operator of this field; {known}")
        self._one_kind(given, takes, place)
        found: dict[str, Any] = {"field": field}
        for name in given:
            found["values" if name == "in" else name] = _operand(kind, name, value[name], (*place, name))
        if "currency" in value:
            found["currency"] = _currency(kind, value["currency"], (*place, "currency"))
        _check_order(kind, found, place)
        return Comparison.model_construct(**found)

    @staticmethod
    def _one_kind(given: Sequence[str], takes: Sequence[str], place: tuple[str, ...]) -> None:
        if not given:
            _refuse(place, f"compares with nothing; give one of {_listed(takes)}")
        if len(given) == 1:
            return
        if any(name not in _RANGE for name in given):
            _refuse(
                (*place, given[1]), "is given beside another operator; give one, and join several by 'and'"
            )
        for sides in (("gte", "gt"), ("lte", "lt")):
            if all(side in given for side in sides):
                _refuse((*place, sides[1]), f"is given beside {sides[0]}; give one of them")


def _kind_of(field: str, place: tuple[str, ...]) -> Kind:
    if field.startswith(ATTRIBUTE):
        if not field.removeprefix(ATTRIBUTE).strip():
            _refuse(place, "names no attribute; write attributes.NAME, as in attributes.sole")
        return "attribute"
    kind = FIELDS.get(field)
    if kind is None:
        _refuse(place, f"unknown field; known are {', '.join(FIELDS)} and attributes.NAME")
    return kind


def _operand(kind: Kind, name: str, value: Any, place: tuple[str, ...]) -> Any:
    if name == "exists":
        return _flag(value, place)
    if name == "prefix":
        return _text(value, place)
    if name == "in":
        if not _is_list(value) or not 0 < len(value) <= MAX_VALUES:
            _refuse(place, f"must be a list of 1 to {MAX_VALUES} values")
        within = place[:-1]
        return tuple(_scalar(kind, each, (*within, f"in[{at}]")) for at, each in enumerate(value))
    if name == "eq":
        return _scalar(kind, value, place)
    if kind == "moment":
        return _moment(value, place)
    return _measure(value, place) if kind == "attribute" else _number(value, place)


def _scalar(kind: Kind, value: Any, place: tuple[str, ...]) -> Scalar:
    if kind == "flag":
        return _flag(value, place)
    return _number(value, place) if kind in ("money", "number") else _text(value, place)


def _flag(value: Any, place: tuple[str, ...]) -> bool:
    if not isinstance(value, bool):
        _refuse(place, "must be true or false")
    return value


def _text(value: Any, place: tuple[str, ...]) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or not (text := value.strip()):
        _refuse(place, f"must be a text of 1 to {MAX_TEXT} characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(place, "holds half a surrogate pair; send whole characters")
    return text


def _number(value: Any, place: tuple[str, ...]) -> Decimal:
    found: Decimal | None = None
    if isinstance(value, str):
        if len(value) <= MAX_TEXT and _AMOUNT.fullmatch(value.strip()):
            found = Decimal(value.strip())
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found = Decimal(str(value)) if -MAX_NUMBER < value < MAX_NUMBER else None
    if found is None:
        _refuse(place, 'must be a number below 10^15, as in 19.99 or "19.99"')
    return found


def _moment(value: Any, place: tuple[str, ...]) -> str:
    try:
        text = _text(value, place)
        moment(text, end=False)
    except ValueError as error:
        if isinstance(error, ValidationError):
            raise
        _refuse(place, "must be an ISO 8601 date or timestamp, as in 2026-03-31 or 2026-03-31T18:00:00Z")
    return text


def _measure(value: Any, place: tuple[str, ...]) -> Bound:
    if not isinstance(value, str):
        return _number(value, place)
    text = _text(value, place)
    if _AMOUNT.fullmatch(text):
        return Decimal(text)
    if _DAY.match(text):
        return _moment(text, place)
    if not _MEASURE.fullmatch(text):
        _refuse(place, 'must be a number, one with its unit, or a date, as in 40, "500 ml" or "2026-03-31"')
    return text


def _currency(kind: Kind, value: Any, place: tuple[str, ...]) -> str:
    if kind != "money":
        _refuse(place, "is for price and list_price; leave it out")
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        _refuse(place, "must be three letters, as in USD")
    return value.upper()


def _check_order(kind: Kind, found: Mapping[str, Any], place: tuple[str, ...]) -> None:
    low = next((name for name in ("gte", "gt") if name in found), None)
    high = next((name for name in ("lte", "lt") if name in found), None)
    if low is None or high is None:
        return
    if kind == "moment":
        wrong = moment(found[low], end=low == "gt") > moment(found[high], end=high == "lte")
    else:
        both = found[low], found[high]
        wrong = all(isinstance(each, Decimal) for each in both) and both[0] > both[1]
    if wrong:
        _refuse((*place, low), f"must not exceed {high}")


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _refuse(place: tuple[str, ...], reason: str) -> NoReturn:
    # What was sent is not repeated: it may be large, or no text that can be written.
    error = PydanticCustomError("condition", "{reason}", {"reason": reason})
    entry = InitErrorDetails(type=error, loc=place, input=None)
    raise ValidationError.from_exception_data("Condition", [entry])
