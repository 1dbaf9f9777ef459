"""What is kept of a medium's place, and as which text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.media import Fetcher, MediaRef, MediaStamp
from mmpipe.media.stamps import address_digest
from mmpipe.settings import MediaSettings
from tests.unit.media.tls_server import Server, Web, no_store

MOMENT = datetime(2024, 1, 1, 10, tzinfo=UTC)


@given(
    st.builds(
        MediaStamp,
        st.none() | st.text(),
        st.none() | st.datetimes(timezones=st.just(UTC)),
        st.none() | st.integers(min_value=0),
        st.none() | st.text().map(lambda text: address_digest(repr(text))),
    )
)
def test_a_stamp_survives_as_text(stamp: MediaStamp) -> None:
    text = stamp.encode()
    assert MediaStamp.decode(text) == stamp
    assert text.isascii()
    assert text.isprintable()
    assert " " not in text


@pytest.mark.parametrize(
    ("stamp", "text"),
    [
        (MediaStamp("9b2cf535f277", MOMENT, 48213), "48213,1704103200,9b2cf535f277"),
        (MediaStamp('W/"a, b"', None, 7), '7,,W/"a%2C%20b"'),
        (MediaStamp(None, MOMENT, 7, "0123456789abcdef"), "7,1704103200,,0123456789abcdef"),
        (MediaStamp(None, None, None), ",,"),
    ],
)
def test_the_text_of_a_stamp(stamp: MediaStamp, text: str) -> None:
    assert stamp.encode() == text
    assert MediaStamp.decode(text) == stamp


@pytest.mark.parametrize(
    "text", ["", "7", "7,8", "x,,", "7,1,a b", "7,1,a,b", "7,,a\n", "1,99999999999999999,a"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no encoded stamp"):
        MediaStamp.decode(text)


def test_times_are_compared_in_whole_seconds_of_utc() -> None:
    there = datetime(2024, 1, 1, 18, 0, 0, 999_000, tzinfo=timezone(timedelta(hours=8)))
    assert MediaStamp("a", there, 1) == MediaStamp("a", MOMENT, 1)
    assert MediaStamp("", None, 1) == MediaStamp(None, None, 1)


def test_a_data_address_has_no_stamp() -> None:
    fetched = Fetcher(MediaSettings(), no_store).fetch(MediaRef("image_link", "image", "data:,a"))
    assert (fetched.stamp, fetched.etag) == (None, None)


@pytest.mark.parametrize("etag", ["", "x" * 201, "\xe9"])
def test_an_etag_that_cannot_be_sent_back_is_none(server: Server, web: Web, etag: str) -> None:
    server.answer("/a", body=b"abc", ETag=etag, Last_Modified="Mon, 01 Jan 2024 10:00:00 GMT")
    assert web.fetch("/a").stamp == MediaStamp(None, MOMENT, 3)


def test_a_time_of_this_very_second_tells_nothing(server: Server, web: Web) -> None:
    """Written twice within one second, a file of the same size would look unchanged."""
    date = "Mon, 01 Jan 2024 10:00:00 GMT"

    def answer(path: str, modified: str, **headers: str) -> None:
        server.answer(path, body=b"abc", Last_Modified=modified, **headers)
        plain = server.scripts[path]
        server.scripts[path] = lambda handler: (
            setattr(handler, "date_time_string", lambda: date),
            plain(handler),
        )[1]

    answer("/now", date)
    answer("/before", "Mon, 01 Jan 2024 09:59:58 GMT")
    answer("/tagged", date, ETag='"e"')
    assert web.fetch("/now").stamp == MediaStamp(None, None, 3)
    assert web.fetch("/before").stamp == MediaStamp(None, MOMENT - timedelta(seconds=2), 3)
    assert web.fetch("/tagged").stamp == MediaStamp('"e"', MOMENT, 3)


def test_a_stamp_knows_where_redirects_led(server: Server, web: Web) -> None:
    server.answer("/a", body=b"abc", ETag='"e"')
    server.answer("/r", 302, Location="/a")
    assert web.fetch("/r").stamp == MediaStamp('"e"', None, 3, address_digest(web.url("/a")))
