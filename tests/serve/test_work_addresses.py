"""An order of work names what was uploaded to its own collection, and nothing else of what can be read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mmpipe.errors import InvalidRequest
from mmpipe.lake import open_lake
from mmpipe.schemas.work import EventKind, ObjectRef, ReplayOrder, ReplayOutcome, WorkOrder, WorkOutcome
from mmpipe.serve.http.internal import create_internal_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.serve.ingest.addresses import check_addresses
from mmpipe.serve.ingest.uploads import Uploads
from tests.serve.conftest import TOKEN, settings_for

GOOD = "s3://uploads/shop/feeds/all.csv"


def order(uri: str, kind: EventKind = "feed_uploaded", collection: str = "shop") -> WorkOrder:
    ref = ObjectRef(uri=uri, event_time=datetime.now(UTC))
    return WorkOrder(run_id="0" * 32, kind=kind, collection=collection, object=ref, lane="warm")


def refused(each: WorkOrder, uploads: str | None) -> str:
    with pytest.raises(InvalidRequest) as found:
        check_addresses([each], uploads)
    assert found.value.field == "orders.0.object.uri"
    return found.value.reason


@pytest.mark.parametrize("uploads", [None, "s3://uploads", "s3://uploads/"])
@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        (GOOD, "feed_uploaded"),
        (GOOD, "feed_removed"),
        ("s3://uploads/shop/feeds/2026/a b%20ü.jsonl", "feed_uploaded"),
        ("s3://uploads/shop/products/7.json", "product_removed"),
        ("s3://uploads/shop/media/shop/feeds/1.jpg", "media_uploaded"),
        ("s3://uploads/shop/events/e.jsonl", "interactions_uploaded"),
    ],
)
def test_uploads_of_the_collection(uploads: str | None, uri: str, kind: EventKind) -> None:
    check_addresses([order(uri, kind)], uploads)


@pytest.mark.parametrize("uploads", [None, "s3://uploads"])
@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("s3://uploads/other/feeds/all.csv", "feed_uploaded"),
        ("s3://uploads/all.csv", "feed_uploaded"),
        ("s3://uploads/shop/keys/all.csv", "feed_uploaded"),
        ("s3://uploads/x/shop/feeds/all.csv", "feed_uploaded"),
        ("s3://uploads/shop/feeds/../../other/feeds/all.csv", "feed_uploaded"),
        ("s3://uploads/shop/feeds/\x00", "feed_uploaded"),
        ("s3://uploads/shop/events/e.jsonl", "feed_uploaded"),
        ("s3://uploads/shop/products/7.json", "media_uploaded"),
        ("s3:///shop/feeds/all.csv", "feed_uploaded"),
        ("s3://uploads", "feed_uploaded"),
        ("file:///etc/passwd", "feed_uploaded"),
        ("file:///uploads/shop/feeds/all.csv", "feed_uploaded"),
        ("memory://uploads/shop/feeds/all.csv", "feed_uploaded"),
        ("https://uploads/shop/feeds/all.csv", "feed_uploaded"),
        ("/etc/passwd", "feed_uploaded"),
        ("", "feed_uploaded"),
    ],
)
def test_anything_else_is_refused(uploads: str | None, uri: str, kind: EventKind) -> None:
    assert refused(order(uri, kind), uploads)


def test_other_buckets_are_refused_where_the_bucket_is_known() -> None:
    check_addresses([order("s3://lake/shop/feeds/a.csv")], None)
    assert "MMPIPE_INDEXING__UPLOADS_URI" in refused(order("s3://lake/shop/feeds/a.csv"), "s3://uploads")
    assert refused(order("s3://uploads-2/shop/feeds/a.csv"), "s3://uploads")


def test_a_folder_and_no_link_out_of_it(tmp_path: Path) -> None:
    root = tmp_path / "uploads"
    (root / "shop" / "feeds").mkdir(parents=True)
    (tmp_path / "secret.csv").write_text("id,title\n")
    (root / "shop" / "feeds" / "link.csv").symlink_to(tmp_path / "secret.csv")
    check_addresses([order((root / "shop" / "feeds" / "a.csv").as_uri())], str(root))
    assert refused(order((root / "shop" / "feeds" / "link.csv").as_uri()), str(root)).startswith("is outside")
    assert refused(order((tmp_path / "secret.csv").as_uri()), str(root))


def test_the_route_refuses_before_anything_is_read(tmp_path: Path) -> None:
    class Work:
        given: tuple[WorkOrder, ...] = ()

        async def execute(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
            self.given += tuple(orders)
            return [WorkOutcome(run_id=each.run_id, status="done") for each in orders]

        async def replay(self, order: ReplayOrder) -> ReplayOutcome:
            raise AssertionError(order)

        def check_alive(self) -> None: ...

        async def close(self) -> None: ...

    settings, work = settings_for(tmp_path), Work()
    app = create_internal_app(settings, work, Uploads(open_lake(settings)), Metrics("i"))
    mine, secret = tmp_path / "shop" / "feeds" / "a.csv", tmp_path / "secret.csv"
    with TestClient(app, headers={"authorization": f"Bearer {TOKEN}"}) as client:
        body = {"orders": [order(each.as_uri()).model_dump(mode="json") for each in (mine, secret)]}
        answer = client.post("/work", json=body)
        assert (answer.status_code, answer.json()["field"]) == (422, "orders.1.object.uri")
        assert work.given == ()
        assert client.post("/work", json={"orders": body["orders"][:1]}).status_code == 200
        assert len(work.given) == 1
