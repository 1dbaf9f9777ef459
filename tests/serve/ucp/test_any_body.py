"""Whatever JSON an agent sends, it is never answered by a 5xx, and every answer is one of the protocol's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.serve.ucp.schemas import check_answer

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_text = st.text(max_size=30) | st.sampled_from(["mug", "runner", "run-red-40", "Color", "Red", "", " "])
_choice = st.fixed_dictionaries({"name": _text, "label": _text})
_amounts = st.integers(-1, 10**16) | st.integers(0, 9_999)
_filters = st.fixed_dictionaries(
    {},
    optional={
        "categories": st.lists(_text, max_size=3),
        "brand": st.lists(_text, max_size=2),
        "attributes": st.dictionaries(_text, st.lists(_text, max_size=2), max_size=2),
        "price": st.fixed_dictionaries({}, optional={"min": _amounts, "max": _amounts}),
        "other": _values,
    },
)  # fmt: skip
_plausible = st.fixed_dictionaries(
    {},
    optional={
        "query": _text,
        "ids": st.lists(_text, max_size=60),
        "id": _text,
        "selected": st.lists(_choice, max_size=3),
        "preferences": st.lists(_text, max_size=3),
        "filters": _filters,
        "context": st.fixed_dictionaries({}, optional={"currency": _text, "language": _text}),
        "pagination": st.fixed_dictionaries({}, optional={"limit": st.integers(-1, 200), "cursor": _text}),
        "facets": st.lists(st.sampled_from(["brand", "price", "color", "nothing"]), max_size=2),
        "recommendations": st.fixed_dictionaries({}, optional={"similar": st.integers(0, 3)}),
    },
)
_names = st.sampled_from(["query", "ids", "id", "filters", "context", "pagination", "selected", "image"])


@pytest.mark.parametrize("operation", ["search", "lookup", "product"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=_plausible | st.dictionaries(_names, _values, max_size=4) | _values)
def test_no_body_is_answered_by_a_5xx(client: TestClient, operation: str, body: Any) -> None:
    answer = client.post(
        f"/ucp/catalog/{operation}", content=json.dumps(body), headers={"content-type": "application/json"}
    )
    assert answer.status_code in (200, 400, 413), answer.text
    check_answer(operation, answer.json())
