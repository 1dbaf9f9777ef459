from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mmpipe.events import plan
from mmpipe.schemas.work import CatalogueEvent, EventKind, Lane, ObjectRef
from mmpipe.settings import IndexingSettings

SETTINGS = IndexingSettings(profile="fake", warm_max_bytes=1_000)


def event(
    kind: EventKind = "feed_uploaded", name: str = "feeds/a.jsonl", **changes: object
) -> CatalogueEvent:
    values: dict[str, object] = {
        "uri": f"s3://bucket/shop/{name}",
        "etag": "e",
        "size": 10,
        "event_time": datetime(2026, 3, 1, tzinfo=UTC),
    }
    return CatalogueEvent(kind=kind, collection="shop", object=ObjectRef.model_validate(values | changes))


@pytest.mark.parametrize(
    ("given", "lane"),
    [
        (event(size=1_000), "warm"),
        (event(size=1_001), "batch"),
        (event(size=None), "batch"),
        (event("feed_removed", size=None), "batch"),
        (event("product_removed", "products/a.json", size=None), "warm"),
        (event(name="feeds/a.jsonl.gz", size=125), "warm"),
        (event(name="feeds/a.jsonl.gz", size=126), "batch"),
        (event("product_uploaded", "products/a.json", size=5_000), "warm"),
        (event("media_uploaded", "media/a.mp4", size=10**9), "warm"),
        (event("media_removed", "media/a.mp4", size=None), "warm"),
    ],
)
def test_lane_by_kind_and_size(given: CatalogueEvent, lane: Lane) -> None:
    assert plan(given, SETTINGS).lane == lane


def test_one_event_one_run() -> None:
    assert plan(event(), SETTINGS) == plan(event(), SETTINGS)


@pytest.mark.parametrize(
    "other",
    [
        event(etag="f"),
        event(version_id="v"),
        event(sequencer="0A"),
        event(name="feeds/b.jsonl"),
        # No sequencers here: the same bytes put again later are a run of their own, or a → b → a ends at b.
        event(event_time=datetime(2026, 3, 2, tzinfo=UTC)),
    ],
)
def test_another_event_is_another_run(other: CatalogueEvent) -> None:
    assert plan(other, SETTINGS).run_id != plan(event(), SETTINGS).run_id


def test_another_profile_is_another_run() -> None:
    assert plan(event(), SETTINGS).run_id != plan(event(), IndexingSettings(profile="starter")).run_id
