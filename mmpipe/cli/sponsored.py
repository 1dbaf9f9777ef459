"""``mmpipe sponsored``: bids for places in lists, and what they cost."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmpipe.cli.console import console, emit, output, plain, table
from mmpipe.cli.options import (
    DEFAULT_FOLDER,
    AsJson,
    CollectionName,
    Folder,
    LakeUri,
    file_bytes,
    open_collection,
    settings_for_lake,
)
from mmpipe.telemetry import configure_logging

if TYPE_CHECKING:
    from mmpipe.lake import Collection
    from mmpipe.recommend.sponsored import BidFile

sponsored_app = typer.Typer(help="Products whose places somebody pays for.", no_args_is_help=True)


@sponsored_app.command("set")
def set_bids(
    file: Annotated[
        Path, typer.Argument(help="JSON lines, one bid a product; an empty file ends all", show_default=False)
    ],
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Replace all bids of a collection by those of a file. A bad line changes nothing."""
    held = open_collection(settings_for_lake(lake, folder), collection)
    bids = _file(held).replace(file_bytes("file", file))
    console.print(f"{len(bids)} bids of {held.name} are set")
    if not held.settings.sponsored.enabled:
        console.print("nothing is sold while MMPIPE_SPONSORED__ENABLED is not true")


@sponsored_app.command()
def show(
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """The bids of a collection, as they were set."""
    from mmpipe.recommend.sponsored.amounts import micros_of, text

    held = open_collection(settings_for_lake(lake, folder), collection)
    bids = _file(held).read()
    reserve = micros_of(held.settings.sponsored.reserve)
    lines = [
        {
            "product_id": bid.product_id,
            "bid": text(bid.bid, bids.currency),
            "daily_budget": text(bid.daily_budget, bids.currency),
            "start": _moment(bid.start),
            "end": _moment(bid.end),
            "targeted": bid.targeted,
            "state": "below the reserve" if bid.bid < reserve else _state(bid.start, bid.end),
        }
        for bid in sorted(bids.by_product.values(), key=lambda bid: bid.product_id)
    ]
    if as_json:
        emit(lines)
        return
    shown = table("", ["product", "bid", "a day", "from", "until", "targeted", "state"])
    for line in lines:
        shown.add_row(*(plain("" if value is None else str(value)) for value in line.values()))
    output.print(shown)


@sponsored_app.command()
def report(
    lake: LakeUri = None,
    collection: CollectionName = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="UTC days, today the last")] = 7,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """What sponsored places cost and brought, by day and product."""
    from mmpipe.recommend.sponsored.charges import Charges
    from mmpipe.recommend.sponsored.report import COLUMNS, first_day, sponsored_report

    configure_logging("ERROR")
    held = open_collection(settings_for_lake(lake, folder), collection)
    now = datetime.now(UTC)
    since = first_day(days, now)
    start = datetime(since.year, since.month, since.day, tzinfo=UTC)
    found = sponsored_report(
        held.name,
        held.interactions.scan(COLUMNS, start),
        _file(held).read(),
        _tickets(held),
        Charges(held.store, held.uri),
        held.settings.sponsored,
        since=since,
        now=now,
    )
    if as_json:
        emit(found.model_dump(mode="json"))
        return
    columns = ["day", "product", "impressions", "clicks", "paid", "spent", "average", "budget"]
    shown = table("", columns)
    for line in found.days:
        shown.add_row(*(plain("" if value is None else str(value)) for value in line.model_dump().values()))
    output.print(shown)
    spent = ", ".join(found.spent) or "nothing"
    output.print(f"{spent} since {found.since}; {found.unpaid} places are not paid", style="dim")


@sponsored_app.command()
def settle(
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Charge clicks of the log that a replica stored and did not charge before it ended: each place once.

    Also removes the markers of events that are too old to be charged.
    """
    from mmpipe.recommend.sponsored.settling import settle_collection

    configure_logging("ERROR")
    held = open_collection(settings_for_lake(lake, folder), collection)
    outcomes = settle_collection(held, datetime.now(UTC))
    if as_json:
        emit(outcomes)
        return
    output.print(
        ", ".join(f"{number} {name}" for name, number in sorted(outcomes.items())) or "nothing to do"
    )


def _file(held: Collection) -> BidFile:
    from mmpipe.recommend.sponsored import BidFile

    return BidFile(held.store, held.uri)


def _tickets(held: Collection) -> Any:
    from mmpipe.objects import open_store
    from mmpipe.recommend.sponsored.tickets import Tickets, open_key

    lake_uri = held.uri.rpartition("/")[0]
    return Tickets(open_key(open_store(lake_uri, held.settings.storage), lake_uri), held.name)


def _moment(seconds: float) -> str | None:
    if seconds in (float("inf"), float("-inf")):
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _state(start: float, end: float) -> str:
    now = datetime.now(UTC).timestamp()
    return "to come" if now < start else "over" if now >= end else "runs"
