"""Conditions in JSON: what is read, and that whatever else is sent is refused at its place, at once."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from mmpipe.schemas.conditions import (
    FIELDS,
    MAX_COMPARISONS,
    OPERATORS,
    And,
    Comparison,
    Condition,
    Not,
    Or,
    moment,
)
from tests.unit.search.conditions import conditions

BRAND = {"field": "brand", "eq": "Acme"}


class Request(BaseModel):
    filter: Condition | None = None


def refused(value: Any, *, text: str | None = None) -> tuple[str, str]:
    """Place and reason."""
    body = json.dumps({"filter": value}) if text is None else text
    with pytest.raises(ValidationError) as caught:
        Request.model_validate_json(body)
    (entry,) = caught.value.errors(include_url=False, include_input=False)
    return ".".join(map(str, entry["loc"])), entry["msg"]


def test_every_kind_is_read() -> None:
    read = Condition.model_validate(
        {
            "and": [
                {"or": [BRAND, {"field": "size", "in": [" L ", "XL"]}]},
                {"not": {"field": "id", "prefix": "a"}},
            ]
        }
    )
    assert isinstance(read, And)
    either, other = read.parts
    assert isinstance(either, Or)
    assert isinstance(other, Not)
    assert isinstance(either.parts[1], Comparison)
    assert either.parts[1].any_of == ("L", "XL")


def test_amounts_are_exact_as_number_and_as_text() -> None:
    for written in ("19.99", '"19.99"', '" 19.990"'):
        read = Condition.model_validate_json(f'{{"field": "price", "lte": {written}, "currency": "usd"}}')
        assert isinstance(read, Comparison)
        assert (read.lte, read.currency) == (Decimal("19.99"), "USD")


@given(conditions())
def test_what_was_read_is_written_and_read_again(condition: dict[str, Any]) -> None:
    request = Request.model_validate({"filter": condition})
    again = Request.model_validate_json(request.model_dump_json())
    assert again == request
    assert request.filter is not None
    assert again.model_dump()["filter"] == request.filter.as_json()
    assert Request(filter=request.filter).filter is request.filter


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ([], "filter"),
        ({}, "filter"),
        ("brand:acme", "filter"),
        (True, "filter"),
        ({"and": [BRAND], "or": [BRAND]}, "filter"),
        ({"xor": [BRAND]}, "filter"),
        ({"and": []}, "filter.and"),
        ({"and": BRAND}, "filter.and"),
        ({"or": "brand"}, "filter.or"),
        ({"not": [BRAND]}, "filter.not"),
        ({"and": [BRAND, {"field": "price", "gte": True}]}, "filter.and[1].gte"),
        (
            {"or": [BRAND, {"not": {"and": [{"field": "rating", "lt": "high"}]}}]},
            "filter.or[1].not.and[0].lt",
        ),
        ({"field": "brand"}, "filter"),
        ({"field": 7, "eq": "a"}, "filter.field"),
        ({"field": "bran", "eq": "a"}, "filter.field"),
        ({"field": "__class__", "eq": "a"}, "filter.field"),
        ({"field": "private", "exists": True}, "filter.field"),
        ({"field": "attributes.", "eq": "a"}, "filter.field"),
        ({"field": "attributes. ", "eq": "a"}, "filter.field"),
        ({"field": "brand", "eq": "a", "in": ["b"]}, "filter.in"),
        ({"field": "brand", "eq": "a", "$where": "1"}, "filter"),
        ({"field": "brand", "gte": "a"}, "filter.gte"),
        ({"field": "brand", "eq": 7}, "filter.eq"),
        ({"field": "brand", "eq": None}, "filter.eq"),
        ({"field": "brand", "eq": " "}, "filter.eq"),
        ({"field": "brand", "eq": "a" * 201}, "filter.eq"),
        ({"field": "brand", "in": []}, "filter.in"),
        ({"field": "brand", "in": "ab"}, "filter.in"),
        ({"field": "brand", "in": {"a": 1}}, "filter.in"),
        ({"field": "brand", "in": ["a"] * 101}, "filter.in"),
        ({"field": "brand", "in": ["a", ["b"]]}, "filter.in[1]"),
        ({"field": "brand", "exists": "true"}, "filter.exists"),
        ({"field": "brand", "prefix": ""}, "filter.prefix"),
        ({"field": "brand", "eq": "a", "currency": "USD"}, "filter.currency"),
        ({"field": "title", "eq": "a"}, "filter.eq"),
        ({"field": "on_sale", "eq": 1}, "filter.eq"),
        ({"field": "price", "prefix": "1"}, "filter.prefix"),
        ({"field": "price", "eq": "1e3"}, "filter.eq"),
        ({"field": "price", "eq": "0x10"}, "filter.eq"),
        ({"field": "price", "eq": "NaN"}, "filter.eq"),
        ({"field": "price", "eq": "٣"}, "filter.eq"),
        ({"field": "price", "eq": "9" * 150}, "filter.eq"),
        ({"field": "price", "eq": 10**15}, "filter.eq"),
        ({"field": "price", "gte": 5, "lte": "4.99"}, "filter.gte"),
        ({"field": "price", "gte": 5, "gt": 4}, "filter.gt"),
        ({"field": "price", "gte": 5, "exists": True}, "filter.exists"),
        ({"field": "price", "gte": 5, "currency": "dollars"}, "filter.currency"),
        ({"field": "price", "gte": 5, "currency": ["USD"]}, "filter.currency"),
        ({"field": "added", "eq": "2026-01-01"}, "filter.eq"),
        ({"field": "added", "gte": "2026-02-30"}, "filter.gte"),
        ({"field": "added", "gte": "yesterday"}, "filter.gte"),
        ({"field": "added", "gte": 1_767_225_600}, "filter.gte"),
        ({"field": "added", "gt": "2026-01-02", "lt": "2026-01-02"}, "filter.gt"),
        ({"field": "attributes.volume", "gte": "a lot"}, "filter.gte"),
        ({"field": "attributes.volume", "gte": "2026-13-01"}, "filter.gte"),
        ({"field": "attributes.volume", "gte": "1; DROP TABLE products"}, "filter.gte"),
        ({"field": "attributes.volume", "gte": 9, "lte": 8}, "filter.gte"),
    ],
)
def test_what_is_refused_is_named_with_its_place_and_a_remedy(value: Any, place: str) -> None:
    found, reason = refused(value)
    assert found == place
    assert 10 < len(reason) <= 300


def test_unknown_fields_and_operators_are_answered_with_the_known_ones() -> None:
    assert all(name in refused({"field": "bran", "eq": "a"})[1] for name in FIELDS)
    assert refused({"field": "rating", "prefix": "4"})[1].endswith(
        "rating takes eq, in, gte, gt, lte, lt and exists"
    )


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 4_000, "1" + "0" * 15]
)
def test_no_number_beyond_any_amount_is_taken(number: str) -> None:
    for field in ("price", "rating", "attributes.volume"):
        place, _ = refused(None, text=f'{{"filter": {{"field": "{field}", "gte": {number}}}}}')
        assert place == "filter.gte"


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = BRAND
    for level in range(levels - 1):
        value = {"not": value} if level % 2 else {"and": [value]}
    return value


def test_eight_levels_are_read_and_nine_are_not() -> None:
    Condition.model_validate(nested(8))
    place, reason = refused(nested(9))
    assert (place.count("and[0]"), "8 levels" in reason) == (4, True)
    deep = nested(90_000)
    with pytest.raises(ValidationError, match="8 levels"):
        Condition.model_validate(deep)
    while deep is not BRAND:  # or its end would be one call within the other
        deep = deep["not"] if "not" in deep else deep["and"][0]


def test_a_hundred_comparisons_are_read_and_one_more_is_not() -> None:
    half = {"or": [BRAND] * (MAX_COMPARISONS // 2)}
    Condition.model_validate({"and": [half, half]})
    assert refused({"and": [half, half, BRAND]})[0] == "filter.and[2]"
    assert refused({"and": [BRAND] * 101})[0] == "filter.and"


def test_a_hundred_thousand_members_are_not_looked_at() -> None:
    class Counted(dict[str, Any]):
        looked = 0

        def __contains__(self, name: object) -> bool:
            Counted.looked += 1
            return super().__contains__(name)

    many = [Counted(BRAND) for _ in range(100_000)]
    for value in ({"or": many}, {"and": [{"or": many[:90]}, {"or": many}]}):
        with pytest.raises(ValidationError):
            Condition.model_validate(value)
    assert Counted.looked <= 200
    assert refused({"field": "brand", **{f"x{n}": n for n in range(100_000)}})[0] == "filter"
    assert refused({"field": "brand", "in": ["a"] * 100_000})[0] == "filter.in"


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\udc80b"])
def test_half_a_surrogate_pair_is_refused_wherever_it_stands(text: str) -> None:
    for value in (
        {"field": "brand", "eq": text},
        {"field": text, "eq": "a"},
        {"field": f"attributes.{text}", "eq": "a"},
    ):
        with pytest.raises(ValidationError) as caught:
            Condition.model_validate(value)
        str(caught.value).encode()
    with pytest.raises(ValidationError) as caught:
        Condition.model_validate({text: "a"})
    str(caught.value).encode()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([*OPERATORS, "and", "or", "not", "field", "currency", "x"])
                | st.text(max_size=3),
                inner | st.sampled_from([*FIELDS, "attributes.a"]),
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_anything_is_read_or_refused(value: Any) -> None:
    try:
        read = Condition.model_validate(value)
    except ValidationError:
        return
    assert Condition.model_validate(read.as_json()) == read


def test_a_date_is_its_whole_day() -> None:
    day = 86_400.0
    begin = moment("2026-03-31", end=False)
    assert moment("2026-03-31", end=True) - begin == day
    assert moment("2026-03-31T00:00:00Z", end=True) == begin
    assert moment("2026-03-31T08:00+08:00", end=False) == begin
    assert moment("9999-12-31", end=True) > moment("9999-12-31", end=False)


def test_the_json_schema_tells_of_all_kinds() -> None:
    schema = Request.model_json_schema()
    kinds = schema["$defs"]["Condition"]["anyOf"]
    assert [kind["required"] for kind in kinds] == [["and"], ["or"], ["not"], ["field"]]
    assert kinds[0]["properties"]["and"]["items"] == {"$ref": "#/$defs/Condition"}
    assert set(kinds[3]["properties"]) == {"field", "currency", *OPERATORS}
