"""An SQS message body to catalogue events.

Understood: S3's native notifications (also its test event), S3 events through EventBridge, and either of
them wrapped by SNS. Formats: "Event message structure" and "Amazon S3 events through EventBridge" in the
S3 user guide.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from mmpipe.errors import InvalidEvent
from mmpipe.events.fields import Fields
from mmpipe.events.layout import place_of
from mmpipe.schemas.work import CatalogueEvent, ObjectRef

logger = logging.getLogger(__name__)

_MAX_BODY_CHARS = 1_100_000  # an SQS message holds at most 1 MiB
_CREATED = "ObjectCreated:"
_REMOVED = "ObjectRemoved:"
_EXPIRED = "LifecycleExpiration:"
_MARKED = "ObjectRemoved:DeleteMarkerCreated"
_BRIDGE_CREATED = "Object Created"
_BRIDGE_REMOVED = "Object Deleted"
_BRIDGE_EXPIRED = "Lifecycle Expiration"
_BRIDGE_MARKED = "Delete Marker Created"
_HINT = "only S3 notifications (native, or through SNS or EventBridge) belong on this queue"


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
    if len(body) > _MAX_BODY_CHARS:
        raise InvalidEvent(f"message body: {len(body)} characters, more than a queue holds; {_HINT}")
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidEvent(f"message body: not JSON ({type(error).__name__}); {_HINT}") from error
    if not isinstance(payload, dict):
        raise InvalidEvent(f"message body: a JSON {type(payload).__name__}, not an object; {_HINT}")
    return payload


def _parse(payload: Mapping[str, Any], depth: int) -> list[CatalogueEvent]:
    if "Records" in payload:
        records = payload["Records"]
        if not isinstance(records, list):
            raise InvalidEvent(f"Records: must be a list; {_HINT}")
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
    raise InvalidEvent(f"message body: neither Records, detail-type nor an SNS envelope; {_HINT}")


def _from_sns(payload: Mapping[str, Any], depth: int) -> list[CatalogueEvent]:
    if depth:
        raise InvalidEvent(f"Message: an SNS envelope inside another; {_HINT}")
    if payload["Type"] != "Notification":
        # A subscription is confirmed by whoever created it; the token in the body is not for a worker to use.
        logger.warning("SNS message ignored: not a notification", extra={"sns_type": str(payload["Type"])})
        return []
    return _parse(_load(Fields(payload, "").text("Message", max_length=_MAX_BODY_CHARS)), depth + 1)


def _from_native(record: object, where: str) -> CatalogueEvent | None:
    fields = Fields(record, where)
    if fields.text("eventSource") != "aws:s3":
        raise InvalidEvent(f"{where}.eventSource: {fields.text('eventSource')!r} is not 'aws:s3'; {_HINT}")
    name = fields.text("eventName").removeprefix("s3:")
    removed = name.startswith(_REMOVED)
    if not removed and not name.startswith(_CREATED):
        _log_ignored(name, expired=name.startswith(_EXPIRED))
        return None
    s3 = fields.child("s3")
    obj = s3.child("object")
    encoded = obj.text("key", max_length=10_000)
    try:
        key = unquote_plus(encoded, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidEvent(f"{where}.s3.object.key: not URL-encoded UTF-8; {_HINT}") from error
    return _event(
        bucket=s3.child("bucket").bucket("name"),
        key=key,
        removed=removed,
        marked=name == _MARKED,
        obj=obj,
        version_field="versionId",
        etag_field="eTag",
        time=fields,
        time_field="eventTime",
    )


def _from_event_bridge(payload: Mapping[str, Any]) -> CatalogueEvent | None:
    fields = Fields(payload, "")
    if fields.text("source") != "aws.s3":
        raise InvalidEvent(f"source: {fields.text('source')!r} is not 'aws.s3'; {_HINT}")
    kind = fields.text("detail-type")
    if kind not in (_BRIDGE_CREATED, _BRIDGE_REMOVED):
        _log_ignored(kind, expired=False)
        return None
    detail = fields.child("detail")
    if kind == _BRIDGE_REMOVED and detail.optional_text("reason") == _BRIDGE_EXPIRED:
        _log_ignored(kind, expired=True)
        return None
    obj = detail.child("object")
    return _event(
        bucket=detail.child("bucket").bucket("name"),
        key=obj.text("key", max_length=10_000),  # EventBridge sends keys as they are
        removed=kind == _BRIDGE_REMOVED,
        marked=detail.optional_text("deletion-type") == _BRIDGE_MARKED,
        obj=obj,
        version_field="version-id",
        etag_field="etag",
        time=fields,
        time_field="time",
    )


def _event(
    *,
    bucket: str,
    key: str,
    removed: bool,
    marked: bool,
    obj: Fields,
    version_field: str,
    etag_field: str,
    time: Fields,
    time_field: str,
) -> CatalogueEvent | None:
    place = place_of(key)
    kind = place.kind(removed=removed) if place else None
    version = obj.optional_text(version_field)
    if kind == "feed_removed" and (marked or version is None):
        kind = None
    if place is None or kind is None:
        extra = {"key": key, "bucket": bucket, "removed": removed}
        logger.info("object ignored: nothing follows from it", extra=extra)
        return None
    return CatalogueEvent(
        kind=kind,
        collection=place.collection,
        object=ObjectRef(
            uri=f"s3://{bucket}/{key}",
            # In a bucket whose versioning is suspended every content has the version "null".
            version_id=None if version == "null" else version,
            etag=None if removed else _unquoted(obj.optional_text(etag_field)),
            size=None if removed else obj.optional_size("size"),
            sequencer=obj.optional_hex("sequencer"),
            event_time=time.moment(time_field),
        ),
    )


def _log_ignored(name: str, *, expired: bool) -> None:
    why = "a lifecycle rule expired the object" if expired else "it changes no content"
    logger.info("event ignored: %s", why, extra={"event_name": name})


def _unquoted(etag: str | None) -> str | None:
    return etag.strip('"') or None if etag else None
