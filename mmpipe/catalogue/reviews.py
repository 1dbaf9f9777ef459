"""A file of reviews to reviews, a line or row each: JSON lines, or a table with a head.

Fields are found under the names that review apps write; all others are left out, for they may name people
(`docs/reviews.md` lists both). A row that cannot be used is rejected with its field and the remedy, and no
other for it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from mmpipe.catalogue.dates import InvalidMoment, moment
from mmpipe.catalogue.ratings import rating_of
from mmpipe.errors import InvalidFeed, InvalidRow
from mmpipe.schemas.review import MAX_PHOTOS, MAX_TEXT, Review

MAX_REVIEWS: Final = 20_000
MAX_LINE_BYTES: Final = 256_000
# The names of each field, ours first.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "product_id": ("product_id", "product", "sku", "item_id", "product_handle"),
    "review_id": ("review_id", "id"),
    "rating": ("rating", "stars", "score", "review_score"),
    "text": ("text", "body", "review", "content", "review_content", "comment"),
    "title": ("title", "review_title", "headline"),
    "photos": ("photos", "photo", "images", "picture_urls", "image_urls"),
    "time": ("time", "date", "created_at", "review_date", "submitted_at"),
    "language": ("language", "lang", "locale"),
    "user_id": ("user_id", "reviewer_id", "customer_id", "author_id"),
    "op": ("_op",),
}
# What a report of a bad row may show, in the form that names nobody: columns may have been mistaken.
_SHOWN: Final = {
    "product_id": re.compile(r".{1,128}"),
    "review_id": re.compile(r".{1,128}"),
    "rating": re.compile(r"[0-9 .,/%-]{1,16}"),
    "time": re.compile(r"[0-9TZ:+./ -]{1,40}"),
    "language": re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*"),
    "op": re.compile(r"[A-Za-z]{1,16}"),
}
_EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
_AHEAD: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One line: a review, or why it is none, with what of it may be shown."""

    row: int
    review: Review | None
    reject: InvalidRow | None = None
    raw: str = ""


def read_reviews(data: bytes, name: str, now: datetime) -> Iterator[ReviewRow]:
    """The rows of a file; ``name`` tells which form it has, by ``.csv`` or ``.jsonl``.

    Raises ``InvalidFeed`` for a file that is no such file, or holds more reviews than are taken at once.
    """
    rows = _table(data) if name.lower().endswith(".csv") else _lines(data)
    for count, (row, fields) in enumerate(rows, start=1):
        if count > MAX_REVIEWS:
            raise InvalidFeed(f"the file holds more than {MAX_REVIEWS:,} reviews: split it")
        if isinstance(fields, InvalidRow):
            yield ReviewRow(row, None, fields)
            continue
        held = {ours: _first(fields, names) for ours, names in NAMES.items()}
        try:
            yield ReviewRow(row, _review(held, now))
        except InvalidRow as error:
            yield ReviewRow(row, None, error, _shown(held))


def _lines(data: bytes) -> Iterator[tuple[int, Mapping[str, Any] | InvalidRow]]:
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE_BYTES:
            yield number, InvalidRow("row", f"has more than {MAX_LINE_BYTES:,} bytes; shorten the text")
            continue
        try:
            fields = from_json(line)
        except ValueError:
            yield number, InvalidRow("row", "is no JSON; write one JSON object a line")
            continue
        if isinstance(fields, dict):
            yield number, fields
        else:
            yield number, InvalidRow("row", "is no JSON object; write one JSON object a line")


def _table(data: bytes) -> Iterator[tuple[int, Mapping[str, Any] | InvalidRow]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidFeed("the file is no UTF-8 text: save it as CSV UTF-8") from error
    head, _, _ = text.partition("\n")
    # The whole process has one limit, which must not sink a file for one long cell: rows are judged below.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if not set(names) & set(NAMES["product_id"]):
            raise InvalidFeed(
                f"the first row names no product column: call one of them {NAMES['product_id'][0]}"
            )
        for number, cells in enumerate(reader, start=2):
            if not any(cell.strip() for cell in cells):
                continue
            if any(len(cell) > MAX_LINE_BYTES for cell in cells):
                reason = f"has a cell of more than {MAX_LINE_BYTES:,} characters: close its quote"
                yield number, InvalidRow("row", reason)
                continue
            if len(cells) != len(names):
                reason = f"has {len(cells)} cells where the head has {len(names)}; put texts in quotes"
                yield number, InvalidRow("row", reason)
                continue
            yield number, {name: cell for name, cell in zip(names, cells, strict=True) if cell.strip()}
    except csv.Error as error:
        raise InvalidFeed(f"the file is no CSV ({error}): close every quote, export it again") from error


def _first(fields: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((fields[name] for name in names if fields.get(name) not in (None, "")), None)


def _review(held: Mapping[str, Any], now: datetime) -> Review:
    op = str(held["op"] or "").strip().lower()
    if op not in ("", "delete", "upsert"):
        raise InvalidRow("_op", "is neither 'delete' nor 'upsert'; leave it out to add the review")
    deleted = op == "delete"
    if held["product_id"] is None:
        raise InvalidRow("product_id", "is missing: a review is of a product")
    if deleted and held["review_id"] is None:
        raise InvalidRow("review_id", "is missing: say which review is taken back")
    rating = rating_of(held["rating"])
    if rating is None and held["rating"] is not None:
        raise InvalidRow("rating", "is no rating of five; write 4, 4.5, 4/5 or 80%")
    title, text = _text("title", held["title"]), _text("text", held["text"])
    if title and not text.startswith(title):
        text = f"{title}\n{text}" if text else title
    if len(text) > MAX_TEXT:
        raise InvalidRow("text", f"has more than {MAX_TEXT:,} characters; shorten it")
    if rating is None and not text and not deleted:
        raise InvalidRow("text", "is missing, and so is the rating: give one of them")
    try:
        return Review(
            product_id=_name("product_id", held["product_id"]) or "",
            review_id=_name("review_id", held["review_id"]),
            rating=None if deleted else rating,
            text="" if deleted else text,
            photos=() if deleted else _photos(held["photos"]),
            time=_moment(held["time"], now),
            language=_name("language", held["language"]),
            user_id=_name("user_id", held["user_id"]),
            deleted=deleted,
        )
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise InvalidRow(".".join(map(str, fault["loc"])) or "row", str(fault["msg"])) from None


def _text(field: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRow(field, "is no text; put it in quotes")
    return _whole(field, value).replace("\x00", "").strip()


def _name(field: str, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidRow(field, "is no name; write it as text or a whole number")
    return _whole(field, str(value)).strip() or None


def _whole(field: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidRow(field, "holds half a character; write it as valid Unicode") from None
    return value


def _photos(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise InvalidRow("photos", "is no JSON list; write links with spaces between them") from None
    links = value.replace(",http", " http").split() if isinstance(value, str) else value or []
    if not isinstance(links, list) or not all(isinstance(link, str) for link in links):
        raise InvalidRow("photos", "is no list of links")
    # A shopper may send any number; a review is worth keeping without the rest.
    return tuple(dict.fromkeys(_whole("photos", link).strip() for link in links if link.strip()))[:MAX_PHOTOS]


def _moment(value: Any, now: datetime) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidRow("time", "is no time; write it as 2026-01-31T09:30:00Z")
    try:
        found = moment(value)
    except InvalidMoment:
        # Without the value, which may be a mistaken column's.
        raise InvalidRow("time", "is no time; write it as in 2026-05-01T09:30:00Z") from None
    if found is None:
        return None
    if not _EARLIEST <= found <= now + _AHEAD:
        raise InvalidRow("time", "lies before 1990 or in the future; check the clock that made it")
    return found.astimezone(UTC)


def _shown(held: Mapping[str, Any]) -> str:
    shown = {
        name: value if _may_be_shown(name, value) else "(left out)"
        for name, value in held.items()
        if value is not None
    }
    return json.dumps(shown, ensure_ascii=True)[:2_000]


def _may_be_shown(name: str, value: Any) -> bool:
    form = _SHOWN.get(name)
    return form is not None and isinstance(value, str | int | float) and bool(form.fullmatch(str(value)))
