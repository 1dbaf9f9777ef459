"""One source row to one feed row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mmpipe.catalogue.columns import availability_of
from mmpipe.catalogue.normalise import fields_of, id_of, operation_of
from mmpipe.catalogue.roles import Roles
from mmpipe.catalogue.rows import INCOMPLETE_KEY, FeedRow, Record, raw_of
from mmpipe.errors import InvalidRow
from mmpipe.schemas.product import PRODUCT_ID_PATTERN, Availability, Product

_ID_REMEDY: Final = "use at most 128 letters, digits and . : @ + - _ , a letter or digit first"


def build_row(source: Record, default_currency: str, roles: Roles) -> FeedRow:
    """The product, the deletion, the stock or the reason against it; never raises for what a row holds."""
    values = source.values
    if values is None:
        problem = source.problem or InvalidRow("row", "holds nothing: remove it")
        return FeedRow(row=source.row, raw=source.raw or "", reject=problem)
    product_id = _readable_id(values)
    raw = source.raw if source.raw is not None else raw_of(_with_meaning(source), source.inline_media)
    try:
        if source.problem is not None:
            raise source.problem
        if INCOMPLETE_KEY in values:
            raise InvalidRow("row", f"{values[INCOMPLETE_KEY]!s:.200}: upload the file itself again")
        operation = operation_of(values)
        withdrawn = operation == "delete" or source.meaning == "withdrawn"
        if not withdrawn and "stock" in (operation, source.meaning):
            if product_id is None:
                raise _id_problem(values)
            group = source.group_id or str(values.get("item_group_id") or "").strip() or None
            return FeedRow(
                row=source.row, raw=raw, stock=_stock(values), product_id=product_id, group_id=group
            )
        fields = None if withdrawn else fields_of(values, default_currency, roles)
        if fields is None:
            for key in values:
                roles.of(key)  # the findings hear of every column, also where the first rows are withdrawn
            if product_id is None:
                raise _id_problem(values)
            return FeedRow(
                row=source.row, raw=raw, delete_id=product_id, product_id=product_id, group_id=source.group_id
            )
        if "id" not in fields or product_id is None:
            raise _id_problem(values)
        fields["id"] = product_id
        product = Product.model_validate(fields)
    except InvalidRow as problem:
        return FeedRow(row=source.row, raw=raw, reject=problem, product_id=product_id)
    except ValidationError as error:
        return FeedRow(row=source.row, raw=raw, reject=_explained(error), product_id=product_id)
    return FeedRow(
        row=source.row,
        raw=raw,
        product=product,
        product_id=product_id,
        group=source.meaning == "group",
        inline_media=source.inline_media,
    )


def _with_meaning(source: Record) -> Mapping[str, Any]:
    """The values, saying for themselves that they are the stock of a known product, and of which."""
    values = source.values or {}
    if source.meaning != "stock":
        return values
    group = {"item_group_id": source.group_id} if source.group_id else {}
    return {"_op": "stock", **values, **group}


def _stock(values: Mapping[str, Any]) -> Availability:
    word = availability_of(str(values.get("availability", "")))
    if word is None:
        raise InvalidRow("availability", "says no stock: write in_stock or out_of_stock")
    return word


def _readable_id(values: Mapping[str, Any]) -> str | None:
    text = id_of(values)
    # fullmatch: in Python ``$`` would let a closing line break through.
    return text if text and PRODUCT_ID_PATTERN.fullmatch(text) else None


def _id_problem(values: Mapping[str, Any]) -> InvalidRow:
    text = id_of(values)
    if not text:
        return InvalidRow("id", f"is missing: give every product one, {_ID_REMEDY}")
    return InvalidRow("id", f"{text[:60]!r} cannot be an id: {_ID_REMEDY}")


def _explained(error: ValidationError) -> InvalidRow:
    problems = error.errors(include_url=False)
    first = problems[0]
    field = ".".join(str(part) for part in first["loc"] if part != "[key]")[:100] or "row"
    others = list(
        dict.fromkeys(str(p["loc"][0]) for p in problems[1:] if p["loc"] and p["loc"][0] != first["loc"][0])
    )
    also = f" (also wrong: {', '.join(others[:5])})" if others else ""
    return InvalidRow(field, _reason(first) + also)


def _reason(problem: ErrorDetails) -> str:
    limits = problem.get("ctx", {})
    match problem["type"]:
        case "missing":
            return "is missing: give every product one"
        case "string_too_short":
            return "is empty: give every product one"
        case "string_too_long":
            return f"is longer than {limits['max_length']:,} characters: shorten it"
        case "too_long":
            number = limits.get("actual_length") or "too many"
            return f"holds {number} entries, {limits['max_length']} are allowed: leave some out"
        case "string_unicode":
            return "holds broken characters: save the feed as UTF-8"
        case "string_pattern_mismatch" if problem["loc"] == ("language",):
            return "is no language code: write en, zh or zh-CN"
        case "extra_forbidden":
            return "is not known here: use title and description"
        case "greater_than_equal" | "less_than" | "finite_number":
            return "is no possible amount: write it as 19.99 USD"
    message = str(problem["msg"])
    return f"{message[:1].lower()}{message[1:]}: correct it"
