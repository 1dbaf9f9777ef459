"""``mmpipe statistics``: what may be told to anybody of a collection's shoppers."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, cast, get_args

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
from mmpipe.errors import InvalidRequest

if TYPE_CHECKING:
    from mmpipe.recommend.private import Statistic


def statistics(
    kind: Annotated[
        str, typer.Argument(help="trending, viewed_together or bought_together", show_default=False)
    ],
    days: Annotated[int, typer.Option(help="days that are over, the last one counted whole")] = 1,
    half_life_days: Annotated[float, typer.Option(help="days after which a day counts half")] = 3.0,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1)] = 50,
    lake: LakeUri = None,
    collection: CollectionName = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Release how many shoppers were interested in products, or in pairs of them, with differential privacy
    (MMPIPE_PRIVACY__EPSILON_PER_DAY). A day that was released is given again as it was."""
    from mmpipe.recommend.private import DailyStatistics, Statistic, live_products

    if kind not in get_args(Statistic):
        raise InvalidRequest("kind", "trending, viewed_together or bought_together")
    settings = settings_for_lake(lake, folder)
    held = open_collection(settings, collection)
    daily = DailyStatistics(held, settings.privacy, partial(live_products, held))
    found = daily.over_days(cast("Statistic", kind), days, datetime.now(UTC), half_life_days=half_life_days)[
        :limit
    ]
    if as_json:
        emit([{"products": list(cell), "shoppers": round(count, 2)} for cell, count in found])
        return
    shown = table("", ["products", "shoppers, with noise"])
    for cell, count in found:
        shown.add_row(plain(" + ".join(cell)), f"{count:,.1f}")
    output.print(shown)
