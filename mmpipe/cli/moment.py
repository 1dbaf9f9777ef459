"""Where a hit's clip matched, in words for people."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """As players show it, whole seconds begun: 0:07, 12:30, 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def in_the_clip(seconds: float) -> str:
    """In English and Chinese, short enough for a card: "0:07 clip · 视频"."""
    return f"{clock(seconds)} clip · 视频"
