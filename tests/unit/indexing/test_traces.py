"""One upload is one trace, from the handler that took it to its publication."""

from __future__ import annotations

from mmpipe.telemetry import carrier, span
from tests.tracing import recorded
from tests.unit.indexing.bucket import order_of
from tests.unit.indexing.conftest import Shop
from tests.unit.indexing.uploads import run_batch


def test_an_upload_goes_on_with_its_handlers_trace(shop: Shop) -> None:
    with recorded() as spans:
        with span("handler") as handler:
            trace = carrier()
        order = order_of(shop.bucket.put_product("a", title="Red dress"))
        assert shop.indexer.execute([order.model_copy(update={"trace": trace})])[0].status == "done"
        found = {each.name: each for each in spans()}
    for name in ("upload.read", "uploads.encode", "uploads.commit"):
        assert found[name].context.trace_id == handler.get_span_context().trace_id
    assert dict(found["uploads.commit"].attributes or {}) == {"mmpipe.orders": 1}


def test_a_feed_goes_on_with_its_handlers_trace(batch: Shop) -> None:
    with recorded() as spans:
        run_batch(batch, batch.bucket.put_feed("all", [{"id": "a", "title": "Red dress"}]))
        found = {each.name: each for each in spans()}
    inside = {"feed.encode", "feed.commit", "feed.publish"}
    assert {found[name].parent.span_id for name in inside} == {found["feed.index"].context.span_id}
