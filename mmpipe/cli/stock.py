"""``mmpipe stock``: what is sold out and asked for, what to offer instead, what will run out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmpipe.cli.console import emit, output, plain, table
from mmpipe.cli.options import (
    DEFAULT_FOLDER,
    AsJson,
    CollectionName,
    Folder,
    LakeUri,
    open_collection,
    settings_for_lake,
)
from mmpipe.telemetry import configure_logging

if TYPE_CHECKING:
    from mmpipe.lake import Collection
    from mmpipe.recommend.stock import Question
    from mmpipe.schemas.stock import StockReport


def stock(
    lake: LakeUri = None,
    collection: CollectionName = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, max=366, help="count events of; default: MMPIPE_STOCK__DAYS", show_default=False),
    ] = None,
    lead_days: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=366,
            help="until new stock is there; default: MMPIPE_STOCK__LEAD_DAYS",
            show_default=False,
        ),
    ] = None,
    quantities: Annotated[
        Path | None,
        typer.Option(
            help="what is left of each product: CSV or JSON lines of id and quantity", show_default=False
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="products of a list")] = 50,
    substitutes: Annotated[int, typer.Option(min=0, max=20, help="for each sold-out product")] = 3,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Sold-out products that shoppers ask for, with substitutes, and what may run out by the forecast."""
    from mmpipe.recommend.stock import Question, read_quantities

    configure_logging("ERROR")
    held = open_collection(settings_for_lake(lake, folder), collection)
    chosen = held.settings.stock
    question = Question(
        days=days or chosen.days,
        lead_days=lead_days or chosen.lead_days,
        limit=limit,
        substitutes=substitutes,
        history_days=chosen.history_days,
        quantities={} if quantities is None else read_quantities(quantities),
    )
    found = _report(held, question)
    if as_json:
        emit(found.model_dump(mode="json"))
        return
    _show(found)


def _report(held: Collection, question: Question) -> StockReport:
    from mmpipe.lake import open_lake
    from mmpipe.recommend.stock import report_on
    from mmpipe.search import LiveVersions

    versions = LiveVersions(held.settings, open_lake(held.settings))
    try:
        return report_on(held, versions.get(held.name), question)
    finally:
        versions.close()


def _show(found: StockReport) -> None:
    sold_out = table(
        f"sold out and asked for: {found.sold_out_products} products",
        ["product", "title", "since", "shoppers", "views", "carts", "instead"],
    )
    for line in found.sold_out:
        since = line.sold_out_by.date().isoformat() if line.sold_out_by else ""
        instead = ", ".join(other.product_id for other in line.substitutes)
        cells = (line.product_id, line.title, since, line.shoppers, line.views, line.carts, instead)
        sold_out.add_row(*(plain(str(cell)) for cell in cells))
    output.print(sold_out)
    low = table(
        f"may run out within {found.lead_days:g} days: {found.low_stock_products} products",
        ["product", "title", "left", "expected", "4 of 5 within", "days left", "method"],
    )
    for each in found.low_stock:
        left = "?" if each.quantity is None else str(each.quantity)
        lasting = "" if each.days_left is None else f"{each.days_left:.0f}"
        bounds = f"{each.low:.1f} … {each.high:.1f}"
        row = (each.product_id, each.title, left, f"{each.expected:.1f}", bounds, lasting, each.method)
        low.add_row(*(plain(cell) for cell in row))
    output.print(low)
    errors = table("forecast", ["group", "products", "held-out weeks", "method", "RMSE a week, MAE (MASE)"])
    for group in found.forecast:
        told = "; ".join(
            f"{name} {error.rmse:.2f}, {error.mae:.2f}"
            + ("" if error.mase is None else f" ({error.mase:.2f})")
            for name, error in group.errors.items()
        )
        numbers = str(group.products), str(group.held_out_weeks)
        errors.add_row(*map(plain, (group.group, *numbers, group.method or "", told)))
    output.print(errors)
    for note in found.notes:
        output.print(plain(note), style="dim")
