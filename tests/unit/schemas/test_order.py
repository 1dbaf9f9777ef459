"""Source order: encoded strings compare as their sources do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.schemas.order import MAX_SEQUENCER_DIGITS, SourceOrder, sequencer_or_time
from mmpipe.schemas.work import CatalogueEvent, ObjectRef, run_id_of

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
# Of a few digits only, so that one is often the beginning of another.
SEQUENCERS = st.text("01fF", min_size=1, max_size=MAX_SEQUENCER_DIGITS)
KEY = st.tuples(st.integers(0, 3), SEQUENCERS, st.integers(0, 3), st.sampled_from(["s3://b/a", "s3://b/b"]))


def order(seconds: int, sequencer: str, row: int, uri: str) -> SourceOrder:
    return SourceOrder(T0 + timedelta(seconds=seconds), sequencer, row, uri)


def meaning(seconds: int, sequencer: str, row: int, _uri: str) -> tuple[int, int, int]:
    """What S3 documents: the shorter sequencer padded with zeros on the right, compared as text."""
    return seconds, int(sequencer.ljust(MAX_SEQUENCER_DIGITS, "0"), 16), row


@given(KEY, KEY)
def test_text_order_is_source_order(
    left: tuple[int, str, int, str], right: tuple[int, str, int, str]
) -> None:
    a, b = order(*left).encode(), order(*right).encode()
    assert len(a) == len(b)
    if meaning(*left) != meaning(*right):
        assert (a < b) == (meaning(*left) < meaning(*right))
    assert (a == b) == (meaning(*left) == meaning(*right) and left[3] == right[3])


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("0066159D4557C8E101", "0066159D4557C9"),
        ("0066159D4557C8", "0066159D4557C8E101"),
        ("17d0c2b8f1a0e3c4", "17D0C2B8F1A0E3C5"),  # nanoseconds, as MinIO sends them
        ("A" * 63 + "1", "A" * 63 + "2"),
    ],
)
def test_sequencers_of_any_length(older: str, newer: str) -> None:
    assert order(0, older, 0, "s3://b/a").encode() < order(0, newer, 0, "s3://b/a").encode()


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        SourceOrder(datetime(2026, 1, 1), "0", 0, "s3://b/k").encode()


def test_event_time_stands_in_for_a_missing_sequencer() -> None:
    early, late = sequencer_or_time(None, T0), sequencer_or_time("", T0 + timedelta(microseconds=1))
    assert SourceOrder(T0, early, 0, "u").encode() < SourceOrder(T0, late, 0, "u").encode()
    assert sequencer_or_time("0A", T0) == "0A"


@given(*[st.datetimes(datetime(2006, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))] * 2)
def test_times_that_stand_in_compare_as_times(left: datetime, right: datetime) -> None:
    a, b = (SourceOrder(T0, sequencer_or_time(None, t), 0, "u").encode() for t in (left, right))
    assert (a < b) == (left < right)


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
