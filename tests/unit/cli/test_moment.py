"""When something is shown in a clip, as players say it."""

from __future__ import annotations

import pytest

from mmpipe.cli.moment import clock, in_the_clip


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (7.999, "0:07"), (59.9, "0:59"), (60, "1:00"), (750.2, "12:30"), (3_723, "1:02:03")],
)
def test_whole_seconds_begun(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_in_both_languages() -> None:
    assert in_the_clip(7.4) == "0:07 clip · 视频"
