"""A clip watched once: every frame's thumbnail is kept, of the pictures only those the choice may fall on.

Cuts are looked for between all frames, so that a scene of a few tenths of a second is not missed however long
the clip; which frames are worth having is known only at its end, and all of them would not fit into memory.
So pictures of two kinds are kept: evenly spaced ones, thinned out as the clip goes on, and one from about the
middle of every run of frames between two jumps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from mmpipe.media.scenes import LEAST_JUMP, choose, difference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture: TypeAlias = NDArray[np.uint8]
    Frame: TypeAlias = tuple[float, Picture]

# Pictures held for each one taken: evenly spaced (half as many after thinning out), and from runs.
_EVEN = 4
_RUNS = 2
# What is shown for less than this is no scene; bounded in frames, for all pairs within may get compared.
_SHORTEST_SECONDS = 0.2
_SHORTEST_FRAMES = 15


class Sampler:
    """Takes a clip's frames in order and gives at most ``count`` of them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._thumbnails: list[NDArray[np.uint8]] = []
        self._seconds: list[float] = []
        self._step = 1
        self._even: dict[int, Picture] = {}
        self._runs: list[tuple[int, int, Picture]] = []  # length, number of a frame inside, its picture
        self._start = 0
        self._run: dict[int, Picture] = {}

    def add(self, seconds: float, thumbnail: NDArray[np.uint8], picture: Callable[[], Picture]) -> None:
        """The next frame; ``picture`` is called where it is kept."""
        number = len(self._thumbnails)
        if number and difference(self._thumbnails[-1], thumbnail) > LEAST_JUMP:
            self._end_run(number)
        self._thumbnails.append(thumbnail)
        self._seconds.append(seconds)
        place = number - self._start
        evenly = number % self._step == 0
        # At powers of two from its start: one of them is near the middle, wherever the run ends.
        in_run = place > 0 and place & (place - 1) == 0
        if not (evenly or in_run):
            return
        shown = picture()
        if in_run:
            self._run[number] = shown
        if evenly:
            self._even[number] = shown
            if len(self._even) >= _EVEN * self._count:
                self._step *= 2
                self._even = {n: kept for n, kept in self._even.items() if n % self._step == 0}

    def chosen(self) -> list[Frame]:
        """Some of every scene, in order; empty where there was no frame."""
        self._end_run(len(self._thumbnails))
        pictures = self._even | {number: picture for _, number, picture in self._runs}
        numbers = choose(self._thumbnails, self._count, self._shortest(), sorted(pictures))
        return [(self._seconds[number], pictures[number]) for number in numbers]

    def _end_run(self, end: int) -> None:
        if self._run:
            middle = (self._start + end) / 2
            number = min(self._run, key=lambda n: (abs(n - middle), n))
            self._runs.append((end - self._start, number, self._run[number]))
            if len(self._runs) > _RUNS * self._count:
                # Of too many scenes the longest are taken.
                self._runs.remove(min(self._runs, key=lambda run: run[:2]))
        self._start, self._run = end, {}

    def _shortest(self) -> int:
        apart = np.diff(self._seconds)
        interval = float(np.median(apart)) if len(apart) else 0.0
        frames = round(_SHORTEST_SECONDS / interval) if interval > 0 else 0
        return min(frames, _SHORTEST_FRAMES)
