from __future__ import annotations

import json
from datetime import UTC, datetime

from mmpipe.events import plan
from mmpipe.schemas.work import CatalogueEvent, ObjectRef, WorkOrder
from mmpipe.settings import IndexingSettings

EVENT = CatalogueEvent(
    kind="product_uploaded",
    collection="shop",
    object=ObjectRef(uri="s3://uploads/shop/products/a.json", event_time=datetime(2026, 3, 1, tzinfo=UTC)),
)
TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


def test_a_trace_travels_with_an_order_and_is_no_part_of_its_identity() -> None:
    order = plan(EVENT, IndexingSettings())
    traced = order.model_copy(update={"trace": TRACE})
    assert traced.run_id == order.run_id == plan(EVENT, IndexingSettings()).run_id
    assert WorkOrder.model_validate_json(traced.model_dump_json()) == traced


def test_an_order_without_a_trace_says_nothing_of_it() -> None:
    order = plan(EVENT, IndexingSettings())
    assert order.trace == {}
    assert "trace" not in json.loads(order.model_dump_json())
    assert WorkOrder.model_validate_json(order.model_dump_json()) == order
