"""The log of searches, in a folder and over S3's wire protocol alike."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from mmpipe.analytics import Period, SearchWriter, report
from mmpipe.lake import Collection, Lake, open_lake
from mmpipe.local.atomic_puts import make_puts_atomic
from mmpipe.settings import AnalyticsSettings, LakeSettings, Settings, StorageSettings
from tests.unit.analytics.test_records import searched
from tests.unit.lake.interactions.logs import append, event
from tests.unit.lake.test_searches import record, rows

BUCKET = "analytics-contract"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    make_puts_atomic()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        url = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket=BUCKET)
        yield url
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    analytics = AnalyticsSettings(rare_days=7, keep_days=60, write_seconds=100)
    if request.param == "folder":
        return Settings(lake=LakeSettings(uri=str(tmp_path / "lake")), analytics=analytics)
    name = request.node.name.replace("[", "-").replace("]", "")
    return Settings(
        storage=StorageSettings(endpoint_url=request.getfixturevalue("endpoint")),
        lake=LakeSettings(uri=f"s3://{BUCKET}/{name}"),
        analytics=analytics,
    )


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return open_lake(settings)


@pytest.fixture
def shop(lake: Lake) -> Collection:
    return lake.collection("shop", create=True)


def test_noted_written_followed_by_a_click_and_reported(lake: Lake, shop: Collection) -> None:
    writer = SearchWriter(lake)
    writer.start()
    now = datetime.now(UTC)
    for number in range(4):
        writer.note(
            "shop", searched("紅色鞋", at=now.timestamp(), query_id=f"q{number}", total=3 * (number > 0))
        )
    writer.close()
    append(
        shop.interactions,
        event("c", type="search-click", query_id="q1", position=2, occurred_at=now),
        event("p", type="purchase", occurred_at=now + timedelta(hours=1)),
    )
    found = report(shop, Period.of(2, 10, now))
    (line,) = found.top
    assert (line.query, line.searches, line.empty, line.clicked, line.purchases, line.position) == (
        "红色鞋", 4, 1, 1, 1, 2.0
    )  # fmt: skip


def test_another_process_reads_it_at_once_and_maintenance_changes_nothing(
    shop: Collection, settings: Settings
) -> None:
    now = datetime.now(UTC)
    other = open_lake(settings).collection("shop", create=True).searches
    for number in range(20):
        shop.searches.append(rows(record(number, at=now)))
    assert len(other.read(["record"])) == 20
    assert other.maintain(now + DAY).merged == 20
    assert len(shop.searches.segments()) == 1
    assert sorted(shop.searches.read(["record"])["record"].to_pylist()) == list(range(20))


def test_several_that_maintain_at_once_lose_nothing(shop: Collection, settings: Settings) -> None:
    now = datetime.now(UTC)
    for number in range(30):
        shop.searches.append(rows(record(number, at=now)))
    logs = [open_lake(settings).collection("shop", create=True).searches for _ in range(3)]
    threads = [threading.Thread(target=log.maintain, args=(now + 2 * DAY,)) for log in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shop.searches.maintain(now + 2 * DAY)
    assert sorted(shop.searches.read(["record"])["record"].to_pylist()) == list(range(30))


def test_old_days_go_and_rare_texts_go_before(shop: Collection) -> None:
    now = datetime.now(UTC)
    for age, text in ((100, "long ago"), (20, "only once"), (0, "new")):
        moment = now - age * DAY
        shop.searches.append(rows(record(age + 1, text, moment)), now=moment)
    kept = shop.searches.maintain(now)
    assert (kept.expired, kept.texts_removed) == (1, 1)
    held = {row["record"]: row["query"] for row in shop.searches.read(["record", "query"]).to_pylist()}
    assert held == {21: None, 1: "new"}
