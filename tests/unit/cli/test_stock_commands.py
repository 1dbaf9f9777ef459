"""``mmpipe stock`` and ``mmpipe sponsored`` on a folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import Result

from mmpipe.errors import InvalidRequest
from mmpipe.lake import open_lake
from mmpipe.lake.interactions import SCHEMA
from mmpipe.recommend.sponsored.book import SponsoredBook
from mmpipe.settings import LakeSettings, Settings, SponsoredSettings

Run = Callable[..., Result]
BID = {"product_id": "d2", "bid": "0.50 USD", "daily_budget": "20 USD"}


@pytest.fixture
def mine(run: Run, lake: Path, shop: Path, tmp_path: Path) -> Path:
    """A lake of its own in which a product was sold out by the second upload."""
    folder = tmp_path / "lake"
    shutil.copytree(lake, folder)
    feed = tmp_path / "second.jsonl"
    row = {"id": "d2", "title": "Blue evening dress", "price": "80 USD", "availability": "out_of_stock"}
    feed.write_text(json.dumps(row))
    result = run(
        "index", feed, "--lake", folder, "--collection", open_lake(_settings(folder)).collections()[0]
    )
    assert result.exit_code == 0, result.output
    return folder


def _settings(folder: Path) -> Settings:
    return Settings(lake=LakeSettings(uri=str(folder)), sponsored=SponsoredSettings(enabled=True, slots=1))


def _append(folder: Path, *events: dict[str, Any]) -> None:
    lake = open_lake(_settings(folder))
    now = datetime.now(UTC)
    rows = [
        {"event_id": f"e{n}", "occurred_at": now, "received_at": now, "session": "s", **given}
        for n, given in enumerate(events)
    ]
    lake.collection(lake.collections()[0]).interactions.append(pa.Table.from_pylist(rows, SCHEMA))


def test_stock(run: Run, mine: Path, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    past = before - timedelta(days=3)
    _append(
        mine,
        {"type": "view", "product_id": "d2"},
        {"type": "add-to-cart", "product_id": "d2"},
        {"type": "view", "product_id": "d2", "occurred_at": past},
        {"type": "purchase", "product_id": "s1", "occurred_at": past, "quantity": 4},
        {"type": "purchase", "product_id": "s1", "occurred_at": before - timedelta(days=4)},
    )
    left = tmp_path / "left.csv"
    left.write_text("id,quantity\ns1,1\n")
    result = run("stock", "--lake", mine, "--quantities", left, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    (line,) = found["sold_out"]
    # What was looked at before it was sold out is no demand that nobody met.
    assert (line["product_id"], line["views"], line["carts"]) == ("d2", 1, 1)
    assert line["sold_out_after"] < line["sold_out_by"] <= before.isoformat()
    (low,) = found["low_stock"]
    assert (low["product_id"], low["quantity"], low["method"]) == ("s1", 1, "not enough history")
    shown = run("stock", "--lake", mine, "--quantities", left).stdout
    assert "Blue evening dress" in shown
    assert "not enough history" in shown


def test_bad_quantities(run: Run, lake: Path, tmp_path: Path) -> None:
    left = tmp_path / "left.csv"
    left.write_text("id,quantity\ns1,NaN\n")
    with pytest.raises(InvalidRequest, match="line 2, quantity"):
        run("stock", "--lake", lake, "--quantities", left)


def test_bids_from_set_to_settled(run: Run, mine: Path, tmp_path: Path) -> None:
    bids = tmp_path / "bids.jsonl"
    bids.write_text(json.dumps(BID) + "\n")
    said = run("sponsored", "set", bids, "--lake", mine)
    assert "1 bids of" in said.output
    assert "MMPIPE_SPONSORED__ENABLED" in said.output
    (shown,) = json.loads(run("sponsored", "show", "--lake", mine, "--json").stdout)
    assert (shown["product_id"], shown["bid"], shown["state"]) == ("d2", "0.50 USD", "runs")

    settings = _settings(mine)
    lake = open_lake(settings)
    name = lake.collections()[0]
    book = SponsoredBook(settings, lake)
    places = book.of(name)
    places.work()
    placements = places.place([("d2", 1.0)])
    query_id = places.query_id(placements)
    book.close()
    _append(
        mine,
        {"type": "impression", "product_id": "d2", "query_id": query_id},
        {"type": "search-click", "product_id": "d2", "query_id": query_id},
    )
    found = json.loads(run("sponsored", "report", "--lake", mine, "--json").stdout)
    assert (found["unpaid"], found["spent"]) == (1, [])
    assert json.loads(run("sponsored", "settle", "--lake", mine, "--json").stdout) == {"charged": 1}
    assert json.loads(run("sponsored", "settle", "--lake", mine, "--json").stdout) == {"already": 1}
    found = json.loads(run("sponsored", "report", "--lake", mine, "--json").stdout)
    assert (found["unpaid"], found["spent"]) == (0, ["0.01 USD"])
    (day,) = found["days"]
    assert (day["impressions"], day["clicks"], day["paid"]) == (1, 1, 1)
    assert "0.01 USD since" in run("sponsored", "report", "--lake", mine).stdout


def test_a_bad_bid_changes_nothing(run: Run, mine: Path, tmp_path: Path) -> None:
    bids = tmp_path / "bids.jsonl"
    bids.write_text(json.dumps(BID) + "\n")
    run("sponsored", "set", bids, "--lake", mine)
    bids.write_text(json.dumps({**BID, "bid": "NaN USD"}))
    with pytest.raises(InvalidRequest, match=r"line 1, bid\.amount"):
        run("sponsored", "set", bids, "--lake", mine)
    with pytest.raises(InvalidRequest, match="cannot be read"):
        run("sponsored", "set", tmp_path / "none", "--lake", mine)
    assert len(json.loads(run("sponsored", "show", "--lake", mine, "--json").stdout)) == 1
