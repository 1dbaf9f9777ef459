"""Source order: encoded strings compare as their sources do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.schemas.order import SourceOrder, sequencer_or_time
from mmpipe.schemas.work import CatalogueEvent, ObjectRef, run_id_of

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = st.tuples(
    st.integers(0, 3), st.integers(0, 2**80), st.integers(0, 3), st.sampled_from(["s3://b/a", "s3://b/b"])
)


def order(seconds: int, sequencer: int, row: int, uri: str) -> SourceOrder:
    return SourceOrder(T0 + timedelta(seconds=seconds), f"{sequencer:X}", row, uri)


@given(KEY, KEY)
def test_text_order_is_source_order(
    left: tuple[int, int, int, str], right: tuple[int, int, int, str]
) -> None:
    a, b = order(*left).encode(), order(*right).encode()
    assert len(a) == len(b)
    if left[:3] != right[:3]:
        assert (a < b) == (left[:3] < right[:3])
    assert (a == b) == (left == right)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        SourceOrder(datetime(2026, 1, 1), "0", 0, "s3://b/k").encode()


def test_event_time_stands_in_for_a_missing_sequencer() -> None:
    early, late = sequencer_or_time(None, T0), sequencer_or_time("", T0 + timedelta(microseconds=1))
    assert SourceOrder(T0, early, 0, "u").encode() < SourceOrder(T0, late, 0, "u").encode()
    assert sequencer_or_time("0A", T0) == "0A"


def test_run_ids_tell_contents_puts_and_profiles_apart_and_repeats_together() -> None:
    def event(etag: str, seconds: int = 0, sequencer: str | None = None) -> CatalogueEvent:
        obj = ObjectRef(
            uri="s3://b/shop/feeds/a.csv",
            etag=etag,
            sequencer=sequencer,
            event_time=T0 + timedelta(seconds=seconds),
        )
        return CatalogueEvent(kind="feed_uploaded", collection="shop", object=obj)

    assert run_id_of(event("1"), "starter") == run_id_of(event("1"), "starter")
    # Where there is a sequencer, a redelivery under another clock is still the same run.
    assert run_id_of(event("1", 0, "0A"), "starter") == run_id_of(event("1", 9, "0A"), "starter")
    different = [
        (event("1"), "starter"),
        (event("2"), "starter"),
        (event("1"), "fake"),
        (event("1", seconds=9), "starter"),  # contents a, b, a: the third put is a run of its own
    ]
    assert len({run_id_of(*item) for item in different}) == len(different)
