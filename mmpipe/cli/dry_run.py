"""``mmpipe index --dry-run``: how a feed would be read, without writing anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mmpipe.cli.console import emit, output, plain, price, table
from mmpipe.cli.feeds import show_rejects, show_report
from mmpipe.cli.progress import counting
from mmpipe.errors import InvalidFeed, InvalidRequest, MmpipeError, ObjectNotFound

if TYPE_CHECKING:
    from mmpipe.catalogue import FeedRow
    from mmpipe.schemas.feed import FeedReport
    from mmpipe.settings import Settings

_SHOWN_ROWS: Final = 5
_SHOWN_REJECTS: Final = 10
_PROGRESS_EVERY: Final = 200


@dataclass(slots=True)
class _Read:
    """What is kept of a feed while it is read."""

    products: list[FeedRow] = field(default_factory=list)
    others: list[FeedRow] = field(default_factory=list)
    rejects: list[FeedRow] = field(default_factory=list)
    report: FeedReport | None = None
    error: str = ""

    @property
    def first(self) -> list[FeedRow]:
        """The first products; of a file without any, what else it says."""
        return self.products or self.others

    def keep(self, row: FeedRow) -> None:
        """The row, if it is one of the first of its kind."""
        kind, most = (
            (self.rejects, _SHOWN_REJECTS)
            if row.reject is not None
            else (self.products if row.product is not None and not row.group else self.others, _SHOWN_ROWS)
        )
        if len(kind) < most:
            kind.append(row)


def dry_run(feed: str, collection: str, settings: Settings, *, as_json: bool) -> None:
    """Read the whole feed and show its format, its columns, its counts, its first rows and rejects.

    Raises ``InvalidRequest`` where nothing is at ``feed``, and :class:`~mmpipe.errors.MmpipeError` for a file
    that cannot be read, after what could be read of it was shown.
    """
    found = _read(feed, collection, settings)
    if found.report is not None:
        rows = [_told(row) for row in found.first]
        rejects = [_rejected(row) for row in found.rejects]
        if as_json:
            report = found.report.model_dump(mode="json")
            emit({"report": report, "rows": rows, "rejects": rejects})
        else:
            _show(found.report, rows, rejects)
    if found.error:
        raise MmpipeError(f"{feed}: {found.error}")


def _read(feed: str, collection: str, settings: Settings) -> _Read:
    from mmpipe.catalogue import read_feed
    from mmpipe.objects import open_store, to_uri

    uri = to_uri(feed)
    try:
        stream, _ = open_store(uri, settings.storage).open(uri)
    except ObjectNotFound as error:
        raise InvalidRequest("feed", f"there is nothing at {feed}") from error
    found = _Read()
    with stream, counting(f"reading {Path(feed).name}") as show:
        try:
            rows = read_feed(stream, uri, settings.feeds, collection=collection)
        except InvalidFeed as error:
            found.error = str(error)
            return found
        try:
            for number, row in enumerate(rows, start=1):
                found.keep(row)
                if number % _PROGRESS_EVERY == 0:
                    show(number, None)
        except InvalidFeed as error:
            found.error = str(error)
        found.report = rows.report
    return found


def _told(row: FeedRow) -> dict[str, Any]:
    """One row in JSON's types; ``product`` is all of it, what is kept privately too."""
    product = row.product
    told: dict[str, Any] = {"row": row.row, "id": row.product_id, "meaning": _meaning(row)}
    if product is None:
        return told | {"availability": row.stock}
    paid = product.effective_price(datetime.now(UTC))
    pictures = [link for link in (product.image_link, *product.additional_image_link) if link]
    inside = [f"inside the file: {name}" for name in row.inline_media if name == "image_link"]
    return told | {
        "title": product.title,
        "price": None if paid is None else str(paid),
        "list_price": str(product.price) if product.price is not None and paid != product.price else None,
        "availability": product.availability,
        "pictures": inside + pictures,
        "product": product.model_dump(mode="json", exclude_defaults=True),
    }


def _meaning(row: FeedRow) -> str:
    if row.delete_id is not None:
        return "withdrawn"
    return "stock" if row.stock is not None else "group" if row.group else "product"


def _rejected(row: FeedRow) -> dict[str, Any]:
    problem = row.reject
    assert problem is not None
    return {
        "row": row.row,
        "product_id": row.product_id,
        "field": problem.field,
        "reason": problem.reason,
    }


def _show(report: FeedReport, rows: list[dict[str, Any]], rejects: list[dict[str, Any]]) -> None:
    show_report(report, columns_below=True)
    if rows:
        shown = table("first rows", ["row", "id", "title", "price", "availability", "pictures"])
        for row in rows:
            shown.add_row(
                str(row["row"]),
                plain(row["id"] or ""),
                plain(row.get("title", row["meaning"])),
                price(row.get("price"), row.get("list_price")),
                row["availability"] or "",
                str(len(row["pictures"])) if "pictures" in row else "",
            )
        output.print(shown)
    if rejects:
        show_rejects(
            (each["row"], each["product_id"] or "", each["field"], each["reason"]) for each in rejects
        )
        if report.rejected > len(rejects):
            output.print(f"… and {report.rejected - len(rejects):,} more", style="dim")
    output.print("nothing was written", style="dim")
