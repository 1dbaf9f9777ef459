from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmpipe.dispatch.redelivery import MAX_RECEIVES
from mmpipe.events import parse_message
from mmpipe.local.cloud import LAKE_BUCKET, UPLOADS_BUCKET, LocalCloud


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    started = LocalCloud(tmp_path_factory.mktemp("cloud"), "test", visibility_seconds=1)
    started.start()
    yield started
    started.stop()


def count(cloud: LocalCloud, **wanted: str) -> int:
    return sum(c["count"] for c in cloud.requests()["counts"] if all(c[k] == v for k, v in wanted.items()))


def test_uploads_notify_the_queue_and_lake_writes_do_not(cloud: LocalCloud) -> None:
    s3, sqs = cloud.s3(), cloud.sqs()
    s3.put_object(Bucket=UPLOADS_BUCKET, Key="shop/feeds/春 季+1.csv", Body=b"id\n")
    s3.put_object(Bucket=LAKE_BUCKET, Key="shop/feeds/no.csv", Body=b"id\n")
    s3.delete_object(Bucket=UPLOADS_BUCKET, Key="shop/feeds/春 季+1.csv")
    s3.put_object(Bucket=UPLOADS_BUCKET, Key="shop/products/a.json", Body=b"{}")
    s3.delete_object(Bucket=UPLOADS_BUCKET, Key="shop/products/a.json")
    messages = sqs.receive_message(QueueUrl=cloud.queue_url, MaxNumberOfMessages=10)["Messages"]
    events = [event for message in messages for event in parse_message(message["Body"])]
    assert [(e.kind, e.object.uri.partition("/shop/")[2]) for e in events] == [
        ("feed_uploaded", "feeds/春 季+1.csv"),
        ("product_uploaded", "products/a.json"),
        ("product_removed", "products/a.json"),
    ]


def test_requests_are_counted_by_bucket_method_and_kind(cloud: LocalCloud) -> None:
    s3 = cloud.s3()
    s3.put_object(Bucket=LAKE_BUCKET, Key="lake/shop/live.json", Body=b"{}")
    before = count(cloud, bucket=LAKE_BUCKET, method="GET")
    for _ in range(3):
        s3.get_object(Bucket=LAKE_BUCKET, Key="lake/shop/live.json")
    assert count(cloud, bucket=LAKE_BUCKET, method="GET", kind="live") == 3
    assert count(cloud, bucket=LAKE_BUCKET, method="GET") - before == 3
    assert cloud.requests()["recent"][-1] == f"s3 GET /{LAKE_BUCKET}/lake/shop/live.json"
    queued = count(cloud, service="sqs")
    cloud.sqs().get_queue_attributes(QueueUrl=cloud.queue_url, AttributeNames=["All"])
    assert count(cloud, service="sqs") == queued + 1


def test_dead_letters_are_configured(cloud: LocalCloud) -> None:
    attributes = cloud.sqs().get_queue_attributes(QueueUrl=cloud.queue_url, AttributeNames=["All"])[
        "Attributes"
    ]
    policy = json.loads(attributes["RedrivePolicy"])
    assert policy["maxReceiveCount"] == MAX_RECEIVES
    assert policy["deadLetterTargetArn"].endswith(cloud.dead_letters_url.rpartition("/")[2])


def test_the_log_has_no_line_per_request(cloud: LocalCloud, tmp_path: Path) -> None:
    assert cloud._child is not None
    assert "GET /" not in cloud._child.tail()
