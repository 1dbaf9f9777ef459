"""An SQS message body to catalogue events.

Understood: S3's native notifications (also its test event), S3 events through EventBridge, and either of
them wrapped by SNS. Formats: "Event message structure" and "Amazon S3 events through EventBridge" in the
S3 user guide.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mmpipe.errors import InvalidEvent
from mmpipe.events.layout import place_of
from mmpipe.events.payloads import (
    MAX_BODY_CHARS,
    S3_ONLY,
    BridgeChange,
    BridgeKind,
    BridgeObject,
    NativeChange,
    NativeKind,
    NativeObject,
    SnsNotification,
    read,
)
from mmpipe.schemas.work import CatalogueEvent, ObjectRef

logger = logging.getLogger(__name__)

_CREATED = "ObjectCreated:"
_REMOVED = "ObjectRemoved:"
_EXPIRED = "LifecycleExpiration:"
_MARKED = "ObjectRemoved:DeleteMarkerCreated"
_BRIDGE_CREATED = "Object Created"
_BRIDGE_REMOVED = "Object Deleted"
_BRIDGE_EXPIRED = "Lifecycle Expiration"
_BRIDGE_MARKED = "Delete Marker Created"


def parse_message(body: str) -> list[CatalogueEvent]:
    """The catalogue events in one SQS message body, in the order they stand there.

    Empty for S3's test event, for S3 event types that change no content (tagging, restore, …), for keys
    outside the bucket's layout, and for what a lifecycle rule expires: a bucket that is tidied up takes no
    product out of the shop. Each is logged. Keys are decoded exactly once. Deletions never carry an ETag: it
    would be the removed content's, which does not identify the deletion. A removed feed removes no product:
    only where one of its versions was removed for good, which may reveal another, is there an event.

    Raises :class:`InvalidEvent`, with the field and the remedy, for anything that is no S3 notification. One
    invalid record refuses the whole message, so that the queue keeps all of it.
    """
    return _parse(_load(body), depth=0)


def _load(body: str) -> Mapping[str, Any]:
    if len(body) > MAX_BODY_CHARS:
        raise InvalidEvent(f"message body: {len(body)} characters, more than a queue holds; {S3_ONLY}")
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidEvent(f"message body: not JSON ({type(error).__name__}); {S3_ONLY}") from error
    if not isinstance(payload, dict):
        raise InvalidEvent(f"message body: a JSON {type(payload).__name__}, not an object; {S3_ONLY}")
    return payload


def _parse(payload: Mapping[str, Any], depth: int) -> list[CatalogueEvent]:
    if "Records" in payload:
        records = payload["Records"]
        if not isinstance(records, list):
            raise InvalidEvent(f"Records: must be a list; {S3_ONLY}")
        events = (_from_native(record, f"Records[{i}]") for i, record in enumerate(records))
        return [event for event in events if event is not None]
    if payload.get("Event") == "s3:TestEvent":
        logger.info("test event ignored", extra={"bucket": str(payload.get("Bucket"))})
        return []
    if "detail-type" in payload:
        event = _from_event_bridge(payload)
        return [] if event is None else [event]
    if "Type" in payload and "TopicArn" in payload:
        return _from_sns(payload, depth)
    raise InvalidEvent(f"message body: neither Records, detail-type nor an SNS envelope; {S3_ONLY}")


def _from_sns(payload: Mapping[str, Any], depth: int) -> list[CatalogueEvent]:
    if depth:
        raise InvalidEvent(f"Message: an SNS envelope inside another; {S3_ONLY}")
    if payload["Type"] != "Notification":
        # A subscription is confirmed by whoever created it; the token in the body is not for a worker to use.
        logger.warning("SNS message ignored: not a notification", extra={"sns_type": str(payload["Type"])})
        return []
    return _parse(_load(read(SnsNotification, payload, "").message), depth + 1)


def _from_native(record: object, where: str) -> CatalogueEvent | None:
    name = read(NativeKind, record, where, S3_ONLY).name.removeprefix("s3:")
    removed = name.startswith(_REMOVED)
    if not removed and not name.startswith(_CREATED):
        _log_ignored(name, expired=name.startswith(_EXPIRED))
        return None
    change = read(NativeChange, record, where)
    return _event(
        bucket=change.s3.bucket.name,
        obj=change.s3.object,
        time=change.time,
        removed=removed,
        marked=name == _MARKED,
    )


def _from_event_bridge(payload: Mapping[str, Any]) -> CatalogueEvent | None:
    name = read(BridgeKind, payload, "", S3_ONLY).name
    removed = name == _BRIDGE_REMOVED
    if not removed and name != _BRIDGE_CREATED:
        _log_ignored(name, expired=False)
        return None
    change = read(BridgeChange, payload, "")
    if removed and change.detail.reason == _BRIDGE_EXPIRED:
        _log_ignored(name, expired=True)
        return None
    return _event(
        bucket=change.detail.bucket.name,
        obj=change.detail.object,
        time=change.time,
        removed=removed,
        marked=change.detail.deletion_type == _BRIDGE_MARKED,
    )


def _event(
    *, bucket: str, obj: NativeObject | BridgeObject, time: datetime, removed: bool, marked: bool
) -> CatalogueEvent | None:
    place = place_of(obj.key)
    kind = place.kind(removed=removed) if place else None
    if kind == "feed_removed" and (marked or obj.version_id is None):
        kind = None
    if place is None or kind is None:
        extra = {"key": obj.key, "bucket": bucket, "removed": removed}
        logger.info("object ignored: nothing follows from it", extra=extra)
        return None
    return CatalogueEvent(
        kind=kind,
        collection=place.collection,
        object=ObjectRef(
            uri=f"s3://{bucket}/{obj.key}",
            # In a bucket whose versioning is suspended every content has the version "null".
            version_id=None if obj.version_id == "null" else obj.version_id,
            etag=None if removed else _unquoted(obj.etag),
            size=None if removed else obj.size,
            sequencer=obj.sequencer,
            event_time=time,
        ),
    )


def _log_ignored(name: str, *, expired: bool) -> None:
    why = "a lifecycle rule expired the object" if expired else "it changes no content"
    logger.info("event ignored: %s", why, extra={"event_name": name})


def _unquoted(etag: str | None) -> str | None:
    return etag.strip('"') or None if etag else None
