from __future__ import annotations

import contextlib
import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.errors import InvalidEvent
from mmpipe.events import parse_message

EVENTS = Path(__file__).parents[2] / "events"


def recorded(name: str) -> str:
    return (EVENTS / f"{name}.json").read_text()


def native(**changes: Any) -> str:
    """The recorded product upload with some fields replaced; keys are dotted paths inside the record."""
    payload = json.loads(recorded("s3_product_put"))
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = payload["Records"][0]
        for parent in parents:
            target = target[parent]
        target[last] = value
    return json.dumps(payload)


@pytest.mark.parametrize(
    ("name", "kind", "uri"),
    [
        ("s3_feed_put", "feed_uploaded", "s3://mmpipe-uploads/shop/feeds/spring.jsonl"),
        ("s3_feed_put_encoded_key", "feed_uploaded", "s3://mmpipe-uploads/shop/feeds/春 季+a b%2B.csv"),
        ("s3_product_put", "product_uploaded", "s3://mmpipe-uploads/shop/products/A-1.json"),
        ("s3_product_deleted", "product_removed", "s3://mmpipe-uploads/shop/products/A-1.json"),
        ("s3_product_delete_marker", "product_removed", "s3://mmpipe-uploads/shop/products/A-1.json"),
        ("s3_interactions_put", "interactions_uploaded", "s3://mmpipe-uploads/shop/events/2026/03/01.jsonl"),
        ("eventbridge_created", "feed_uploaded", "s3://mmpipe-uploads/shop/feeds/50%25 off + 春季.jsonl"),
        ("eventbridge_deleted", "product_removed", "s3://mmpipe-uploads/shop/products/A-1.json"),
        ("sns_notification", "product_uploaded", "s3://mmpipe-uploads/shop/products/A-1.json"),
        ("moto_put", "product_uploaded", "s3://mmpipe-uploads/shop/products/A 1.json"),
        ("moto_deleted", "product_removed", "s3://mmpipe-uploads/shop/products/A 1.json"),
    ],
)
def test_recorded_payloads(name: str, kind: str, uri: str) -> None:
    (event,) = parse_message(recorded(name))
    assert (event.kind, event.object.uri, event.collection) == (kind, uri, "shop")


def test_everything_an_upload_says_is_kept() -> None:
    (event,) = parse_message(recorded("s3_product_put"))
    obj = event.object
    assert obj.version_id == "096fKKXTRTtl3on89fVO.nfljtsv6qko"
    assert obj.etag == "d41d8cd98f00b204e9800998ecf8427e"
    assert (obj.size, obj.sequencer) == (1024, "0055AED6DCD90281E5")
    assert obj.event_time == datetime(2026, 3, 1, 8, 0, 0, 123000, tzinfo=UTC)


@pytest.mark.parametrize("name", ["moto_deleted", "s3_product_delete_marker", "eventbridge_deleted"])
def test_a_deletion_has_neither_etag_nor_size(name: str) -> None:
    (event,) = parse_message(recorded(name))
    assert (event.object.etag, event.object.size) == (None, None)


@pytest.mark.parametrize(
    "name", ["s3_test_event", "s3_tagging", "eventbridge_tags_added", "sns_subscription"]
)
def test_messages_that_are_no_change(name: str) -> None:
    assert parse_message(recorded(name)) == []


@pytest.mark.parametrize(
    "body",
    [
        recorded("s3_media_lifecycle_expired"),
        recorded("eventbridge_expired"),
        *(
            native(eventName=f"{prefix}LifecycleExpiration:{what}", s3__object__key=key)
            for prefix in ("", "s3:")
            for what in ("Delete", "DeleteMarkerCreated")
            for key in ("shop/products/A-1.json", "shop/feeds/all.csv")
        ),
    ],
)
def test_what_a_lifecycle_rule_expires_stays_in_the_shop(body: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="mmpipe"):
        assert parse_message(body) == []
    assert ["lifecycle rule" in record.message for record in caplog.records] == [True]


def bridge_deleted(deletion_type: str, key: str, **changes: object) -> str:
    payload = json.loads(recorded("eventbridge_deleted"))
    payload["detail"]["deletion-type"] = deletion_type
    payload["detail"]["object"].update(key=key, **changes)
    return json.dumps(payload)


@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        (native(eventName="ObjectRemoved:Delete", s3__object__key="shop/feeds/a.csv"), ["feed_removed"]),
        (native(eventName="ObjectRemoved:DeleteMarkerCreated", s3__object__key="shop/feeds/a.csv"), []),
        (bridge_deleted("Permanently Deleted", "shop/feeds/a.csv"), ["feed_removed"]),
        (bridge_deleted("Permanently Deleted", "shop/feeds/a.csv", **{"version-id": None}), []),
        (bridge_deleted("Delete Marker Created", "shop/feeds/a.csv"), []),
        (bridge_deleted("Delete Marker Created", "shop/products/a.json"), ["product_removed"]),
        (bridge_deleted("Permanently Deleted", "shop/products/a.json"), ["product_removed"]),
        (bridge_deleted("Permanently Deleted", "shop/media/a.jpg"), ["media_removed"]),
        (bridge_deleted("Permanently Deleted", "shop/events/a.jsonl"), []),
    ],
)
def test_a_removed_feed_is_an_event_only_where_it_may_reveal_another_version(
    body: str, kinds: list[str]
) -> None:
    assert [event.kind for event in parse_message(body)] == kinds


def test_two_records_in_order() -> None:
    assert [e.kind for e in parse_message(recorded("s3_two_records"))] == [
        "product_uploaded",
        "media_uploaded",
    ]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("shop/readme.txt", "ObjectCreated:Put"),
        ("shop/feeds/", "ObjectCreated:Put"),
        ("shop/feeds/.DS_Store", "ObjectCreated:Put"),
        ("shop/feeds/run1/_SUCCESS", "ObjectCreated:Put"),
        ("shop/feeds/_temporary/0/task_1/part-00000.csv", "ObjectCreated:Put"),
        ("shop/feeds/daily/_temporary/0/part-00000.csv", "ObjectCreated:Put"),
        ("shop/feeds/daily/_delta_log/00000000000000000000.json", "ObjectCreated:Put"),
        ("shop/feeds/_started_8213", "ObjectCreated:Put"),
        ("shop/feeds/.part-00000.csv.crc", "ObjectCreated:Put"),
        ("shop/feeds/.staging/all.csv", "ObjectCreated:Put"),
        ("shop/feeds/all.csv.part", "ObjectCreated:Put"),
        ("shop/feeds/all.csv.TMP", "ObjectCreated:Put"),
        ("shop/feeds/all.csv.filepart", "ObjectCreated:Put"),
        ("shop/feeds/all.csv.crdownload", "ObjectCreated:CompleteMultipartUpload"),
        ("shop/feeds/all.csv._COPYING_", "ObjectCreated:Put"),
        ("shop/feeds/daily_$folder$", "ObjectCreated:Put"),
        ("shop/feeds/~$all.xlsx", "ObjectCreated:Put"),
        ("shop/feeds/all.csv~", "ObjectCreated:Put"),
        ("shop/media/_temporary/a.jpg", "ObjectCreated:Put"),
        ("shop/media/spring/_temporary/0/a.jpg", "ObjectRemoved:Delete"),
        ("shop/media/_SUCCESS", "ObjectCreated:Put"),
        ("shop/media/a.jpg.part", "ObjectCreated:Put"),
        ("shop/media/._a.jpg", "ObjectCreated:Put"),
        ("shop/media/__MACOSX/a.jpg", "ObjectCreated:Put"),
        ("shop/media/spring/", "ObjectCreated:Put"),
        ("shop/products/.A.json", "ObjectCreated:Put"),
        ("shop/products/~$A.json", "ObjectCreated:Put"),
        ("shop/products/A.json.tmp", "ObjectCreated:Put"),
        ("shop/events/_temporary/0/a.jsonl", "ObjectCreated:Put"),
        ("shop/events/.a.jsonl", "ObjectCreated:Put"),
        ("shop/products/nested/A.json", "ObjectCreated:Put"),
        ("shop/products/A.txt", "ObjectCreated:Put"),
        ("shop/events/x.csv", "ObjectCreated:Put"),
        ("shop/reviews/x.json", "ObjectCreated:Put"),
        ("shop/reviews/_tmp.jsonl", "ObjectCreated:Put"),
        ("shop/reviews/x.csv", "ObjectRemoved:Delete"),
        ("Readme.md", "ObjectCreated:Put"),
        ("lake/shop/data.lance", "ObjectCreated:Put"),
        ("shop/feeds/old.csv", "ObjectRemoved:DeleteMarkerCreated"),
        ("shop/events/x.jsonl", "ObjectRemoved:Delete"),
    ],
)
def test_keys_from_which_nothing_follows(key: str, name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="mmpipe"):
        assert parse_message(native(s3__object__key=key, eventName=name)) == []
    assert [r.__dict__["key"] for r in caplog.records] == [key]


@pytest.mark.parametrize(
    "key",
    [
        "shop/feeds/2026_summer.csv",
        "shop/feeds/daily/part-00000-tid-1.c000.json",
        "shop/feeds/parts.tmp.csv",
        "shop/feeds/a.part/b.csv",
        "shop/products/_A.json",
        "shop/products/A.tmp.json",
        "shop/media/_DSC0001.jpg",
        "shop/media/_images/front.jpg",
        "shop/media/my_temporary/a.jpg",
        "shop/media/party.jpg",
        "shop/events/2026_03.jsonl",
        "shop/reviews/2026/march.jsonl",
        "shop/reviews/export.csv",
    ],
)
def test_real_names_are_uploads(key: str) -> None:
    (event,) = parse_message(native(s3__object__key=key))
    assert event.object.uri.endswith(key)


def test_a_suspended_versioning_version_is_no_identity() -> None:
    (event,) = parse_message(native(s3__object__versionId="null"))
    assert event.object.identity == "d41d8cd98f00b204e9800998ecf8427e"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("", "message body"),
        ("not json", "message body"),
        ("[" * 100_000, "message body"),
        ("9" * 5_000, "message body"),
        ("[]", "message body"),
        ('{"hello": 1}', "message body"),
        ("x" * 1_200_000, "message body"),
        ('{"Records": {}}', "Records"),
        ('{"Records": [1]}', "Records[0]"),
        (native(eventSource="aws:dynamodb"), "Records[0].eventSource"),
        (native(eventName=None), "Records[0].eventName"),
        (native(s3=None), "Records[0].s3"),
        (native(s3__object=[]), "Records[0].s3.object"),
        (native(s3__object__key=""), "Records[0].s3.object.key"),
        (native(s3__object__key=7), "Records[0].s3.object.key"),
        (native(s3__object__key="shop/media/%ff%fe.jpg"), "Records[0].s3.object.key"),
        (native(s3__object__key="shop/media/" + "a" * 1100), "object key"),
        (native(s3__object__key="shop/media/%00.jpg"), "object key"),
        (native(s3__object__key="shop/media/../../etc/x.jpg"), "object key"),
        (native(s3__object__key="../feeds/x.csv"), "object key"),
        (native(s3__object__key="shop/media/\ud800.jpg"), "Records[0].s3.object.key"),
        (native(s3__object__key="Shop+1/feeds/x.csv"), "object key"),
        (native(s3__bucket__name="no bucket/../"), "Records[0].s3.bucket.name"),
        (native(s3__object__size=-1), "Records[0].s3.object.size"),
        (native(s3__object__size="1"), "Records[0].s3.object.size"),
        (native(s3__object__size=True), "Records[0].s3.object.size"),
        (native(s3__object__sequencer="not hex"), "Records[0].s3.object.sequencer"),
        (native(s3__object__sequencer="0" * 65), "Records[0].s3.object.sequencer"),
        (native(eventTime="yesterday"), "Records[0].eventTime"),
        (native(eventTime="2026-03-01T08:00:00"), "Records[0].eventTime"),
        (native(eventTime="1969-03-01T08:00:00Z"), "Records[0].eventTime"),
        (native(eventTime="9999-12-31T23:59:59-14:00"), "Records[0].eventTime"),
        ('{"detail-type": "Object Created", "source": "acme"}', "source"),
        ('{"detail-type": "Object Created", "source": "aws.s3"}', "detail"),
        ('{"Type": "Notification", "TopicArn": "a", "Message": "{"}', "message body"),
        ('{"Type": "Notification", "TopicArn": "a"}', "Message"),
        (
            json.dumps(
                {
                    "Type": "Notification",
                    "TopicArn": "a",
                    "Message": '{"Type": "Notification", "TopicArn": "b"}',
                }
            ),
            "Message",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_hostile_payloads_name_the_field(body: str, field: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse_message(body)
    assert str(caught.value).startswith(field)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(
        ["eventTime", "eventName", "eventSource", "s3", "s3__bucket", "s3__object__key", "s3__object__size"]
    ),
    json_values,
)
def test_any_value_anywhere_is_an_event_or_an_invalid_event(path: str, value: object) -> None:
    with contextlib.suppress(InvalidEvent):
        assert all(event.collection == "shop" for event in parse_message(native(**{path: value})))


@given(st.text(max_size=200))
def test_any_text_is_refused(body: str) -> None:
    with pytest.raises(InvalidEvent):
        parse_message(body)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=100))
def test_keys_are_decoded_exactly_once(name: str) -> None:
    from urllib.parse import quote_plus

    key = f"shop/media/x{name.replace('/', '')}.jpg"
    native_event = parse_message(native(s3__object__key=quote_plus(key)))
    bridge = json.loads(recorded("eventbridge_created"))
    bridge["detail"]["object"]["key"] = key
    bridge_event = parse_message(json.dumps(bridge))
    assert native_event[0].object.uri == bridge_event[0].object.uri == f"s3://mmpipe-uploads/{key}"


@pytest.mark.parametrize(
    "field", ["s3__object__eTag", "s3__object__versionId", "s3__object__key", "s3__bucket__name"]
)
def test_half_a_surrogate_pair_is_an_invalid_event(field: str) -> None:
    with pytest.raises(InvalidEvent, match=field.rpartition("__")[2]):
        parse_message(native(**{field: "a\ud800b"}))
