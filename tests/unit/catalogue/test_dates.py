"""Moments and periods in the notations that feeds use."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.catalogue.dates import InvalidMoment, moment, period


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-04T09:30Z", "2026-03-04T09:30:00+00:00"),
        ("2026-03-04T09:30", "2026-03-04T09:30:00+00:00"),
        ("2026-03-04 09:30:15", "2026-03-04T09:30:15+00:00"),
        ("2026-03-04T09:30-0800", "2026-03-04T09:30:00-08:00"),
        ("2026-03-04T09:30+01", "2026-03-04T09:30:00+01:00"),
        ("2026-03-04T09:30+05:30", "2026-03-04T09:30:00+05:30"),
        ("2026-03-04 09:30:00 -0500", "2026-03-04T09:30:00-05:00"),
        ("2026-03-04 09:30 UTC", "2026-03-04T09:30:00+00:00"),
        ("2026-03-04  09:30 gmt ", "2026-03-04T09:30:00+00:00"),
        ("2026-03-04T09:30:00.123456789Z", "2026-03-04T09:30:00.123456+00:00"),
        ("20260304T093000+0100", "2026-03-04T09:30:00+01:00"),
        ("31.03.2026 18:00", "2026-03-31T18:00:00+00:00"),
        ("31.03.2026 18:00 +0200", "2026-03-31T18:00:00+02:00"),
        ("01/31/2026 11:59 PM", "2026-01-31T23:59:00+00:00"),
        ("01/31/2026 12:05am", "2026-01-31T00:05:00+00:00"),
        ("2026-01-31 9 p.m. +0100", "2026-01-31T21:00:00+01:00"),
        ("2026-01-31T24:00Z", "2026-02-01T00:00:00+00:00"),
        ("2026-12-31 24:00:00", "2027-01-01T00:00:00+00:00"),
    ],
)
def test_times_mean_themselves_at_both_ends(text: str, expected: str) -> None:
    found = moment(text)
    assert found is not None
    assert found.isoformat() == expected
    assert moment(text, end=True) == found


@pytest.mark.parametrize(
    "text",
    ["2026-03-31", "20260331", "31.03.2026", "03/31/2026", "31/03/2026", "2026/03/31", " 2026-03-31\n"],
)
def test_a_day_as_an_end_still_counts(text: str) -> None:
    assert moment(text) == datetime(2026, 3, 31, tzinfo=UTC)
    assert moment(text, end=True) == datetime(2026, 4, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "01/31/2026 noonish",
        "31.03.2026 25:00",
        "2026-01-31 13:00 PM",
        "2026-01-31T24:01Z",
        "2026-01-31T24:00:30Z",
        "31.01.2026 24:00:30",
        "2026-01-31T24:00:00.5Z",
    ],
)
def test_a_day_with_a_time_that_is_none_is_no_date(text: str) -> None:
    with pytest.raises(InvalidMoment):
        moment(text)


def test_days_that_can_be_read_in_two_ways_are_refused_unless_both_are_one() -> None:
    with pytest.raises(InvalidMoment, match="2026-01-31"):
        moment("03/04/2026")
    assert moment("04/04/2026") == datetime(2026, 4, 4, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "  ", "0000-00-00", "0000-00-00 00:00:00", "0001-01-01T00:00:00+14:00"])
def test_no_date(text: str) -> None:
    assert moment(text) is None
    assert moment(text, end=True) is None


def test_the_last_days_of_the_calendar_mean_for_ever() -> None:
    assert moment("9999-12-31", end=True) is None
    assert moment("9999-12-31T24:00", end=True) is None
    assert moment("9999-12-31T23:59:59-14:00", end=True) is None
    assert period("2026-03-04/9999-12-31") == (datetime(2026, 3, 4, tzinfo=UTC), None)


@pytest.mark.parametrize(
    "text",
    ["soon", "0000-01-01", "99999-01-01", "2026-02-30", "2026-03", "2026-03-04T25:00", "1e999", "9" * 5_000,
     "2026-03-04T09:30+99:00", "٢٠٢٦-٠٣-٠٤", "2026-03-04T09:30 Mars"],
)  # fmt: skip
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(InvalidMoment, match="is no date: write it as 2026-01-31") as caught:
        moment(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-30/2026-03-31",
        "2026-03-30 / 2026-03-31",
        "2026-03-30 to 2026-03-31",
        "2026-03-30 – 2026-03-31",
        "03/30/2026 - 03/31/2026",
        "03/30/2026 / 03/31/2026",
        "30.03.2026 - 31.03.2026",
        "2026-03-30T00:00Z/2026-04-01T00:00Z",
        "2026-03-30T02:00+0200/2026-03-31T16:00-0800",
    ],
)
def test_periods(text: str) -> None:
    assert period(text) == (datetime(2026, 3, 30, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


def test_periods_may_be_open() -> None:
    assert period("2026-03-30/") == (datetime(2026, 3, 30, tzinfo=UTC), None)
    assert period("/2026-03-31") == (None, datetime(2026, 4, 1, tzinfo=UTC))
    assert period("/") == (None, None)


@pytest.mark.parametrize("text", ["2026-03-30", "2026-03-30 2026-03-31", "", "2026-03-30/soon"])
def test_no_period(text: str) -> None:
    with pytest.raises(InvalidMoment, match=r"is no (period|date): write"):
        period(text)


@pytest.mark.parametrize("filling", [" ", "-", "/", "0", " to ", " - "])
def test_long_texts_cost_nothing(filling: str) -> None:
    # A pattern that tries each place of a run of spaces would take hours.
    with pytest.raises(InvalidMoment):
        period("a" + filling * 1_000_000 + "b")
    with pytest.raises(InvalidMoment):
        moment("a" + filling * 1_000_000 + "b")


@given(st.text(max_size=80) | st.from_regex(r"[0-9TZ:+./ -]{1,40}", fullmatch=True))
def test_any_text_is_a_moment_with_a_zone_or_refused(text: str) -> None:
    for end in (False, True):
        try:
            found = moment(text, end=end)
        except InvalidMoment:
            continue
        if found is not None:
            found.astimezone(UTC)


@given(
    st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)), st.sampled_from(["T", " "])
)
def test_iso_times_come_back(time: datetime, separator: str) -> None:
    assert moment(time.isoformat(separator)) == time.replace(tzinfo=UTC)
