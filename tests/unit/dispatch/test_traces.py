"""One trace from the handler to whoever executes its work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from pydantic import SecretStr

from handlers.catalogue_uploaded import build_handler
from handlers.maintenance_due import build_handler as build_maintenance
from mmpipe.dispatch import dispatcher_for
from mmpipe.dispatch.scheduled import ScheduledJobs
from mmpipe.settings import DispatchSettings, IndexingSettings, Settings
from tests.tracing import recorded
from tests.unit.dispatch.conftest import Reply, Seen, Site

EVENTS = Path(__file__).parents[2] / "events"
PRODUCT = (EVENTS / "s3_product_put.json").read_text()
FEED = (EVENTS / "s3_feed_put.json").read_text()


@pytest.fixture
def settings(site: Site) -> Settings:
    """The indexer and Ray's dashboard are one site; feeds are batch work."""
    token = SecretStr("hunter2")
    return Settings(
        indexing=IndexingSettings(warm_max_bytes=1),
        dispatch=DispatchSettings(indexer_url=site.url, jobs_url=site.url, token=token, ray_token=token),
    )


def done(request: Seen) -> Reply:
    if request.path == "/internal/v1/work":
        runs = [order["run_id"] for order in request.body["orders"]]
        return 200, {"outcomes": [{"run_id": run, "status": "done"} for run in runs]}
    return (404, "") if request.method == "GET" else (200, {"submission_id": "x"})


def upload(settings: Settings, *bodies: str) -> None:
    records = [
        {"messageId": str(number), "receiptHandle": "r", "body": body, "attributes": {}}
        for number, body in enumerate(bodies)
    ]
    answer = build_handler(settings.indexing, dispatcher_for(settings))({"Records": records}, None)
    assert answer == {"batchItemFailures": []}


def parent_in(fields: dict[str, Any], name: str) -> tuple[int, int]:
    """Trace and span that a traceparent names."""
    version, trace, parent, _ = fields[name].split("-")
    assert version == "00"
    return int(trace, 16), int(parent, 16)


def place(span: ReadableSpan) -> tuple[int, int]:
    return span.context.trace_id, span.context.span_id


def named(spans: Sequence[ReadableSpan], name: str) -> ReadableSpan:
    (found,) = (span for span in spans if span.name == name)
    return found


def test_an_upload_and_its_execution_are_one_trace(site: Site, settings: Settings) -> None:
    site.answer = done
    with recorded() as spans:
        upload(settings, PRODUCT, FEED)
    handler, indexer, job = (
        named(spans(), name) for name in ("catalogue_uploaded", "indexer.submit", "job.submit")
    )
    assert handler.parent is None
    for child in (indexer, job):
        assert child.parent is not None
        assert place(handler) == (child.parent.trace_id, child.parent.span_id)
    warm, look, start = site.seen
    assert parent_in(warm.headers, "traceparent") == place(indexer)
    assert parent_in(warm.body["orders"][0]["trace"], "traceparent") == place(handler)
    assert parent_in(look.headers, "traceparent") == parent_in(start.headers, "traceparent") == place(job)
    assert parent_in(start.body["runtime_env"]["env_vars"], "TRACEPARENT") == place(job)


def test_attributes_are_counts_and_statuses(site: Site, settings: Settings) -> None:
    site.answer = done
    with recorded() as spans:
        upload(settings, PRODUCT, FEED)
    attributes = {span.name: dict(span.attributes or {}) for span in spans()}
    assert attributes == {
        "catalogue_uploaded": {"mmpipe.messages": 2, "mmpipe.orders": 2, "mmpipe.returned": 0},
        "indexer.submit": {"mmpipe.orders": 1},
        "job.submit": {"mmpipe.status": "accepted"},
    }


def test_a_scheduled_job_continues_its_handlers_trace(site: Site, settings: Settings) -> None:
    site.answer = done
    with recorded() as spans:
        build_maintenance(ScheduledJobs(settings).submit)(
            {"task": "maintain", "time": "2026-03-01T03:00:00Z"}, None
        )
    environment = site.seen[-1].body["runtime_env"]["env_vars"]
    assert parent_in(environment, "TRACEPARENT")[0] == named(spans(), "maintenance_due").context.trace_id


def test_without_an_sdk_nothing_of_it_travels(site: Site, settings: Settings) -> None:
    site.answer = done
    upload(settings, PRODUCT, FEED)
    for request in site.seen:
        assert "traceparent" not in {name.lower() for name in request.headers}
        assert "trace" not in str(request.body).lower()
