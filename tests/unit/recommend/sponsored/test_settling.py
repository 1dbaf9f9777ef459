"""The job that charges what a crash left out, in a lake on disk."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from mmpipe.lake import Collection, Lake, open_lake
from mmpipe.lake.interactions import SCHEMA
from mmpipe.objects import open_store
from mmpipe.recommend.sponsored import BidFile
from mmpipe.recommend.sponsored.book import sponsored_of
from mmpipe.recommend.sponsored.settling import main, run
from mmpipe.recommend.sponsored.tickets import open_key
from mmpipe.settings import LakeSettings, Settings, SponsoredSettings

NAMES = ("outlet", "shop")


def settings_of(folder: Path, *, enabled: bool = True) -> Settings:
    sponsored = SponsoredSettings(enabled=enabled, slots=1)
    return Settings(lake=LakeSettings(uri=str(folder)), sponsored=sponsored)


def bids(lake: Lake, name: str, *given: dict[str, str]) -> Collection:
    collection = lake.collection(name, create=True)
    file = BidFile(open_store(collection.uri, lake.settings.storage), collection.uri)
    file.replace("\n".join(json.dumps(each) for each in given).encode())
    return collection


def clicked(lake: Lake, name: str) -> None:
    """A place of ``a`` is sold and clicked, and the replica that sold it is gone."""
    collection = bids(lake, name, {"product_id": "a", "bid": "0.50 USD", "daily_budget": "10 USD"})
    key = open_key(open_store(lake.uri, lake.settings.storage), lake.uri)
    replica = sponsored_of(lake.settings, lake, name, key)
    replica.work()
    query_id = replica.query_id(replica.place([("a", 1.0)]))
    moment = datetime.now(UTC)
    event = {
        "event_id": "c1",
        "type": "search-click",
        "session": "s" * 32,
        "product_id": "a",
        "query_id": query_id,
        "occurred_at": moment,
        "received_at": moment,
    }
    collection.interactions.append(pa.Table.from_pylist([event], SCHEMA), now=moment)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = open_lake(settings_of(tmp_path))
    for name in NAMES:
        clicked(lake, name)
    bids(lake, "unsold")
    return lake


def told(lake: Lake, *collections: str) -> dict[str, dict[str, int]]:
    return {line["collection"]: line["outcomes"] for line in run(lake.settings, collections)}


def test_every_collection_is_settled_once(lake: Lake) -> None:
    assert told(lake, "shop") == {"shop": {"charged": 1}}
    assert told(lake, *NAMES, "unsold") == {"outlet": {"charged": 1}, "shop": {"already": 1}, "unsold": {}}


def test_nothing_is_read_while_nothing_is_sold(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(run(settings_of(tmp_path / "no such lake", enabled=False))) == []
    monkeypatch.setenv("MMPIPE_LAKE__URI", lake.uri)
    assert main(["--collection", "shop"]) == 0
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("MMPIPE_SPONSORED__ENABLED", "true")
    assert main(["--collection", "shop"]) == 0
    assert json.loads(capsys.readouterr().out) == {"collection": "shop", "outcomes": {"charged": 1}}


def test_one_failure_stops_no_other(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outlet = lake.collection("outlet")
    open_store(outlet.uri, lake.settings.storage).write(f"{outlet.uri}/bids.jsonl", b"no bid")
    monkeypatch.setenv("MMPIPE_LAKE__URI", lake.uri)
    monkeypatch.setenv("MMPIPE_SPONSORED__ENABLED", "true")
    assert main(["--collection", "outlet", "--collection", "shop"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["collection"] for line in lines] == ["outlet", "shop"]
    assert "bids: line 1" in lines[0]["error"]
    assert lines[1]["outcomes"] == {"charged": 1}
