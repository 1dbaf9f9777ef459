from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry.trace import StatusCode

from mmpipe.telemetry import annotate, carrier, continued, span
from tests.tracing import recorded

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def test_without_an_sdk_a_span_is_nothing_and_nothing_travels() -> None:
    with span("outer", messages=2) as outer, span("inner"):
        assert not outer.is_recording()
        assert carrier() == {}


def test_without_an_sdk_a_trace_passes_through() -> None:
    with continued({"traceparent": PARENT}), span("outer"):
        assert carrier() == {"traceparent": PARENT}
    assert carrier() == {}


def test_spans_are_nested_and_carry_their_attributes() -> None:
    with recorded() as spans, span("outer", messages=2, lane="warm"), span("inner") as inner:
        annotate(inner, "done", 1)
    inner_span, outer_span = spans()
    assert (inner_span.name, outer_span.name) == ("inner", "outer")
    assert inner_span.parent is not None
    assert inner_span.parent.span_id == outer_span.context.span_id
    assert outer_span.attributes == {"mmpipe.messages": 2, "mmpipe.lane": "warm"}
    assert inner_span.attributes == {"mmpipe.done": 1}


@pytest.mark.parametrize("name", ["traceparent", "Traceparent", "TRACEPARENT"])
def test_what_a_carrier_holds_is_the_parent_elsewhere(name: str) -> None:
    with recorded() as spans:
        with span("here"):
            fields = carrier()
        with continued({name: fields["traceparent"], "HOME": "/nowhere"}), span("there"):
            pass
        with span("afterwards"):
            pass
    here, there, afterwards = spans()
    assert there.context.trace_id == here.context.trace_id != afterwards.context.trace_id
    assert there.parent is not None
    assert there.parent.span_id == here.context.span_id
    assert afterwards.parent is None


@pytest.mark.parametrize("fields", [{}, {"traceparent": ""}, {"traceparent": "00-nonsense"}, {"x": "y"}])
def test_a_carrier_without_a_trace_changes_nothing(fields: dict[str, str]) -> None:
    with recorded() as spans, span("outer"), continued(fields), span("inner"):
        pass
    inner, outer = spans()
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id


def test_a_failure_is_named_by_its_type_and_quotes_nobody() -> None:
    with recorded() as spans, pytest.raises(ValueError), span("work"):
        raise ValueError("the words of a shopper")
    (work,) = spans()
    assert work.status.status_code is StatusCode.ERROR
    assert work.status.description == "ValueError"
    assert "shopper" not in work.to_json()


def test_attributes_hold_neither_secrets_nor_queries() -> None:
    with recorded() as spans, span("fetch", address="https://a.example/p.jpg?sig=hidden", api_key="hidden"):
        pass
    (fetch,) = spans()
    assert fetch.attributes == {"mmpipe.address": "https://a.example/p.jpg", "mmpipe.api_key": "***"}


def test_the_sdk_is_not_what_is_imported() -> None:
    code = (
        "import sys, mmpipe.telemetry; sys.exit(any(n.startswith('opentelemetry.sdk') for n in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
